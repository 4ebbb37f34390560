// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

static __noinline int deep(struct __sk_buff *skb)
{
	volatile char room[400] = {};

	return room[skb->len & 0xff];
}

SEC("tc")
int refused(struct __sk_buff *skb)
{
	volatile char room[400] = {};

	return deep(skb) + room[skb->len & 0xff];
}
