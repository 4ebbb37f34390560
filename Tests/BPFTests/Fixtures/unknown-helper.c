// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

static long (*const helper)(void) = (void *)9999;

SEC("tc")
int refused(struct __sk_buff *skb)
{
	return helper(); // here
}
