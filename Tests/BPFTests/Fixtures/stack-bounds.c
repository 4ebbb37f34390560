// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	asm volatile("*(u64 *)(r10 - 520) = %0" ::"r"(skb->len)); // here
	return 0;
}
