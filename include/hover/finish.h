// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What a module's verdict may need beyond a tail call: copies, and packets for the slow path. It is a program of its own,
// one a module, so that the programs of ports stay small; and it is compiled with Hover, not with each module, for its
// code is the same in all of them (Sources/Dataplane/finish.bpf.c).
#pragma once

#include <hover/bounds.h>
#include <hover/packet_in.h>
#include <hover/settle.h>

#ifndef HOVER_XDP

// Copies inside copies. The kernel bounds transmission inside transmission by 8 (XMIT_RECURSION_LIMIT).
#define HOVER_MOST_DEPTH 4

struct hover_copies {
	struct __sk_buff *skb;
	const struct metadata *md;
	struct hover_state *state;
	// The port that gets the next copy, once there is another one; 0 for none yet.
	__u32 waiting;
	// Whether a verdict needs the packet afterwards.
	__u32 keeps;
	__u32 device;
};

static __always_inline void hover_copy_to(struct hover_copies *copies, __u32 port)
{
	struct hover_way *way = bpf_map_lookup_elem(&hover_ways, &port);
	struct __sk_buff *skb = copies->skb;
	__u32 device;
	long failed;

	if (!way)
		return;
	device = way->interface;
	if (!device) {
		device = copies->device;
		skb->cb[0] = HOVER_COPY;
		skb->cb[1] = way->module;
		skb->cb[2] = way->slot;
	}
	// What runs inside may have left other data.
	__builtin_memcpy(copies->state->data, copies->md->data, sizeof(copies->md->data));
	copies->state->has_data = 1;
	copies->state->depth++;
	failed = bpf_clone_redirect(skb, device, 0);
	copies->state->depth--;
	// What a module drops is told too, and is no failure of ours.
	if (failed < 0 || (failed && device != copies->device)) {
		hover_count(HOVER_DROP_COPY);
		return;
	}
	hover_count(HOVER_COUNT_COPY);
	if (HOVER_COUNTS) {
		struct hover_counters *counters = hover_counters_here();

		if (counters && port <= HOVER_MAX_PORT)
			hover_count_tx(counters, port, 1, skb->len);
	}
}

static long hover_copy_if_wanted(__u32 index, struct hover_copies *copies)
{
	const struct metadata *md = copies->md;
	__u32 port = index + 1;
	bool wanted = md->flood || (index < HOVER_MIRROR_PORTS && (md->copies >> index & 1));

	if (port > HOVER_MAX_WAY)
		return 1;
	if (!wanted || (!copies->keeps && port == (__u32)md->in_ifc) || !hover_is_linked(port))
		return 0;
	if (copies->waiting)
		hover_copy_to(copies, copies->waiting);
	copies->waiting = port;
	return 0;
}

// Sends the copies that a verdict asks for. The packet itself goes to the last port of a flood.
static __always_inline int hover_send_copies(struct __sk_buff *skb, struct metadata *md, int verdict,
					     const struct hover_arrival *arrival, struct hover_state *state)
{
	struct hover_copies copies = {
		.skb = skb,
		.md = md,
		.state = state,
		.waiting = hover_unknown_zero(),
		.keeps = verdict != RX_FLOOD,
		.device = HOVER_DEVICE,
	};
	__u32 next = state->next, self = state->self;

	if (!md->copies && !md->flood && verdict != RX_FLOOD)
		return hover_settle(skb, md, verdict, arrival, state);
	if (state->depth >= HOVER_MOST_DEPTH)
		return hover_drop(HOVER_DROP_LOOP);
	bpf_loop(md->flood ? HOVER_MAX_WAY : HOVER_MIRROR_PORTS, hover_copy_if_wanted, &copies, 0);
	md->copies = 0;
	if (verdict == RX_STAGE)
		md->copies_first = copies.waiting != 0;
	if (copies.keeps && copies.waiting)
		hover_copy_to(&copies, copies.waiting);
	// What ran inside had the state to itself.
	__builtin_memcpy(state->data, md->data, sizeof(md->data));
	state->has_data = 1;
	state->next = next;
	state->self = self;
	if (copies.keeps)
		return hover_settle(skb, md, verdict, arrival, state);
	// Copies that were sent before this flood are what becomes of the packet.
	if (!copies.waiting && md->copies_first)
		return HOVER_END;
	if (!copies.waiting)
		return hover_drop(HOVER_IS_POLICY ? HOVER_DROP_NO_PORT : HOVER_DROP_UNLINKED);
	md->redir_ifc = copies.waiting;
	return hover_forward(skb, md, arrival);
}

#endif

#ifndef HOVER_XDP
// Where packets enter the module from elsewhere (hover_entries), in modules that never need more: it loads in a tenth of
// the time of hover_finish.
HOVER_SECTION
int hover_enter_module(struct __sk_buff *skb)
{
	struct hover_state *state = hover_state_here();
	struct hover_arrival arrival = hover_arrive(skb);
	struct metadata md;

	if (!state)
		return hover_drop(HOVER_DROP_ERROR);
	md = state->md;
	if (state->verdict == RX_REDIRECT)
		return hover_forward(skb, &md, &arrival);
	bpf_tail_call(skb, &hover_slots, md.redir_ifc);
	return hover_drop(HOVER_DROP_UNLINKED);
}
#endif

HOVER_SECTION
int hover_finish(HOVER_CONTEXT *context)
{
	struct hover_state *state = hover_state_here();
	struct metadata md;
	int verdict;

	if (!state)
		return hover_drop(HOVER_DROP_ERROR);
	verdict = state->verdict;
	md = state->md;
	if (verdict == HOVER_ENTER) {
		bpf_tail_call(context, &hover_slots, md.redir_ifc);
		return hover_drop(HOVER_DROP_UNLINKED);
	}
	if (verdict == RX_CONTROLLER && md.reason == PKT_BROADCAST) {
		verdict = RX_FLOOD;
		md.flood = 1;
	}
	if (verdict == RX_CONTROLLER || verdict == RX_HOLD)
		return hover_packet_in(context, &md, verdict, state->self);
#ifdef HOVER_XDP
	struct hover_handover note = {
		.module = HOVER_MODULE,
		.verdict = verdict,
		.in_ifc = md.in_ifc,
		.next = state->next,
		.redir_ifc = md.redir_ifc,
		.flood = md.flood,
		.copies = md.copies,
	};

	return hover_hand_up(context, &note);
#else
	struct hover_arrival arrival = hover_arrive(context);

	return hover_send_copies(context, &md, verdict, &arrival, state);
#endif
}

char hover_license[] SEC("license") = "GPL";
