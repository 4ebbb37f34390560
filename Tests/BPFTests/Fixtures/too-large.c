// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	int sum = 0;

	for (int i = 0; i < 4000000; i++)
		asm volatile("%0 += 1" : "+r"(sum));
	return sum;
}
