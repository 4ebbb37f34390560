// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What programs and hoverd share of logging. Sources/Dataplane/ModuleLog.swift is the other half.
#pragma once

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <hover/bucket.h>

struct hover_log_line {
	__u32 module;
	// Lines of the module that were not written before this one.
	__u32 left_out;
	// Ends with a zero.
	char text[120];
};

struct hover_log_limit {
	struct hover_bucket bucket;
	__u32 left_out;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} hover_logs SEC(".maps");

// By the module's number.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct hover_log_limit);
} hover_log_limits SEC(".maps");
