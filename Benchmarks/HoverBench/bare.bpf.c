// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The peer of bench `wire`: nothing but the redirect into the other namespace.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <hover/constant.h>

SEC("tc")
int bare(struct __sk_buff *skb)
{
	return bpf_redirect_peer(HOVER_CONSTANT(1), 0);
}

char bench_license[] SEC("license") = "GPL";
