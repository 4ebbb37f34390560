// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A module of 50 lines, as someone would write it in an afternoon: it counts packets by protocol, drops what a table
// forbids, and sends everything else out of the other port.
#include <bcc/proto.h>
#include <linux/ip.h>
#include <linux/udp.h>

struct flow {
	__be32 source;
	__be32 destination;
	u8 protocol;
	u8 unused[3];
};

struct count {
	u64 packets;
	u64 bytes;
};

BPF_TABLE("percpu_array", u32, struct count, protocols, 256);
BPF_TABLE("hash", struct flow, u64, forbidden, 1024);

static int other(int port)
{
	return port == 1 ? 2 : 1;
}

static int handle_rx(void *pkt, struct metadata *md)
{
	struct __sk_buff *skb = pkt;
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return pkt_redirect(pkt, md, other(md->in_ifc));

	u32 protocol = ip->protocol;
	struct count *count = protocols.lookup(&protocol);
	if (count) {
		count->packets++;
		count->bytes += md->pktlen;
	}

	struct flow flow = { .source = ip->saddr, .destination = ip->daddr, .protocol = ip->protocol };
	if (forbidden.lookup(&flow))
		return pkt_drop(pkt, md);
	return pkt_redirect(pkt, md, other(md->in_ifc));
}
