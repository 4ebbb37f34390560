// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	int i = 0;

	while (1)
		asm volatile("%0 = 1" : "=r"(i)); // here
	return i;
}
