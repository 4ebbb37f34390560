// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Where packets enter modules from Hover's own programs, those of interfaces and of the device.
#pragma once

#include <hover/iomodule_types.h>
#include <hover/state.h>

#ifndef HOVER_XDP

// Each module's hover_finish, by the module's number.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 65536);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hover_entries SEC(".maps");

// Has a module carry out a verdict, with `state->md` as it is. Returns only when there is no such module.
static __always_inline void hover_enter(struct __sk_buff *skb, struct hover_state *state, __u32 module, __s32 verdict)
{
	state->verdict = verdict;
	bpf_tail_call(skb, &hover_entries, module);
}

#endif
