// SPDX-License-Identifier: Apache-2.0
//
// Refused by the kernel's verifier: it reads a packet that may be shorter than an Ethernet header. What is missing:
//
//	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
//		return RX_DROP;

static int handle_rx(void *pkt, struct metadata *md)
{
	struct __sk_buff *skb = pkt;
	struct ethhdr *eth = (void *)(long)skb->data;

	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return RX_DROP;
	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
}
