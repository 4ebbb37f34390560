// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// How a packet goes from a module at xdp on to tc: with a note in the frame's metadata (data_meta), which the tc hook of
// the interface that it came from reads. The network cannot write there.
#pragma once

#include <hover/hook.h>
#include <hover/state.h>

#define HOVER_HANDOVER 0x48764f76

// The note. With md->data it is longer than the 32 bytes that older kernels let metadata have.
struct hover_handover {
	__u32 mark;
	// The module that goes on with the packet; 0: it leaves for the interface in redir_ifc.
	__u16 module;
	// A verdict that hover_finish carries out there, or HOVER_ENTER.
	__u16 verdict;
	__u16 in_ifc;
	__u16 next;
	__u32 redir_ifc;
	// md->flood, and whether `data` follows.
	__u16 flood;
	__u16 has_data;
	__u64 copies;
	// md->data of the packet.
	struct type_value data[4];
};

// As much of the note as every packet has.
#define HOVER_HANDOVER_SIZE __builtin_offsetof(struct hover_handover, data)

#ifdef HOVER_XDP

static __always_inline int hover_hand_up(struct xdp_md *xdp, struct hover_handover *note)
{
	struct hover_state *state = hover_state_here();
	__u32 size = state && state->has_data ? sizeof(*note) : HOVER_HANDOVER_SIZE;
	void *place;

	if (!state || bpf_xdp_adjust_meta(xdp, -(int)size))
		return hover_drop(HOVER_DROP_HAND_UP);
	place = (void *)(long)xdp->data_meta;
	if (place + HOVER_HANDOVER_SIZE > (void *)(long)xdp->data)
		return hover_drop(HOVER_DROP_HAND_UP);
	note->mark = HOVER_HANDOVER;
	note->has_data = 0;
	__builtin_memcpy(place, note, HOVER_HANDOVER_SIZE);
	if (place + sizeof(*note) <= (void *)(long)xdp->data && state->has_data) {
		struct hover_handover *whole = place;

		whole->has_data = 1;
		__builtin_memcpy(whole->data, state->data, sizeof(whole->data));
	}
	return XDP_PASS;
}

// What a port or place leads to has no xdp program, or is an interface that only tc can send to.
static __always_inline int hover_hand_up_way(struct xdp_md *xdp, struct hover_way *way)
{
	struct hover_handover note = {
		.module = way->module,
		.verdict = HOVER_ENTER,
		.redir_ifc = way->module ? way->slot : way->interface,
	};

	return hover_hand_up(xdp, &note);
}

#endif
