// SPDX-License-Identifier: Apache-2.0
//
// A policy that counts packets and bytes by direction and EtherType, and lets every packet go on.
//
// A policy has no ports. It lies on the links around the modules, bridges and interfaces that its tags name, and sees
// packets that enter them (ingress) and that leave them (egress).

enum direction {
	ingress = 1,
	egress = 2,
};

// Tables show the names; an EtherType without one is shown as a number.
enum ether_type {
	ipv4 = ETH_P_IP,
	arp = ETH_P_ARP,
	vlan = ETH_P_8021Q,
	ipv6 = ETH_P_IPV6,
};

struct kind {
	enum direction direction;
	enum ether_type ether_type;
};

struct amount {
	__u64 packets;
	__u64 bytes;
};

// A hash table `counters` of at most 1024 entries. Each CPU has its own values, so counting needs no lock; who reads
// the table gets their sums.
BPF_TABLE("percpu_hash", struct kind, struct amount, counters, 1024);

static int handle_rx(void *pkt, struct metadata *md)
{
	struct __sk_buff *skb = pkt;
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	// The kernel loads no program that could read beyond the packet.
	if ((void *)(eth + 1) > data_end)
		return RX_OK;

	struct kind kind = {
		.direction = md->in_ifc == 1 ? ingress : egress,
		.ether_type = bpf_ntohs(eth->h_proto),
	};
	struct amount none = {};
	struct amount *amount = counters.lookup_or_try_init(&kind, &none);

	// Null when the table is full.
	if (amount) {
		amount->packets++;
		amount->bytes += md->pktlen;
	}
	return RX_OK;
}
