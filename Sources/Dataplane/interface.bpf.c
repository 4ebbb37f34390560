// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs of one external interface: where packets enter chains from it, and where they leave for it.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <hover/constant.h>

// The interface's index.
#define INTERFACE HOVER_CONSTANT(1)
// For a veth whose peer lives in another network namespace: 1, and the peer's address as the packet holds it, the
// first four bytes and the last two. 0 otherwise.
#define HAS_PEER HOVER_CONSTANT(2)
#define PEER_ADDRESS_START HOVER_CONSTANT(3)
#define PEER_ADDRESS_END HOVER_CONSTANT(4)

enum { SLOT_INGRESS, SLOT_EGRESS, SLOTS };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOTS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} slots SEC(".maps");

// A packet arrives on the interface. Without a chain it stays the kernel's, and other programs' on this hook.
SEC("tc")
int hover_ingress(struct __sk_buff *skb)
{
	bpf_tail_call_static(skb, &slots, SLOT_INGRESS);
	return TC_ACT_UNSPEC;
}

// The kernel sends a packet out of the interface.
SEC("tc")
int hover_egress(struct __sk_buff *skb)
{
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

// A packet leaves a chain for the interface.
SEC("tc")
int hover_exit(struct __sk_buff *skb)
{
	if (HAS_PEER && peer_takes(skb))
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
