// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	asm volatile("goto +1\n\tr0 = 5"); // here
	return 0;
}
