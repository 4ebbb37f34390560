// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What differs between the hooks that a module is compiled for: tc, or xdp with HOVER_XDP.
#pragma once

#include <stdbool.h>

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

// Bytes of the frame's first part; at tc of all of it, a GSO packet's whole length.
static __always_inline __u32 hover_first_length(HOVER_CONTEXT *context)
{
#ifdef HOVER_XDP
	return context->data_end - context->data;
#else
	return context->len;
#endif
}

// Whether a frame may have more than the first part: fragments begin where that, a page or a good part of one, is full.
static __always_inline bool hover_may_have_more(__u32 first)
{
#ifdef HOVER_XDP
	return first >= 1024;
#else
	return false;
#endif
}

// Bytes of the whole frame.
static __always_inline __u32 hover_frame_length(HOVER_CONTEXT *context)
{
	__u32 length = hover_first_length(context);

#ifdef HOVER_XDP
	if (hover_may_have_more(length))
		return hover_buffer_length(context);
#endif
	return length;
}

// A tail call whose instruction has the slot as an immediate. As bpf_tail_call would, it returns only on failure.
#define HOVER_JUMP(context, slots, slot)                                                                              \
	({                                                                                                            \
		register void *context_ asm("r1") = (context);                                                        \
		asm volatile("r2 = %[map] ll\n\tr3 = %[index]\n\tcall 12"                                             \
			     : "+r"(context_)                                                                         \
			     : [map] "i"(&slots), [index] "i"(slot)                                                   \
			     : "r0", "r2", "r3", "r4", "r5");                                                         \
	})

// What a program answers where it never gets: when the value of an array at a constant index is not there. The verifier
// knows that it is (since Linux 6.14), and removes a branch that only such ends share: in `asm`, for clang would have the
// branch lead to another end that answers the same, and then it would stay.
static __always_inline int hover_never(void)
{
	int end;

	asm volatile("%0 = %1" : "=w"(end) : "i"(HOVER_END));
	return end;
}
