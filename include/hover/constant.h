// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
#pragma once

// Numbers that the loader writes into a program's instructions, one program a port. An immediate costs nothing at run
// time, where a load from .rodata would touch a cache line in every hop, and the verifier knows it: jumps on it are
// resolved at load, and a tail call with it is a direct jump.
//
// `goto +0` leaves room for a load from a map: that is how the loader checks a module for all ports at once. The
// verifier removes it otherwise (kernel/bpf/verifier.c, opt_remove_nops).
#define HOVER_CONSTANT(id)                                                                                            \
	({                                                                                                            \
		__u64 constant_;                                                                                      \
		asm volatile("%0 = %1 ll\n\tgoto +0" : "=r"(constant_) : "i"(0x484f564552000000ULL | (id)));          \
		constant_;                                                                                            \
	})
