// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What programs and slow paths share: the records of packets, the rings that they lie in, and the limits.
#pragma once

#include <hover/bucket.h>
#include <hover/hook.h>
#include <hover/iomodule_types.h>

// What a slow path reads; the packet's first bytes follow. Sources/Dataplane/PacketIn.swift is the other half.
struct hover_packet_in {
	// Nanoseconds of CLOCK_MONOTONIC.
	__u64 time;
	// md->key of a packet to hold.
	__u64 key;
	struct type_value data[4];
	__u32 module;
	__u32 port;
	__u32 reason;
	__u32 metadata[3];
	// The whole frame's length in bytes, and how many of them follow.
	__u32 length;
	__u32 captured;
	// Segments of a GSO packet have this many bytes of payload; 0 for others.
	__u32 segment_size;
	// RX_CONTROLLER or RX_HOLD.
	__u16 verdict;
	// The slot of the module that holds the program that the packet entered by: where it can be put back.
	__u16 slot;
};

// How a module may use its slow path, by the module's number. An entry is there while somebody listens.
struct hover_slow_path {
	struct hover_bucket bucket;
	// Packets a second, and at once.
	__u32 rate;
	__u32 burst;
	// The most bytes of a packet that the slow path is given.
	__u32 snap_length;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct hover_slow_path);
} hover_slow_paths SEC(".maps");

struct hover_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

// The ring of each module that has a slow path, by the module's number.
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__array(values, struct hover_ring);
} hover_rings SEC(".maps");
