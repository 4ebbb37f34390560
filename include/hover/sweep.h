// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What hover/aging.h and hover/conntrack.h have in common: numbered slots, one for each entry that ages, and a timer
// that walks over them. Authors use neither by name.
//
// One timer for a table, not one for each entry: a timer an entry would cost 200 bytes and a microsecond each, and when
// many entries end at once (after a flood) the kernel would run all their timers without a break. Nor does the timer
// walk over the hash itself: bpf_for_each_map_elem cannot stop and go on later, and a walk over a million entries keeps
// a CPU for 100 ms. Over slots it goes in pieces.
#pragma once

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/errno.h>

#include <bpf/bpf_helpers.h>

#include <hover/bounds.h>
#include <hover/clock.h>
#include <hover/timer.h>

// The most slots that one run of the timer looks at, and the most of them that it does something about: 0.04 ms, and
// with all that work up to 0.4 ms.
#define HOVER_SWEEP_SLOTS 4096
#define HOVER_SWEEP_WORK 512
// From one run to the next, within a round over all slots and between rounds: 4 million slots a second.
#define HOVER_SWEEP_STEP HOVER_MILLISECOND
#define HOVER_SWEEP_PAUSE (100 * HOVER_MILLISECOND)

// How often a CPU looks whether an entry, which another one changes or removes, is done with: a microsecond.
#define HOVER_SWEEP_TRIES 16

// In an entry's `expires`: somebody is about to remove it. Deadlines are even numbers above it.
#define HOVER_DEAD 1ULL

// The one value of a table's <name>_sweep.
struct hover_sweep {
	struct bpf_timer timer;
	// When the timer is to run, by hover_now; 0: it does not.
	__u64 due;
	// Slots up to this number have been used. The others were never taken.
	__u32 fresh;
	// Where the next run goes on.
	__u32 cursor;
};

// What a table has counted since the module was loaded.
struct hover_table_counts {
	// Entries that are in the table now, with those that have expired and are not removed yet (for up to 0.3 s).
	__u64 entries;
	__u64 inserted;
	// Removed because their time was up.
	__u64 expired;
	// Removed by the module or by user space.
	__u64 deleted;
	// Not inserted because the table was full.
	__u64 refused;
};

// A run's place and what is left of its work.
struct hover_sweep_run {
	__u64 now;
	__u32 first;
	__u32 work;
};

static __always_inline __u64 hover_deadline(__u64 now, __u64 timeout)
{
	return (now + timeout) & ~HOVER_DEAD;
}

#define HOVER_COUNT(field, by) __sync_fetch_and_add(&(field), (by))

// Takes a free slot. Returns its number, from 1; 0 if there is none.
static __always_inline __u32 hover_slot_take(struct hover_sweep *sweep, void *unused, __u32 entries)
{
	__u32 slot;

	if (bpf_map_pop_elem(unused, &slot) == 0)
		return slot;
	if (*(volatile __u32 *)&sweep->fresh >= entries)
		return 0;
	slot = __sync_fetch_and_add(&sweep->fresh, 1) + 1;
	return slot <= entries ? slot : 0;
}

// Gives a slot back. Its `due` says that it is taken: whoever sets that to 0 gives it back, and nobody else.
static __always_inline bool hover_slot_give(void *unused, __u32 slot, __u64 *due)
{
	if (!__sync_lock_test_and_set(due, 0))
		return false;
	bpf_map_push_elem(unused, &slot, BPF_ANY);
	return true;
}

// One run of the timer: calls `visit`, a function for bpf_loop, for the slots at the cursor. Returns when to run again.
static __always_inline __u64 hover_sweep_run(struct hover_sweep *sweep, __u32 entries, void *visit)
{
	struct hover_sweep_run run = { .now = HOVER_NOW(),
				       .first = sweep->cursor,
				       .work = HOVER_SWEEP_WORK + hover_unknown_zero() };
	__u32 end = *(volatile __u32 *)&sweep->fresh;
	__u32 count;

	if (end > entries)
		end = entries;
	count = run.first < end ? end - run.first : 0;
	if (count > HOVER_SWEEP_SLOTS)
		count = HOVER_SWEEP_SLOTS;
	if (count)
		run.first += bpf_loop(count, visit, &run, 0);
	if (run.first >= end) {
		sweep->cursor = 0;
		return HOVER_SWEEP_PAUSE;
	}
	sweep->cursor = run.first;
	return HOVER_SWEEP_STEP;
}
