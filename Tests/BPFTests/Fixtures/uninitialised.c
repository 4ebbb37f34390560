// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	int value;

	asm volatile("%0 = r7" : "=r"(value)); // here
	return value;
}
