// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The peer of bench `hop`: a hop as the original Hover makes it (iovisor/iomodules, hover/bpf/cfiles.go, forward). The
// module looks up in an array of its own where its out port leads to: a chain of up to four modules with their ports.
// It leaves the port and the rest of the chain in the packet's cb[], and tail-calls through the one array of all modules
// with the number that it found.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define PORTS 64
#define MODULES 64

struct way {
	// Module number in the upper half, port in the lower; 0 ends the chain.
	__u32 hops[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PORTS);
	__type(key, __u32);
	__type(value, struct way);
} ways SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, MODULES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} modules SEC(".maps");

struct metadata {
	__u32 in_port;
	__u32 out_port;
	__u32 length;
};

static int handle_rx(struct __sk_buff *skb, struct metadata *md)
{
	md->out_port = md->in_port == 1 ? 2 : 1;
	return 1;
}

SEC("tc")
int hop(struct __sk_buff *skb)
{
	struct metadata md = { .in_port = skb->cb[0], .length = skb->len };

	if (handle_rx(skb, &md) != 1)
		return TC_ACT_SHOT;

	struct way *way = bpf_map_lookup_elem(&ways, &md.out_port);
	if (!way)
		return TC_ACT_SHOT;
	__u32 next = way->hops[0];
	if (!next)
		return TC_ACT_SHOT;
	skb->cb[0] = next & 0xffff;
	skb->cb[1] = way->hops[1];
	skb->cb[2] = way->hops[2];
	skb->cb[3] = way->hops[3];
	bpf_tail_call(skb, &modules, next >> 16);
	return TC_ACT_SHOT;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} following SEC(".maps");

// The least that a hop can be: one tail call to a known place, and nothing else.
SEC("tc")
int bare_hop(struct __sk_buff *skb)
{
	bpf_tail_call_static(skb, &following, 0);
	return TC_ACT_SHOT;
}

// Where a packet enters the chain: at port 1 of module 1.
SEC("tc")
int enter(struct __sk_buff *skb)
{
	skb->cb[0] = 1;
	bpf_tail_call(skb, &modules, 1);
	return TC_ACT_SHOT;
}

char bench_license[] SEC("license") = "GPL";
