// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

static long visit(__u64 index, void *context)
{
	struct __sk_buff *skb = *(struct __sk_buff **)context;
	__u8 *data = (void *)(long)skb->data;

	return *data == 1; // here
}

SEC("tc")
int refused(struct __sk_buff *skb)
{
	return bpf_loop(10, visit, &skb, 0);
}
