// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What travels beside a packet from program to program. One packet at a time is in a chain on a CPU: a chain runs to its
// end before the next packet of that CPU, but for copies, which run inside (hover/finish.h).
#pragma once

#include <hover/hook.h>
#include <hover/iomodule_types.h>

// What the programs of one packet hand to each other, one a CPU, the same for all modules.
struct hover_state {
	// Whether `data` is the packet's; where it is not, its data are zeros. Cleared where a packet enters.
	__u32 has_data;
	// How many copies are under way, one inside the other.
	__u32 depth;
	// md->data.
	struct type_value data[4];
	// What hover_finish is to carry out: handle_rx's verdict, or HOVER_ENTER, with all that handle_rx said.
	__s32 verdict;
	// HOVER_NEXT and HOVER_SELF of the program that asks.
	__u32 next;
	__u32 self;
	struct metadata md;
};

// Besides the verdicts: the packet enters the module by the slot in md.redir_ifc.
#define HOVER_ENTER 0x100

// In cb[0] of a copy that enters a module by Hover's device; cb[1] and cb[2] are the module and the slot.
#define HOVER_COPY 0x48764370

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_state);
} hover_state SEC(".maps");

static __always_inline struct hover_state *hover_state_here(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&hover_state, &only);
}

// The same, but clang leaves the call out where nothing is read through it, which it may not do with other helpers.
static void *(*const hover_lookup_if_read)(void *map, const void *key)
	__attribute__((pure)) = (void *)BPF_FUNC_map_lookup_elem;

static __always_inline const struct hover_state *hover_state_if_read(void)
{
	__u32 only = 0;

	return hover_lookup_if_read(&hover_state, &only);
}

// Sets md->data to what the modules before left. Costs nothing where the module does not read it.
static __always_inline void hover_take_data(struct metadata *md)
{
	const struct hover_state *state = hover_state_if_read();

	if (state && state->has_data)
		__builtin_memcpy(md->data, state->data, sizeof(md->data));
}

// Leaves md->data for the modules after, unless it is what it was before: clang sees where a module never writes it.
static __always_inline void hover_leave_data(const struct metadata *md, const __u64 before[4])
{
	__u64 now[4];
	struct hover_state *state;
	bool same;

	__builtin_memcpy(now, md->data, sizeof(now));
	same = now[0] == before[0] && now[1] == before[1] && now[2] == before[2] && now[3] == before[3];
	if (__builtin_constant_p(same) && same)
		return;
	state = hover_state_here();
	if (!state)
		return;
	__builtin_memcpy(state->data, md->data, sizeof(md->data));
	state->has_data = 1;
}
