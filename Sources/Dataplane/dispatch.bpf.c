// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The program on Hover's own device, which sends nothing: what is sent on it enters a module. These are the copies that
// modules make for other modules, and the packets of user space. It runs where the packet is sent, without a queue
// between.
#include <linux/if_ether.h>

#include <hover/entry.h>
#include <hover/log_maps.h>
#include <hover/packet_in_maps.h>
#include <hover/packet_out.h>

// A copy is sent from within a module (`depth`), and marked in cb[], where nobody but a program can write. The data of its packet are in the state already.
static __always_inline int enter_copy(struct __sk_buff *skb, struct hover_state *state)
{
	__u32 module = skb->cb[1];

	state->md.redir_ifc = skb->cb[2];
	skb->cb[0] = 0;
	hover_enter(skb, state, module, HOVER_ENTER);
	return TC_ACT_SHOT;
}

static __always_inline bool read_where(struct __sk_buff *skb, struct hover_packet_out *out)
{
	__u32 mark = skb->mark, length = skb->len;

	if (!(mark & HOVER_MARK_SET))
		return false;
	skb->mark = 0;
	if (HOVER_MARK_KIND(mark) != HOVER_OUT_TRAILER) {
		out->module = HOVER_MARK_MODULE(mark);
		out->place = HOVER_MARK_PLACE(mark);
		out->kind = HOVER_MARK_KIND(mark);
		return true;
	}
	if (length < ETH_HLEN + sizeof(*out))
		return false;
	length -= sizeof(*out);
	return bpf_skb_load_bytes(skb, length, out, sizeof(*out)) == 0 && out->mark == HOVER_PACKET_OUT &&
	       bpf_skb_change_tail(skb, length, 0) == 0;
}

SEC("tc")
int hover_dispatch(struct __sk_buff *skb)
{
	struct hover_state *state = hover_state_here();
	struct hover_packet_out out = {};

	if (!state)
		return TC_ACT_SHOT;
	if (state->depth && skb->cb[0] == HOVER_COPY)
		return enter_copy(skb, state);
	if (!read_where(skb, &out))
		return TC_ACT_SHOT;
	__builtin_memset(&state->md, 0, sizeof(state->md));
	__builtin_memcpy(state->data, out.data, sizeof(state->data));
	__builtin_memcpy(state->md.data, out.data, sizeof(state->data));
	state->has_data = 1;
	state->next = 0;
	state->md.pktlen = skb->len;
	state->md.redir_ifc = out.place;
	hover_enter(skb, state, out.module, out.kind == HOVER_OUT_ENTER ? HOVER_ENTER : RX_REDIRECT);
	return TC_ACT_SHOT;
}

char hover_license[] SEC("license") = "GPL";
