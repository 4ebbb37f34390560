// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs around a module's handle_rx. Modules include it through hover/iomodule.h and use none of it by name.
#pragma once

#include <hover/settle.h>

// What leaves is handle_tx's where a policy has one. The condition is known at load: one of the calls goes.
static __always_inline int hover_handle(HOVER_CONTEXT *context, struct metadata *md)
{
#ifdef HOVER_HANDLE_TX
	if (HOVER_EGRESS)
		return handle_tx(context, md);
#endif
	return handle_rx(context, md);
}

// The program of one port.
HOVER_SECTION
int hover_rx(HOVER_CONTEXT *context)
{
	struct hover_arrival arrival = hover_arrive(context);
	struct metadata md = {};
	__u64 before[4];
	int verdict;

	if (HOVER_COUNTS) {
		struct hover_counters *here;
		__u64 port = HOVER_PORT;

		if (__builtin_expect(!arrival.counters || port > HOVER_MAX_PORT, 0))
			return hover_never();
		here = hover_counters_of(arrival.counters, port);
		here->ports[0].rx_packets++;
		here->ports[0].rx_bytes += arrival.length;
	}
	md.module_id = HOVER_MODULE;
	md.in_ifc = HOVER_PORT;
	md.is_egress = HOVER_EGRESS;
	md.pktlen = arrival.length;
	hover_take_data(&md);
	__builtin_memcpy(before, md.data, sizeof(before));

	verdict = hover_handle(context, &md);
	hover_leave_data(&md, before);
	return hover_settle(context, &md, verdict, &arrival, NULL);
}

// Declares a program of the module that handle_rx or another stage goes on in by pkt_continue, numbered from 1 to 15.
#define HOVER_STAGE(number, function)                                                                                 \
	static int function(void *pkt, struct metadata *md);                                                          \
	HOVER_SECTION int hover_stage_##number(HOVER_CONTEXT *context)                                                \
	{                                                                                                             \
		return hover_run_stage(context, function);                                                            \
	}

static __always_inline int hover_run_stage(HOVER_CONTEXT *context, int (*function)(void *, struct metadata *))
{
	const struct hover_state *state = hover_state_here();
	struct hover_arrival arrival = hover_arrive(context);
	struct metadata md;
	__u64 before[4];
	int verdict;

	if (!state)
		return hover_drop(HOVER_DROP_ERROR);
	md = state->md;
	__builtin_memcpy(before, md.data, sizeof(before));
	verdict = function(context, &md);
	hover_leave_data(&md, before);
	return hover_settle(context, &md, verdict, &arrival, state);
}

// Modules are loaded as GPL, as the original Hover did: many helpers are there for GPL programs only.
char hover_license[] SEC("license") = "GPL";
