// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What the verifiers of all kernels are to know, or not to know, of numbers.
#pragma once

#include <stdbool.h>

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

// Whether `size`, a variable, is from 1 to `most`; from there on the verifier knows that. Of `size == 0 || size > most`
// clang makes one comparison, of another register; and from `size != 0` the verifier learns nothing before Linux 6.8.
#define HOVER_BOUNDED(size, most)                                                                                     \
	({                                                                                                            \
		__u32 last_ = (size)-1;                                                                               \
		asm volatile("" : "+r"(last_));                                                                       \
		bool bounded_ = last_ < (most);                                                                       \
		if (bounded_)                                                                                         \
			(size) = last_ + 1;                                                                           \
		bounded_;                                                                                             \
	})

// 0, which the verifier does not know. Before Linux 6.7 it follows a function for bpf_loop once, and takes what the
// context holds at first for what it always holds: it removes code that only a later turn reaches. So what such a
// function changes in its context begins with a number that the verifier does not know.
static __always_inline __u32 hover_unknown_zero(void)
{
	return bpf_get_smp_processor_id() >> 16;
}
