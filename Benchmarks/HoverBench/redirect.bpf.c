// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The peer of bench `xdp`: nothing but the redirect to the other interface.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <hover/constant.h>

SEC("xdp.frags")
int bare(struct xdp_md *xdp)
{
	return bpf_redirect(HOVER_CONSTANT(1), 0);
}

char bench_license[] SEC("license") = "GPL";
