// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The frame around a function under test: a program for the hook that it is compiled for, which gets its arguments from
// one map and puts its results into another.
#pragma once

#include <hover/checksum.h>
#include <hover/compute.h>
#include <hover/packet.h>
#include <hover/parse.h>
#include <hover/vlan.h>

#include "exchange.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct arguments);
} arguments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct results);
} results SEC(".maps");

// Takes the outer tag out of a frame that has it: the frame is then as the kernel gives it to programs at tc.
static __always_inline int hide_tag(void *pkt)
{
	struct hover_tag tag, inner;
	int error;

	if (hover_hidden_tag(pkt, &tag) || hover_load_tag(pkt, 12, &tag) < 0)
		return 0;
	// The kernel would fail halfway at a second tag that is cut.
	if (pkt_load(pkt, 16, &inner, 2) == 0 && hover_is_tag(inner.protocol) && pkt_length(pkt) < 22)
		return 0;
	error = hover_remove_tag(pkt);
	return error ?: hover_insert_tag(pkt, tag);
}

#define OPERATION(name)                                                                                               \
	static __always_inline int name##_here(void *pkt, const struct arguments *given, struct results *found);      \
	HOVER_SECTION int name(HOVER_CONTEXT *pkt)                                                                    \
	{                                                                                                             \
		__u32 only = 0;                                                                                       \
		struct arguments *given = bpf_map_lookup_elem(&arguments, &only);                                     \
		struct results *found = bpf_map_lookup_elem(&results, &only);                                         \
		struct hover_tag tag = {};                                                                            \
                                                                                                                      \
		if (!given || !found || (given->hides_tag && hide_tag(pkt) < 0))                                      \
			return -1;                                                                                    \
		found->returned[0] = name##_here(pkt, given, found);                                                  \
		found->has_hidden_tag = hover_hidden_tag(pkt, &tag);                                                  \
		found->hidden_protocol = tag.protocol;                                                                \
		found->hidden_control = tag.control;                                                                  \
		return HOVER_PASS;                                                                                    \
	}                                                                                                             \
	static __always_inline int name##_here(void *pkt, const struct arguments *given, struct results *found)

char program_license[] SEC("license") = "GPL";
