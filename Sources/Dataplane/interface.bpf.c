// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs of one external interface at tc: where packets enter chains from it, and where they leave for it.
#include <linux/if_packet.h>
#include <linux/if_ether.h>

#include <hover/constant.h>
#include <hover/entry.h>
#include <hover/handover.h>

// The interface's index.
#define INTERFACE HOVER_CONSTANT(1)
// For a veth whose peer lives in another network namespace: 1, and the peer's address as the packet holds it, the
// first four bytes and the last two. 0 otherwise.
#define HAS_PEER HOVER_CONSTANT(2)
#define PEER_ADDRESS_START HOVER_CONSTANT(3)
#define PEER_ADDRESS_END HOVER_CONSTANT(4)
// The index of Hover's own device (dispatch.bpf.c).
#define DEVICE HOVER_CONSTANT(5)

enum { SLOT_INGRESS, SLOT_EGRESS, SLOTS };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOTS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} slots SEC(".maps");

// The packet was in modules at xdp already, and goes on here.
static __always_inline int take_over(struct __sk_buff *skb, struct hover_state *state,
				     const struct hover_handover *note)
{
	const void *data = (const void *)(long)skb->data;

	if (note->has_data && (const void *)(note + 1) <= data) {
		__builtin_memcpy(state->data, note->data, sizeof(state->data));
		state->has_data = 1;
	}
	if (!note->module)
		return bpf_redirect(note->redir_ifc, 0);
	__builtin_memset(&state->md, 0, sizeof(state->md));
	if (state->has_data)
		__builtin_memcpy(state->md.data, state->data, sizeof(state->data));
	state->md.pktlen = skb->len;
	state->md.in_ifc = note->in_ifc;
	state->md.redir_ifc = note->redir_ifc;
	state->md.flood = note->flood;
	state->md.copies = note->copies;
	state->next = note->next;
	hover_enter(skb, state, note->module, note->verdict);
	return TC_ACT_SHOT;
}

// A packet arrives on the interface. Without a chain it stays the kernel's, and other programs' on this hook.
SEC("tc")
int hover_ingress(struct __sk_buff *skb)
{
	const struct hover_handover *note = (const void *)(long)skb->data_meta;
	struct hover_state *state = hover_state_here();

	if (!state)
		return TC_ACT_UNSPEC;
	state->has_data = 0;
	if ((const void *)note + HOVER_HANDOVER_SIZE <= (const void *)(long)skb->data && note->mark == HOVER_HANDOVER)
		return take_over(skb, state, note);
	bpf_tail_call_static(skb, &slots, SLOT_INGRESS);
	return TC_ACT_UNSPEC;
}

// The kernel sends a packet out of the interface.
SEC("tc")
int hover_egress(struct __sk_buff *skb)
{
	struct hover_state *state = hover_state_here();

	if (!state)
		return TC_ACT_UNSPEC;
	state->has_data = 0;
	bpf_tail_call_static(skb, &slots, SLOT_EGRESS);
	return TC_ACT_UNSPEC;
}

// Whether the veth's peer would give the packet the type that it must have there. bpf_redirect_peer hands it over as
// it is, without the eth_type_trans() that a veth does, and a packet for another host's address is to stay one.
static __always_inline bool peer_takes(struct __sk_buff *skb)
{
	const __u8 *frame = (const void *)(long)skb->data;

	if ((const void *)(frame + ETH_HLEN) > (const void *)(long)skb->data_end)
		return false;
	if (frame[0] & 1)
		return skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST;
	if (*(const __u32 *)frame != (__u32)PEER_ADDRESS_START ||
	    *(const __u16 *)(frame + 4) != (__u16)PEER_ADDRESS_END)
		return false;
	return skb->pkt_type == PACKET_HOST || bpf_skb_change_type(skb, PACKET_HOST) == 0;
}

// A packet leaves a chain for the interface. A chain on Hover's device runs on its way out, from where the kernel hands
// nothing to a peer (net/core/filter.c, skb_do_redirect).
SEC("tc")
int hover_exit(struct __sk_buff *skb)
{
	if (HAS_PEER && skb->ifindex != DEVICE && peer_takes(skb))
		return bpf_redirect_peer(INTERFACE, 0);
	return bpf_redirect(INTERFACE, 0);
}

// The end of a chain between a Linux bridge and its member: the packet goes on its ordinary way.
SEC("tc")
int hover_continue(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

char hover_license[] SEC("license") = "GPL";
