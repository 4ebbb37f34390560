// SPDX-License-Identifier: Apache-2.0
//
// The little of nDPI that Hover needs, as functions: what nDPI offers are macros and structures whose members change
// from version to version.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Recognises applications. Not for two threads at once; several of them may each be used by a thread of its own.
struct ndpi_inspector;

// What the inspector has seen of a flow.
struct ndpi_inspected_flow;

// What nDPI thinks of a flow, in its numbers; 0 where it does not know.
struct ndpi_opinion {
	// YouTube, in TLS that carries YouTube; TLS is the master then.
	uint16_t application;
	uint16_t master;
	uint16_t category;
	// Whether further packets may tell more.
	bool may_become_more;
	// Whether it is known by port or address only.
	bool is_guessed;
	// Server name of TLS or QUIC, host of HTTP, question of DNS, …; ends with a zero, and is what some host sent.
	char host[64];
};

// Makes one, in some 15 ms. NULL where there is no memory.
struct ndpi_inspector *ndpi_inspector_create(void);
void ndpi_inspector_destroy(struct ndpi_inspector *inspector);

// NULL where there is no memory.
struct ndpi_inspected_flow *ndpi_inspected_flow_create(void);
void ndpi_inspected_flow_destroy(struct ndpi_inspected_flow *flow);

// Looks at the next packet of a flow, from the IP header on. One that was cut off is taken for as long as it is; a
// fragment, or one that has no whole header of the flow's L4 protocol, is left out.
//
//	time   of the packet, in milliseconds
struct ndpi_opinion ndpi_inspector_look(struct ndpi_inspector *inspector, struct ndpi_inspected_flow *flow,
					const uint8_t *packet, size_t length, uint64_t time);

// What it thinks of a flow of which there are no more packets: where these did not tell, it guesses.
struct ndpi_opinion ndpi_inspector_conclude(struct ndpi_inspector *inspector, struct ndpi_inspected_flow *flow);

// How many applications there are, numbered from 0.
uint32_t ndpi_inspector_application_count(struct ndpi_inspector *inspector);
const char *ndpi_inspector_application_name(struct ndpi_inspector *inspector, uint16_t application);

// How many categories there are, numbered from 0. Those that nDPI has no name for have an empty one.
uint32_t ndpi_inspector_category_count(void);
const char *ndpi_inspector_category_name(struct ndpi_inspector *inspector, uint16_t category);
