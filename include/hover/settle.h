// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The maps of a module, and how a verdict is carried out. Modules include it through hover/iomodule.h and use none of it
// by name; Sources/Dataplane/ModuleImage.swift is its other half.
#pragma once

#include <hover/constant.h>
#include <hover/hook.h>
#include <hover/state.h>

// md->module_id.
#define HOVER_MODULE HOVER_CONSTANT(1)
// The port that the program receives on. A policy: 1 ingress, 2 egress.
#define HOVER_PORT HOVER_CONSTANT(2)
// The highest port number that counters are kept for.
#define HOVER_MAX_PORT HOVER_CONSTANT(3)
// The highest port that a packet can leave by: in a policy 0, for it has none.
#define HOVER_MAX_WAY HOVER_CONSTANT(6)
// Whether the program is the egress handler of a policy: 1 or 0.
#define HOVER_EGRESS HOVER_CONSTANT(7)
// The slot where a policy's packets go on.
#define HOVER_NEXT HOVER_CONSTANT(4)
// The slot that holds the program itself.
#define HOVER_SELF HOVER_CONSTANT(5)
// The device whose egress hook (hover_dispatch, Sources/Dataplane/dispatch.bpf.c) lets packets into modules.
#define HOVER_DEVICE HOVER_CONSTANT(8)
// Whether the module is a policy.
#define HOVER_IS_POLICY HOVER_FLAG(128)

// Whether packets and bytes are counted per port. A module that is compiled with HOVER_NO_COUNTERS has no code for it.
#ifdef HOVER_NO_COUNTERS
#define HOVER_COUNTS false
#else
#define HOVER_COUNTS true
#endif

// A function for what is seldom: at tc without counters hover_rx keeps nothing across a call, and not even the context
// for such a function.
#if defined(HOVER_XDP) || !defined(HOVER_NO_COUNTERS)
#define HOVER_SELDOM __noinline __attribute__((unused))
#else
#define HOVER_SELDOM __always_inline
#endif

// What is counted besides ports: why a packet ended in a module, mostly. The order is known to Sources/Dataplane/DropReason.swift.
enum hover_event {
	// handle_rx answered RX_DROP.
	HOVER_DROP_VERDICT,
	// handle_rx answered RX_ERROR, or a number that is no verdict.
	HOVER_DROP_ERROR,
	// The packet left by a port that has no link; or the module gave the kernel a packet that is on no interface, a copy
	// or one of user space.
	HOVER_DROP_UNLINKED,
	// The packet was redirected to a port number that the module cannot have.
	HOVER_DROP_NO_PORT,
	// The packet crossed more hops than the kernel allows a chain of tail calls (33, include/linux/bpf.h).
	HOVER_DROP_LOOP,
	// The packet was sent to a slow path, and nobody listens.
	HOVER_DROP_CONTROLLER,
	// The module sends more to its slow path than it may.
	HOVER_DROP_CONTROLLER_RATE,
	// The slow path does not read fast enough: its ring is full.
	HOVER_DROP_CONTROLLER_FULL,
	// The kernel had no memory for a copy, or the copy's interface is down.
	HOVER_DROP_COPY,
	// An xdp module's packet could not be handed up to tc.
	HOVER_DROP_HAND_UP,
	// Not drops: packets that the slow path got, and copies that were sent.
	HOVER_COUNT_PACKET_IN = 14,
	HOVER_COUNT_COPY = 15,
	HOVER_DROP_REASONS = 16,
};

struct hover_port_counters {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};

// Index 0 of the ports is not used: ports are numbered from 1.
struct hover_counters {
	__u64 events[HOVER_DROP_REASONS];
	struct hover_port_counters ports[];
};

// Where packets leave for: slots from 1 hold the program behind each port (forward) or after each place where a policy
// lies; as many again the module's own programs, for RX_RECIRCULATE. One array a module, because the kernel walks all
// programs that know an array when one of its slots changes (kernel/bpf/arraymap.c, prog_array_map_poke_run). The loader
// sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hover_slots SEC(".maps");

// The module's programs that are the same for all ports: hover_finish, and those of HOVER_STAGE from 1.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 16);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hover_stages SEC(".maps");

// What a port is linked to; all zero when to nothing.
struct hover_way {
	// The interface that is linked to the port.
	__u32 interface;
	// The module that packets enter next, by its number.
	__u32 module;
	// The slot of that module that holds the program that they enter it by.
	__u32 slot;
};

// By port number, in a policy by the place where it lies. The loader sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_way);
} hover_ways SEC(".maps");

// One struct hover_counters a CPU. The loader sets the size, by the number of ports.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct hover_counters));
} hover_counters SEC(".maps");

// The same value each time, which no call changes: clang looks it up once where it can, or not at all.
static __always_inline struct hover_counters *hover_counters_here(void)
{
	__u32 only = 0;

	return hover_lookup_if_read(&hover_counters, &only);
}

static __always_inline void hover_count(enum hover_event event)
{
	struct hover_counters *counters = hover_counters_here();

	if (counters)
		counters->events[event]++;
}

static __always_inline int hover_drop(enum hover_event reason)
{
	hover_count(reason);
	return HOVER_END;
}

// Jumps to what is behind a port, and returns the port when there was no way on.
//
// Each call has its own constant. One call with a run-time index costs an indirect jump: ports above 8 pay it.
static __always_inline __u32 hover_jump_to_port(HOVER_CONTEXT *context, __u32 port)
{
	if (port == 1) {
		HOVER_JUMP(context, hover_slots, 1);
		return 1;
	} else if (port == 2) {
		HOVER_JUMP(context, hover_slots, 2);
		return 2;
	} else if (port == 3) {
		HOVER_JUMP(context, hover_slots, 3);
		return 3;
	} else if (port == 4) {
		HOVER_JUMP(context, hover_slots, 4);
		return 4;
	} else if (port == 5) {
		HOVER_JUMP(context, hover_slots, 5);
		return 5;
	} else if (port == 6) {
		HOVER_JUMP(context, hover_slots, 6);
		return 6;
	} else if (port == 7) {
		HOVER_JUMP(context, hover_slots, 7);
		return 7;
	} else if (port == 8) {
		HOVER_JUMP(context, hover_slots, 8);
		return 8;
	}
	bpf_tail_call(context, &hover_slots, port);
	return port;
}

// Where `ports[0]` are the counters of a port. The offset is made once, and in `asm`: clang would multiply for each
// counter anew.
static __always_inline struct hover_counters *hover_counters_of(struct hover_counters *counters, __u64 port)
{
	__u64 offset = port * sizeof(counters->ports[0]);

	asm("" : "+r"(offset));
	return (void *)counters + offset;
}

// The port must be one that counters are kept for.
static __always_inline void hover_count_tx(struct hover_counters *counters, __u64 port, __u64 packets, __u32 length)
{
	struct hover_counters *here = hover_counters_of(counters, port);

	here->ports[0].tx_packets += packets;
	here->ports[0].tx_bytes += packets * length;
}

// What a program asks when a packet comes, so that it need not ask again.
struct hover_arrival {
	// Null where nothing is counted.
	struct hover_counters *counters;
	// hover_first_length, and hover_frame_length.
	__u32 first;
	__u32 length;
};

#if defined(HOVER_XDP) && !defined(HOVER_NO_COUNTERS)
// hover_frame_length for a frame with more than the first part, and the counters anew: what a register kept from before
// that call would be saved and restored in each hop, for the few frames that are so long. Hence the stack, too.
static __always_inline void hover_measure(HOVER_CONTEXT *context, struct hover_arrival *arrival)
{
	volatile __u32 whole = hover_buffer_length(context);
	__u32 only = 0;

	// Clang would see that it is the same question.
	asm("" : "+r"(only));
	arrival->counters = hover_lookup_if_read(&hover_counters, &only);
	arrival->length = whole;
}
#endif

static __always_inline struct hover_arrival hover_arrive(HOVER_CONTEXT *context)
{
	struct hover_arrival arrival = {};

#ifdef HOVER_NO_COUNTERS
	arrival.first = hover_first_length(context);
	arrival.length = hover_frame_length(context);
#else
	// Before the length, which would have to be kept across this.
	arrival.counters = hover_counters_here();
	arrival.first = hover_first_length(context);
	arrival.length = arrival.first;
#ifdef HOVER_XDP
	if (__builtin_expect(hover_may_have_more(arrival.first), 0))
		hover_measure(context, &arrival);
#endif
#endif
	return arrival;
}

// Bytes of the whole frame, after handle_rx. No helper has run if clang knows that the first part has its old length:
// it would read the context again after a call.
static __always_inline __u32 hover_length_now(HOVER_CONTEXT *context, const struct hover_arrival *arrival)
{
	bool same = hover_first_length(context) == arrival->first;

	if (__builtin_constant_p(same) && same)
		return arrival->length;
	return hover_frame_length(context);
}

#include <hover/handover.h>

// Where a tail call to a slot that did not happen ends. Nothing is linked there; or what is there is not an xdp program,
// and the packet goes up to tc; or the kernel's limit of tail calls is reached.
static __always_inline int hover_no_way(HOVER_CONTEXT *context, __u32 slot)
{
	struct hover_way *way = bpf_map_lookup_elem(&hover_ways, &slot);

	if (!way || !(way->interface || way->module))
		return hover_drop(HOVER_DROP_UNLINKED);
#ifdef HOVER_XDP
	return hover_hand_up_way(context, way);
#else
	return hover_drop(HOVER_DROP_LOOP);
#endif
}

static __always_inline bool hover_is_linked(__u32 slot)
{
	struct hover_way *way = bpf_map_lookup_elem(&hover_ways, &slot);

	return way && (way->interface || way->module);
}

// The packet did not leave by a port, or goes up to tc from there.
//
// Where registers must be kept for this, across the calls that it makes, it is a function of its own: hover_rx would save
// and restore them in each hop.
static HOVER_SELDOM int hover_not_sent(HOVER_CONTEXT *context, __u32 port)
{
#ifdef HOVER_XDP
	bool leaves = hover_is_linked(port);
#else
	bool leaves = false;
#endif

	if (HOVER_COUNTS && !leaves) {
		struct hover_counters *counters = hover_counters_here();

		if (counters && port <= HOVER_MAX_PORT)
			hover_count_tx(counters, port, -1, hover_frame_length(context));
	}
	return hover_no_way(context, port);
}

static __always_inline int hover_forward(HOVER_CONTEXT *context, struct metadata *md,
					 const struct hover_arrival *arrival)
{
	__u32 port = md->redir_ifc;

	if (port == 0 || port > HOVER_MAX_WAY)
		return hover_drop(HOVER_DROP_NO_PORT);
	if (HOVER_COUNTS) {
		if (__builtin_expect(!arrival->counters, 0))
			return hover_never();
		hover_count_tx(arrival->counters, port, 1, hover_length_now(context, arrival));
	}
	return hover_not_sent(context, hover_jump_to_port(context, port));
}

static __always_inline int hover_pass(HOVER_CONTEXT *context, __u32 next)
{
	bpf_tail_call(context, &hover_slots, next);
	return hover_no_way(context, next);
}

// Notes for another program of the module what is to become of the packet, and goes there. `next` and `self` as in
// struct hover_state.
static __always_inline int hover_hand_on(HOVER_CONTEXT *context, struct metadata *md, int verdict, __u32 next,
					 __u32 self, __u32 stage)
{
	struct hover_state *state = hover_state_here();

	if (!state)
		return hover_drop(HOVER_DROP_ERROR);
	state->md = *md;
	state->verdict = verdict;
	state->next = next;
	state->self = self;
	bpf_tail_call(context, &hover_stages, stage);
	return hover_drop(stage && stage < 16 ? HOVER_DROP_ERROR : HOVER_DROP_LOOP);
}

// The packet goes on its ordinary way. A copy for the module, or a packet of user space, has none: it is on Hover's device.
static __always_inline int hover_give_back(HOVER_CONTEXT *context)
{
#ifndef HOVER_XDP
	if (context->ifindex == HOVER_DEVICE)
		return hover_drop(HOVER_DROP_UNLINKED);
#endif
	return HOVER_PASS;
}

// Carries out what handle_rx answered. In a stage, the program's numbers are those of the port's program that it came
// from; they are not asked for where they are not needed.
static __always_inline int hover_settle(HOVER_CONTEXT *context, struct metadata *md, int verdict,
					const struct hover_arrival *arrival, const struct hover_state *from)
{
#define HOVER_NEXT_HERE (from ? from->next : HOVER_NEXT)
#define HOVER_SELF_HERE (from ? from->self : HOVER_SELF)
	if (verdict == RX_STAGE && !(md->copies_first && md->copies))
		return hover_hand_on(context, md, verdict, HOVER_IS_POLICY ? HOVER_NEXT_HERE : 0, HOVER_SELF_HERE,
				     md->redir_ifc);
	if (md->copies || verdict == RX_FLOOD || verdict == RX_CONTROLLER || verdict == RX_HOLD)
		return hover_hand_on(context, md, verdict, HOVER_IS_POLICY ? HOVER_NEXT_HERE : 0, HOVER_SELF_HERE, 0);
	switch (verdict) {
	case RX_OK:
		if (HOVER_IS_POLICY)
			return hover_pass(context, HOVER_NEXT_HERE);
		return hover_give_back(context);
	case RX_REDIRECT:
		return hover_forward(context, md, arrival);
	case RX_DROP:
		return hover_drop(HOVER_DROP_VERDICT);
	case RX_RECIRCULATE:
		bpf_tail_call(context, &hover_slots, HOVER_SELF_HERE);
		return hover_drop(HOVER_DROP_LOOP);
	default:
		return hover_drop(HOVER_DROP_ERROR);
	}
}

#ifdef HOVER_HANDLE_TX
static int handle_tx(void *pkt, struct metadata *md);
#endif
