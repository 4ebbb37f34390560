// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A token bucket: so many packets or bytes a second, and so many at once.
//
//	const volatile __u64 rate = 1000;
//	const volatile __u64 burst = 100;
//
//	struct {
//		__uint(type, BPF_MAP_TYPE_ARRAY);
//		__uint(max_entries, 1);
//		__type(key, __u32);
//		__type(value, struct hover_bucket);
//	} limit SEC(".maps");
//
//	static int handle_rx(void *pkt, struct metadata *md)
//	{
//		__u32 only = 0;
//		struct hover_bucket *bucket = bpf_map_lookup_elem(&limit, &only);
//
//		if (!bucket || !hover_bucket_take(bucket, rate, burst, 1, bpf_ktime_get_ns()))
//			return RX_DROP;
//		return RX_OK;
//	}
#pragma once

#include <stdbool.h>

#include <linux/types.h>

// A bucket of zeros is full. It may lie anywhere where a program can write: as the value of a map of any type, or as a
// field of one.
//
// One number is all the state: when the bucket will be full again, in 64ths of a nanosecond of the clock that `now` is
// read from. A bucket whose time has passed is full, however long ago that was. So one compare-and-swap takes tokens,
// and a packet that is refused writes nothing: a storm does not bounce the cache line. A bpf_spin_lock would have to be
// a field of the map's value itself, once in it, and costs more.
struct hover_bucket {
	__u64 full_at;
};

// Fractions of a nanosecond, so that 64 bytes at 100 Gbit/s, which last 5.12 ns, are not taken for 5 ns.
#define HOVER_BUCKET_SECOND (64 * 1000000000ULL)
// As many tokens are turned into time without overflow, with half of the numbers left for the past.
#define HOVER_BUCKET_MOST ((1ULL << 27) - 1)
// Another CPU's `now` may be later than ours by this much; a second.
#define HOVER_BUCKET_SKEW HOVER_BUCKET_SECOND
// Each failed try is another CPU that took tokens meanwhile.
#define HOVER_BUCKET_TRIES 64

// Takes `cost` tokens out of the bucket, or none.
//
//	rate   tokens a second that flow in; 0: nothing passes
//	burst  tokens that it holds when full, up to 134,217,727 (more counts as that)
//	cost   1 for a packet, or md->pktlen for its bytes; more than `burst` never passes
//	now    nanoseconds: bpf_ktime_get_ns(), or another clock, but always the same one for the same bucket
//
// Returns whether they were there.
static __always_inline bool hover_bucket_take(struct hover_bucket *bucket, __u64 rate, __u64 burst, __u64 cost,
					      __u64 now)
{
	__u64 price, room;

	if (burst > HOVER_BUCKET_MOST)
		burst = HOVER_BUCKET_MOST;
	if (rate == 0 || cost > burst)
		return false;
	room = (burst * HOVER_BUCKET_SECOND + rate / 2) / rate;
	price = (cost * HOVER_BUCKET_SECOND + rate / 2) / rate;
	now *= HOVER_BUCKET_SECOND / 1000000000;
	for (int try = 0; try < HOVER_BUCKET_TRIES; try++) {
		__u64 full_at = *(volatile __u64 *)&bucket->full_at;
		__u64 missing = full_at - now;

		// The clock in 64ths wraps after 9 years, so the past is all that cannot be ahead.
		if (missing > room + HOVER_BUCKET_SKEW)
			missing = 0;
		if (missing + price > room)
			return false;
		if (__sync_val_compare_and_swap(&bucket->full_at, full_at, now + missing + price) == full_at)
			return true;
	}
	return false;
}
