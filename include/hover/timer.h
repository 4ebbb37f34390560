// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A function that runs when time is up, without a packet.
//
//	#include <hover/timer.h>
//
//	static __u64 forget(void)
//	{
//		failures = 0;
//		return 10 * HOVER_SECOND;
//	}
//	HOVER_TIMER(minder, forget);
//
//	static int handle_rx(void *pkt, struct metadata *md)
//	{
//		minder_start(10 * HOVER_SECOND);
//		return RX_OK;
//	}
//
// Timers need no user space. They live as long as the module's tables do, also while its ports come and go: the kernel
// keeps the program whose function is to run.
#pragma once

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/errno.h>

#include <bpf/bpf_helpers.h>

#include <hover/clock.h>

// linux/time.h
#ifndef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 1
#endif

// A timer that is late by more has been lost: it is set up anew. The kernel cancels timers when the last pin of their
// map goes.
#define HOVER_TIMER_LATE HOVER_SECOND

// Internal: starts the timer whose time is noted in `due`, unless it runs. `map` is the map that it lies in, `function`
// what the kernel is to call.
static __always_inline int hover_timer_start(void *map, struct bpf_timer *timer, __u64 *due, void *function,
					     __u64 delay)
{
	__u64 noted = *(volatile __u64 *)due, now = hover_now_coarse();
	int error;

	if (noted && now < noted + HOVER_TIMER_LATE)
		return 0;
	// Otherwise another CPU is about to start it.
	if (__sync_val_compare_and_swap(due, noted, now + delay) != noted)
		return 0;
	error = bpf_timer_init(timer, map, CLOCK_MONOTONIC);
	if (!error || error == -EBUSY)
		error = bpf_timer_set_callback(timer, function);
	if (!error)
		error = bpf_timer_start(timer, delay, 0);
	if (error)
		*(volatile __u64 *)due = 0;
	return error;
}

// Internal: has the timer run again, out of its own function.
static __always_inline void hover_timer_again(struct bpf_timer *timer, __u64 *due, __u64 delay)
{
	*(volatile __u64 *)due = hover_now_coarse() + delay;
	bpf_timer_start(timer, delay, 0);
}

// Internal.
struct hover_timer {
	struct bpf_timer timer;
	// When it is to run, by hover_now; 0: it does not.
	__u64 due;
};

// A timer that calls `function`, a `static __u64 function(void)` defined before. What the function returns is in how
// many nanoseconds it is called again; 0: not before the timer is started again. It runs in the kernel's timer
// interrupt, on any CPU, but never on two at once; it may use tables, and no packet.
//
//	int name_start(__u64 delay)
//		Has the function called in `delay` nanoseconds, unless that is to happen anyway. Cheap enough for each
//		packet. Returns 0, or a negative error number: -EPERM while nothing but a program holds the module's
//		tables.
//	int name_stop(void)
//		Has it not called any more; waits for nothing. Returns 1 if it was to be called, 0 if not, or a negative
//		error number (-EDEADLK from the function itself, which returns 0 instead).
#define HOVER_TIMER(name, function)                                                                                   \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                     \
		__uint(max_entries, 1);                                                                               \
		__type(key, __u32);                                                                                   \
		__type(value, struct hover_timer);                                                                    \
	} name##_timer SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));                                  \
	static int hover_##name##_fire(void *map, __u32 *key, struct hover_timer *timer)                              \
	{                                                                                                             \
		__u64 again;                                                                                          \
                                                                                                                      \
		/* Before the function: a start that comes while it runs holds. */                                    \
		*(volatile __u64 *)&timer->due = 0;                                                                   \
		again = (function)();                                                                                 \
		if (again)                                                                                            \
			hover_timer_again(&timer->timer, &timer->due, again);                                         \
		return 0;                                                                                             \
	}                                                                                                             \
	static __always_inline int name##_start(__u64 delay)                                                          \
	{                                                                                                             \
		__u32 only = 0;                                                                                       \
		struct hover_timer *timer = bpf_map_lookup_elem(&name##_timer, &only);                                \
                                                                                                                      \
		if (!timer)                                                                                           \
			return -ENOENT;                                                                               \
		return hover_timer_start(&name##_timer, &timer->timer, &timer->due, hover_##name##_fire, delay);      \
	}                                                                                                             \
	static __always_inline int name##_stop(void)                                                                  \
	{                                                                                                             \
		__u32 only = 0;                                                                                       \
		struct hover_timer *timer = bpf_map_lookup_elem(&name##_timer, &only);                                \
		int was_due;                                                                                          \
                                                                                                                      \
		if (!timer)                                                                                           \
			return -ENOENT;                                                                               \
		was_due = bpf_timer_cancel(&timer->timer);                                                            \
		*(volatile __u64 *)&timer->due = 0;                                                                   \
		/* EINVAL: it was never started. */                                                                   \
		return was_due == -EINVAL ? 0 : was_due;                                                              \
	}
