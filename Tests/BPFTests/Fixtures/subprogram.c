// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

static __noinline int outer(struct __sk_buff *skb, int limit)
{
	return skb->len > limit;
}

static __noinline int inner(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	return eth->h_proto == bpf_htons(ETH_P_IP); // here
}

static __noinline int middle(struct __sk_buff *skb)
{
	return outer(skb, 3) + inner(skb);
}

SEC("tc")
int accepted(struct __sk_buff *skb)
{
	return outer(skb, 5);
}

SEC("tc")
int refused(struct __sk_buff *skb)
{
	return outer(skb, 4) + middle(skb);
}
