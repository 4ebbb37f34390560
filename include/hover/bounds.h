// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Sizes that the verifiers of all kernels know the bounds of.
#pragma once

#include <stdbool.h>

#include <linux/types.h>

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
