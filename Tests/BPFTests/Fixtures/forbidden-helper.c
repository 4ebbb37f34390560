// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#include "fixture.h"

SEC("tc")
int refused(struct __sk_buff *skb)
{
	return bpf_override_return((void *)skb, 0); // here
}
