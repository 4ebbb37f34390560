// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A policy that counts what passes by direction and EtherType, and lets every packet go on.

enum direction {
	ingress = 1,
	egress = 2,
};

struct kind {
	enum direction direction;
	__be16 ether_type;
	__u16 reserved;
};

struct amount {
	__u64 packets;
	__u64 bytes;
};

// Each CPU has values of its own, so counting needs no lock.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct kind);
	__type(value, struct amount);
} counts SEC(".maps");

static int handle_rx(void *pkt, struct metadata *md)
{
	struct ethhdr *eth = pkt_data(pkt);
	struct kind kind = { .direction = md->in_ifc };
	struct amount *amount, none = {};

	if ((void *)(eth + 1) > pkt_data_end(pkt))
		return RX_OK;
	kind.ether_type = eth->h_proto;
	amount = bpf_map_lookup_elem(&counts, &kind);
	if (!amount) {
		bpf_map_update_elem(&counts, &kind, &none, BPF_NOEXIST);
		amount = bpf_map_lookup_elem(&counts, &kind);
	}
	// None when the table is full.
	if (amount) {
		amount->packets++;
		amount->bytes += md->pktlen;
	}
	return RX_OK;
}
