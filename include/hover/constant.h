// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#pragma once

// What the loader writes into a program's instructions, one program a port. An immediate costs nothing at run time,
// where a load from .rodata would touch a cache line in every hop, and the verifier knows it: jumps on it are resolved
// at load, and a tail call with it is a direct jump.
//
// `goto +0` marks the place, for compilers never write it, and leaves room for a load from a map: that is how the loader
// checks a module for all ports at once. The verifier removes it otherwise (kernel/bpf/verifier.c, opt_remove_nops).
#define HOVER_PLACEHOLDER(id) (0x48560000 | (id))

// A number of 32 bits. Each use is an instruction of its own, for clang takes the counter for a difference: kept in a
// register from one use to the next, the number would have to be saved across calls. Clang leaves out what is not used.
// Not `volatile`, which clang takes for a write to memory: whatever was read before would be read again.
#define HOVER_CONSTANT(id)                                                                                            \
	({                                                                                                            \
		__u32 constant_;                                                                                      \
		asm("%0 = %1\n\tgoto +0\n\tgoto +0"                                                                   \
		    : "=w"(constant_)                                                                                 \
		    : "i"(HOVER_PLACEHOLDER(id)), "i"(__COUNTER__));                                                  \
		constant_;                                                                                            \
	})

// True or false, known when the module is made: the loader makes the jump one that is always taken, or never, and the
// verifier removes what is then not reached. Ids from 128.
#define HOVER_FLAG(id)                                                                                                \
	({                                                                                                            \
		__label__ set_;                                                                                       \
		bool flag_ = false;                                                                                   \
		asm goto("w0 = %0\n\tgoto +0\n\tgoto %l[set_]" : : "i"(HOVER_PLACEHOLDER(id)) : "r0" : set_);         \
		if (0) {                                                                                              \
		set_:                                                                                                 \
			flag_ = true;                                                                                 \
		}                                                                                                     \
		flag_;                                                                                                \
	})
