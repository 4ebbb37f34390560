// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What time it is, in nanoseconds.
//
//	#include <hover/clock.h>
//
//	__u64 seconds = hover_wall_clock() / 1000000000;
#pragma once

#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define HOVER_MICROSECOND 1000ULL
#define HOVER_MILLISECOND 1000000ULL
#define HOVER_SECOND 1000000000ULL
#define HOVER_MINUTE (60 * HOVER_SECOND)
#define HOVER_HOUR (60 * HOVER_MINUTE)
#define HOVER_DAY (24 * HOVER_HOUR)

// Nanoseconds since boot without time asleep (CLOCK_MONOTONIC): never goes back, no matter who sets the clock.
static __always_inline __u64 hover_now(void)
{
	return bpf_ktime_get_ns();
}

// The same clock as of the kernel's last tick, up to 10 ms ago (1 s / CONFIG_HZ): half the cost of hover_now.
static __always_inline __u64 hover_now_coarse(void)
{
	return bpf_ktime_get_coarse_ns();
}

// The clock that timeouts of hover/aging.h and hover/conntrack.h are measured by. A test may define it before it
// includes them, to have time stand still or fly.
#ifndef HOVER_NOW
#define HOVER_NOW() hover_now_coarse()
#endif

// Of the kernel's types, what hover_wall_clock goes through; libbpf finds the fields where the running kernel has them.
struct hrtimer_cpu_base___hover;

struct hrtimer_clock_base___hover {
	struct hrtimer_cpu_base___hover *cpu_base;
	__s64 offset;
} __attribute__((preserve_access_index));

struct hrtimer_cpu_base___hover {
	struct hrtimer_clock_base___hover clock_base[8];
} __attribute__((preserve_access_index));

struct hrtimer___hover {
	struct hrtimer_clock_base___hover *base;
} __attribute__((preserve_access_index));

struct sched_dl_entity___hover {
	struct hrtimer___hover dl_timer;
} __attribute__((preserve_access_index));

struct task_struct___hover {
	struct sched_dl_entity___hover dl;
} __attribute__((preserve_access_index));

// Their places in clock_base (enum hrtimer_base_type, include/linux/hrtimer_defs.h).
#define HOVER_CLOCK_UTC 1
#define HOVER_CLOCK_TAI 3

// Nanoseconds since 1970-01-01 00:00 UTC (Unix time, CLOCK_REALTIME). Follows at once when somebody sets the clock.
//
//	__u64 minute_of_day = hover_wall_clock() / HOVER_MINUTE % 1440;
//
// Programs are given TAI only, which is UTC with the leap seconds since 1958 or, as long as no NTP service has told the
// kernel how many those are, UTC itself. The kernel keeps both offsets beside its timers, one copy a CPU; each task has
// a timer that leads there. A new number of leap seconds is seen with the next interrupt of that CPU's clock.
static __always_inline __u64 hover_wall_clock(void)
{
	struct task_struct___hover *task = (void *)bpf_get_current_task_btf();
	struct hrtimer_cpu_base___hover *clocks = task->dl.dl_timer.base->cpu_base;
	__s64 utc = clocks->clock_base[HOVER_CLOCK_UTC].offset;
	__s64 tai = clocks->clock_base[HOVER_CLOCK_TAI].offset;

	return bpf_ktime_get_tai_ns() - (tai - utc);
}
