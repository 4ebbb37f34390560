// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Storm control: how many frames a port may have flooded.
#pragma once

#include <hover/bucket.h>

#include "switch.h"

enum flood {
	FLOOD_BROADCAST,
	FLOOD_MULTICAST,
	// The destination is not in the forwarding database.
	FLOOD_UNKNOWN,
	FLOODS,
};

// By port and kind of flood: frames a second, and at once; a burst of 0: no limit.
const volatile __u32 storm_rates[(LAST_PORT + 1) * FLOODS];
const volatile __u32 storm_bursts[(LAST_PORT + 1) * FLOODS];

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, (LAST_PORT + 1) * FLOODS);
	__type(key, __u32);
	__type(value, struct hover_bucket);
} storms SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// How many frames it will be on the wire.
static __always_inline __u32 frames_of(void *pkt)
{
#ifdef HOVER_XDP
	return 1;
#else
	return ((struct __sk_buff *)pkt)->gso_segs ?: 1;
#endif
}

// Whether one more frame may be flooded.
static __noinline bool storm_passes(__u32 port, enum flood kind, __u32 frames)
{
	__u32 index = port * FLOODS + kind, key = index, rate, burst;
	struct hover_bucket *bucket;

	// Clang would compute it anew behind the check, or take it from the key, and the verifier not know that it is the same.
	asm volatile("" : "+r"(index));
	if (index >= (LAST_PORT + 1) * FLOODS)
		return false;
	rate = storm_rates[index];
	burst = storm_bursts[index];
	if (!burst)
		return true;
	bucket = bpf_map_lookup_elem(&storms, &key);
	// A packet of more segments than the burst would never pass.
	return bucket && hover_bucket_take(bucket, rate, burst, frames < burst ? frames : burst, hover_now());
}
