// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs and maps around a module's handle_rx. Modules include it through hover/iomodule.h and use none of it
// by name; Sources/Dataplane/ModuleImage.swift is its other half.
#pragma once

#include <hover/constant.h>

// md->module_id.
#define HOVER_MODULE HOVER_CONSTANT(1)
// The port that the program receives on. A policy: 1 ingress, 2 egress.
#define HOVER_PORT HOVER_CONSTANT(2)
// The highest port number of the module.
#define HOVER_MAX_PORT HOVER_CONSTANT(3)
// The slot where a policy's packets go on; 0 in a forward module.
#define HOVER_NEXT HOVER_CONSTANT(4)
// The slot that holds the program itself.
#define HOVER_SELF HOVER_CONSTANT(5)
// Whether packets and bytes are counted per port: 1 or 0.
#define HOVER_COUNTERS HOVER_CONSTANT(6)

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

// Where packets leave for: slot 0 holds hover_unlinked, slots from 1 the program behind each port (forward) or after
// each place where a policy lies; as many again hold the module's own programs, for RX_RECIRCULATE. One array a
// module, because the kernel walks all programs that know an array when one of its slots changes
// (kernel/bpf/arraymap.c, prog_array_map_poke_run). The loader sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hover_slots SEC(".maps");

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
	asm volatile("r1 = %[context]\n\tr2 = %[slots] ll\n\tr3 = %[index]\n\tcall 12"                                \
		     :                                                                                                \
		     : [context] "r"(skb), [slots] "i"(&hover_slots), [index] "i"(slot)                               \
		     : "r0", "r1", "r2", "r3", "r4", "r5")

// Where a tail call that did not happen ends: in slot 0 the module counts the packet as unlinked, unless the kernel's
// limit of tail calls is reached, when that call fails too.
static __always_inline int hover_no_way(struct __sk_buff *skb)
{
	HOVER_JUMP(skb, 0);
	return hover_drop(HOVER_DROP_LOOP);
}

static __always_inline void hover_jump_to_port(struct __sk_buff *skb, __u32 port)
{
	// Each call has its own constant. One call with a run-time index costs an indirect jump: ports above 8 pay it.
	if (port == 1)
		HOVER_JUMP(skb, 1);
	else if (port == 2)
		HOVER_JUMP(skb, 2);
	else if (port == 3)
		HOVER_JUMP(skb, 3);
	else if (port == 4)
		HOVER_JUMP(skb, 4);
	else if (port == 5)
		HOVER_JUMP(skb, 5);
	else if (port == 6)
		HOVER_JUMP(skb, 6);
	else if (port == 7)
		HOVER_JUMP(skb, 7);
	else if (port == 8)
		HOVER_JUMP(skb, 8);
	else
		bpf_tail_call(skb, &hover_slots, port);
}

// `kept` and the port are read from the stack: a register for them would be saved and restored at each hop, also by
// modules that do not count.
static __always_inline int hover_forward(struct __sk_buff *skb, struct metadata *md,
					 struct hover_counters *volatile *kept)
{
	volatile int *kept_port = &md->redir_ifc;
	__u32 port = *kept_port;

	if (HOVER_NEXT || port == 0 || port > HOVER_MAX_PORT)
		return hover_drop(HOVER_DROP_NO_PORT);
	if (HOVER_COUNTERS) {
		struct hover_counters *counters = *kept;

		if (counters) {
			counters->ports[port].tx_packets++;
			counters->ports[port].tx_bytes += skb->len;
		}
	}
	hover_jump_to_port(skb, port);
	// There was no way on: it did not leave.
	if (HOVER_COUNTERS) {
		struct hover_counters *counters = *kept;

		port = *kept_port;
		if (counters && port <= HOVER_MAX_PORT) {
			counters->ports[port].tx_packets--;
			counters->ports[port].tx_bytes -= skb->len;
		}
	}
	return hover_no_way(skb);
}

static __always_inline int hover_pass(struct __sk_buff *skb)
{
	__u64 next = HOVER_NEXT;

	if (!next)
		return TC_ACT_UNSPEC;
	bpf_tail_call(skb, &hover_slots, next);
	return hover_no_way(skb);
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
	// Only of use to modules that count.
	struct hover_counters *volatile kept;

	if (HOVER_COUNTERS) {
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
	md.is_egress = HOVER_NEXT && HOVER_PORT == 2;
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

// The program in slot 0.
SEC("tc")
int hover_unlinked(struct __sk_buff *skb)
{
	return hover_drop(HOVER_DROP_UNLINKED);
}

// Modules are loaded as GPL, as the original Hover did: many helpers are there for GPL programs only.
char hover_license[] SEC("license") = "GPL";
