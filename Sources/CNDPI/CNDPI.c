// SPDX-License-Identifier: Apache-2.0

#include "CNDPI.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <ndpi/ndpi_api.h>

// The most bytes of a packet that are looked at; and zeros behind it, so that a dissector that reads a little too far
// finds nothing.
#define MOST_BYTES 2048
#define ZEROS 256

struct ndpi_inspector {
	struct ndpi_detection_module_struct *module;
	uint8_t packet[MOST_BYTES + ZEROS];
};

struct ndpi_inspected_flow {
	struct ndpi_flow_struct *flow;
	// IPPROTO_TCP, …, of its first packet; 0 before it.
	uint8_t protocol;
};

// nDPI prepares only one at a time.
static pthread_mutex_t preparing = PTHREAD_MUTEX_INITIALIZER;

static struct ndpi_detection_module_struct *prepare(void)
{
	struct ndpi_detection_module_struct *module;
	NDPI_PROTOCOL_BITMASK all;

	pthread_mutex_lock(&preparing);
	module = ndpi_init_detection_module(ndpi_no_prefs);
	if (module) {
		NDPI_BITMASK_SET_ALL(all);
		ndpi_set_protocol_detection_bitmask2(module, &all);
		ndpi_finalize_initialization(module);
	}
	pthread_mutex_unlock(&preparing);
	return module;
}

struct ndpi_inspector *ndpi_inspector_create(void)
{
	struct ndpi_inspector *inspector = calloc(1, sizeof(*inspector));

	if (!inspector)
		return NULL;
	inspector->module = prepare();
	if (inspector->module)
		return inspector;
	free(inspector);
	return NULL;
}

void ndpi_inspector_destroy(struct ndpi_inspector *inspector)
{
	ndpi_exit_detection_module(inspector->module);
	free(inspector);
}

struct ndpi_inspected_flow *ndpi_inspected_flow_create(void)
{
	struct ndpi_inspected_flow *flow = calloc(1, sizeof(*flow));
	// The size is asked for: that of the header may be another version's.
	uint32_t size = ndpi_detection_get_sizeof_ndpi_flow_struct();

	if (!flow)
		return NULL;
	flow->flow = ndpi_flow_malloc(size);
	if (flow->flow) {
		memset(flow->flow, 0, size);
		return flow;
	}
	free(flow);
	return NULL;
}

void ndpi_inspected_flow_destroy(struct ndpi_inspected_flow *flow)
{
	ndpi_free_flow(flow->flow);
	free(flow);
}

// Shortens the datagram's own length to what there is. Returns the bytes that are the datagram's.
static size_t fit(uint8_t *packet, size_t length)
{
	uint16_t number;
	size_t header = 0;

	if (length >= 20 && packet[0] >> 4 == 4) {
		memcpy(&number, packet + 2, 2);
		if (ntohs(number) <= length)
			return ntohs(number);
		number = htons(length);
		memcpy(packet + 2, &number, 2);
	} else if (length >= 40 && packet[0] >> 4 == 6) {
		header = 40;
		memcpy(&number, packet + 4, 2);
		if (header + ntohs(number) <= length)
			return header + ntohs(number);
		number = htons(length - header);
		memcpy(packet + 4, &number, 2);
	}
	return length;
}

// Where the L4 header of a datagram that is no fragment begins, and its protocol. 0 where there is none that nDPI would
// find as well.
static size_t find_l4(const uint8_t *packet, size_t length, uint8_t *protocol)
{
	size_t offset = (packet[0] & 15) * 4;

	if (length >= 20 && packet[0] >> 4 == 4) {
		*protocol = packet[9];
		// More fragments, or an offset (RFC 791, 3.1).
		return offset < 20 || offset > length || packet[6] & 0x3f || packet[7] ? 0 : offset;
	}
	if (length < 40 || packet[0] >> 4 != 6)
		return 0;
	*protocol = packet[6];
	for (offset = 40;
	     *protocol == IPPROTO_HOPOPTS || *protocol == IPPROTO_ROUTING || *protocol == IPPROTO_DSTOPTS;) {
		if (offset + 8 > length)
			return 0;
		*protocol = packet[offset];
		offset += (packet[offset + 1] + 1) * 8;
	}
	if (offset > length || *protocol == IPPROTO_FRAGMENT || *protocol == IPPROTO_NONE || *protocol == IPPROTO_MH)
		return 0;
	return offset;
}

// Whether the L4 header is there as a whole, and of the flow's protocol. nDPI 4.2 takes it for granted that what follows
// the first packet of a TCP connection is TCP, and ends the process where it is not.
static bool is_sound(struct ndpi_inspected_flow *flow, const uint8_t *packet, size_t length)
{
	uint8_t protocol = 0;
	size_t offset = find_l4(packet, length, &protocol);
	size_t rest = length - offset;

	if (!offset || (flow->protocol && flow->protocol != protocol))
		return false;
	flow->protocol = protocol;
	switch (protocol) {
	case IPPROTO_TCP:
		return rest >= 20 && packet[offset + 12] >> 4 >= 5 && (size_t)(packet[offset + 12] >> 4) * 4 <= rest;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return rest >= 8;
	}
	return true;
}

static struct ndpi_opinion opinion(struct ndpi_inspector *inspector, struct ndpi_inspected_flow *flow,
				   ndpi_protocol found)
{
	struct ndpi_opinion opinion = {
		.application = found.app_protocol,
		.master = found.master_protocol,
		.category = found.category,
		.may_become_more = ndpi_extra_dissection_possible(inspector->module, flow->flow),
	};

	// Of a protocol with nothing in it, as plain TLS, nDPI may say it as the one or as the other.
	if (opinion.application == NDPI_PROTOCOL_UNKNOWN) {
		opinion.application = opinion.master;
		opinion.master = NDPI_PROTOCOL_UNKNOWN;
	}
	if (opinion.application == opinion.master)
		opinion.master = NDPI_PROTOCOL_UNKNOWN;
	strncpy(opinion.host, flow->flow->host_server_name, sizeof(opinion.host) - 1);
	return opinion;
}

struct ndpi_opinion ndpi_inspector_look(struct ndpi_inspector *inspector, struct ndpi_inspected_flow *flow,
					const uint8_t *packet, size_t length, uint64_t time)
{
	if (length > MOST_BYTES)
		length = MOST_BYTES;
	memcpy(inspector->packet, packet, length);
	length = fit(inspector->packet, length);
	memset(inspector->packet + length, 0, sizeof(inspector->packet) - length);
	if (!is_sound(flow, inspector->packet, length)) {
		ndpi_protocol known = {
			.master_protocol = flow->flow->detected_protocol_stack[1],
			.app_protocol = flow->flow->detected_protocol_stack[0],
			.category = flow->flow->category,
		};

		return opinion(inspector, flow, known);
	}
	return opinion(inspector, flow,
		       ndpi_detection_process_packet(inspector->module, flow->flow, inspector->packet, length, time));
}

struct ndpi_opinion ndpi_inspector_conclude(struct ndpi_inspector *inspector, struct ndpi_inspected_flow *flow)
{
	bool was_known = flow->flow->detected_protocol_stack[0] != NDPI_PROTOCOL_UNKNOWN;
	uint8_t was_guessed = 0;
	struct ndpi_opinion last;

	last = opinion(inspector, flow, ndpi_detection_giveup(inspector->module, flow->flow, 1, &was_guessed));
	last.may_become_more = false;
	last.is_guessed = was_guessed && !was_known && last.application != NDPI_PROTOCOL_UNKNOWN;
	return last;
}

uint32_t ndpi_inspector_application_count(struct ndpi_inspector *inspector)
{
	return ndpi_get_num_supported_protocols(inspector->module);
}

const char *ndpi_inspector_application_name(struct ndpi_inspector *inspector, uint16_t application)
{
	return ndpi_get_proto_name(inspector->module, application);
}

uint32_t ndpi_inspector_category_count(void)
{
	return NDPI_PROTOCOL_NUM_CATEGORIES;
}

const char *ndpi_inspector_category_name(struct ndpi_inspector *inspector, uint16_t category)
{
	return ndpi_category_get_name(inspector->module, category);
}
