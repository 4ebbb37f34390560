// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What differs between the hooks that a module is compiled for: tc, or xdp with HOVER_XDP.
#pragma once

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#ifdef HOVER_XDP

#define HOVER_CONTEXT struct xdp_md
// With fragments, so that frames longer than a page pass.
#define HOVER_SECTION SEC("xdp.frags")
// The packet goes its ordinary way; it ends here.
#define HOVER_PASS XDP_PASS
#define HOVER_END XDP_DROP
// Sources say `struct __sk_buff *skb = pkt`, and reach data and data_end by it, which both have.
#define __sk_buff xdp_md

#else

#define HOVER_CONTEXT struct __sk_buff
#define HOVER_SECTION SEC("tc")
#define HOVER_PASS TC_ACT_UNSPEC
#define HOVER_END TC_ACT_SHOT

#endif

#ifdef HOVER_XDP
// bpf_xdp_get_buff_len, but clang leaves the call out where nobody reads the length.
static __u64 (*const hover_buffer_length)(struct xdp_md *context)
	__attribute__((pure)) = (void *)BPF_FUNC_xdp_get_buff_len;
#endif

// Bytes of the whole frame, a GSO packet's whole length.
static __always_inline __u32 hover_frame_length(HOVER_CONTEXT *context)
{
#ifdef HOVER_XDP
	__u32 length = context->data_end - context->data;

	// Fragments begin where the first part of the frame, a page or a good part of one, is full.
	return length < 1024 ? length : hover_buffer_length(context);
#else
	return context->len;
#endif
}
