// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs and maps around a module's handle_rx. Modules include it through hover/iomodule.h and use none of it
// by name; Sources/Dataplane/ModuleImage.swift is its other half.
#pragma once

#include <hover/constant.h>

// md->module_id.
#define HOVER_MODULE HOVER_RARE_CONSTANT(1)
// The port that the program receives on. A policy: 1 ingress, 2 egress.
#define HOVER_PORT HOVER_CONSTANT(2)
// The highest port number that counters are kept for.
#define HOVER_MAX_PORT HOVER_CONSTANT(3)
// The highest port that a packet can leave by: in a policy 0, for it has none.
#define HOVER_MAX_WAY HOVER_CONSTANT(6)
// Whether the program is the egress handler of a policy: 1 or 0.
#define HOVER_EGRESS HOVER_RARE_CONSTANT(7)
// The slot where a policy's packets go on.
#define HOVER_NEXT HOVER_CONSTANT(4)
// The slot that holds the program itself.
#define HOVER_SELF HOVER_CONSTANT(5)
// Whether the module is a policy.
#define HOVER_IS_POLICY HOVER_FLAG(128)

// Whether packets and bytes are counted per port. A module that is compiled with HOVER_NO_COUNTERS has no code for it.
#ifdef HOVER_NO_COUNTERS
#define HOVER_COUNTS false
#else
#define HOVER_COUNTS true
#endif

// Why a packet ended in a module. The order is known to Sources/Dataplane/DropReason.swift.
enum hover_drop_reason {
	// handle_rx answered RX_DROP.
	HOVER_DROP_VERDICT,
	// handle_rx answered RX_ERROR, or a number that is no verdict.
	HOVER_DROP_ERROR,
	// The packet left by a port that has no link.
	HOVER_DROP_UNLINKED,
	// The packet was redirected to a port number that the module cannot have.
	HOVER_DROP_NO_PORT,
	// The packet crossed more hops than the kernel allows a chain of tail calls (33, include/linux/bpf.h).
	HOVER_DROP_LOOP,
	// The packet was sent to a slow path that does not listen.
	HOVER_DROP_CONTROLLER,
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
	__u64 drops[HOVER_DROP_REASONS];
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

// What a port is linked to; all zero when to nothing.
struct hover_way {
	// The interface that is linked to the port.
	__u32 interface;
	// The module that packets enter next, by its number.
	__u32 module;
	// The slot of that module that holds the program that they enter it by.
	__u32 slot;
};

// By port number. The loader sets the size.
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

static __always_inline struct hover_counters *hover_counters_here(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&hover_counters, &only);
}

static __always_inline int hover_drop(enum hover_drop_reason reason)
{
	struct hover_counters *counters = hover_counters_here();

	if (counters)
		counters->drops[reason]++;
	return TC_ACT_SHOT;
}

// A tail call whose instruction has the slot as an immediate. As bpf_tail_call would, it returns only on failure.
#define HOVER_JUMP(skb, slot)                                                                                         \
	({                                                                                                            \
		register void *context_ asm("r1") = (skb);                                                            \
		asm volatile("r2 = %[slots] ll\n\tr3 = %[index]\n\tcall 12"                                          \
			     : "+r"(context_)                                                                         \
			     : [slots] "i"(&hover_slots), [index] "i"(slot)                                           \
			     : "r0", "r2", "r3", "r4", "r5");                                                         \
	})

// Jumps to what is behind a port, and returns the port when there was no way on.
//
// Each call has its own constant. One call with a run-time index costs an indirect jump: ports above 8 pay it.
static __always_inline __u32 hover_jump_to_port(struct __sk_buff *skb, __u32 port)
{
	if (port == 1) {
		HOVER_JUMP(skb, 1);
		return 1;
	} else if (port == 2) {
		HOVER_JUMP(skb, 2);
		return 2;
	} else if (port == 3) {
		HOVER_JUMP(skb, 3);
		return 3;
	} else if (port == 4) {
		HOVER_JUMP(skb, 4);
		return 4;
	} else if (port == 5) {
		HOVER_JUMP(skb, 5);
		return 5;
	} else if (port == 6) {
		HOVER_JUMP(skb, 6);
		return 6;
	} else if (port == 7) {
		HOVER_JUMP(skb, 7);
		return 7;
	} else if (port == 8) {
		HOVER_JUMP(skb, 8);
		return 8;
	}
	bpf_tail_call(skb, &hover_slots, port);
	return port;
}

static __always_inline void hover_count_tx(struct __sk_buff *skb, struct hover_counters *counters, __u64 port,
					   __u64 packets)
{
	if (!counters || port > HOVER_MAX_PORT)
		return;
	counters->ports[port].tx_packets += packets;
	counters->ports[port].tx_bytes += packets * skb->len;
}

// Where a tail call to a port's slot that did not happen ends: nothing is linked to the port, or the kernel's limit of
// tail calls is reached.
static __always_inline int hover_no_way(__u32 port)
{
	struct hover_way *way = bpf_map_lookup_elem(&hover_ways, &port);

	return hover_drop(way && (way->interface || way->module) ? HOVER_DROP_LOOP : HOVER_DROP_UNLINKED);
}

static __always_inline int hover_forward(struct __sk_buff *skb, struct metadata *md,
					 struct hover_counters *volatile *kept)
{
	__u32 port = md->redir_ifc;

	if (port == 0 || port > HOVER_MAX_WAY)
		return hover_drop(HOVER_DROP_NO_PORT);
	if (HOVER_COUNTS)
		hover_count_tx(skb, *kept, port, 1);
	port = hover_jump_to_port(skb, port);
	// It did not leave.
	if (HOVER_COUNTS)
		hover_count_tx(skb, *kept, port, -1);
	return hover_no_way(port);
}

static __always_inline int hover_pass(struct __sk_buff *skb)
{
	if (!HOVER_IS_POLICY)
		return TC_ACT_UNSPEC;
	bpf_tail_call(skb, &hover_slots, HOVER_NEXT);
	return hover_drop(HOVER_DROP_LOOP);
}

static __always_inline int hover_recirculate(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &hover_slots, HOVER_SELF);
	return hover_drop(HOVER_DROP_LOOP);
}

// The program of one port.
SEC("tc")
int hover_rx(struct __sk_buff *skb)
{
	struct metadata md = {};
	// On the stack: a register would be saved and restored at each hop.
	struct hover_counters *volatile kept;

	if (HOVER_COUNTS) {
		struct hover_counters *counters = hover_counters_here();
		__u64 port = HOVER_PORT;

		kept = counters;
		if (counters && port <= HOVER_MAX_PORT) {
			counters->ports[port].rx_packets++;
			counters->ports[port].rx_bytes += skb->len;
		}
	}
	md.module_id = HOVER_MODULE;
	md.in_ifc = HOVER_PORT;
	md.is_egress = HOVER_EGRESS;
	md.pktlen = skb->len;

	switch (handle_rx(skb, &md)) {
	case RX_OK:
		return hover_pass(skb);
	case RX_REDIRECT:
		return hover_forward(skb, &md, &kept);
	case RX_DROP:
		return hover_drop(HOVER_DROP_VERDICT);
	case RX_RECIRCULATE:
		return hover_recirculate(skb);
	case RX_CONTROLLER:
		return hover_drop(HOVER_DROP_CONTROLLER);
	default:
		return hover_drop(HOVER_DROP_ERROR);
	}
}

// Modules are loaded as GPL, as the original Hover did: many helpers are there for GPL programs only.
char hover_license[] SEC("license") = "GPL";
