// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Lines for hoverd's log, with the module's name.
//
//	#include <hover/log.h>
//
//	hover_log("port %d: %d bytes of an unknown kind", md->in_ifc, md->pktlen);
//
// The format is a literal, as bpf_snprintf takes it: %d %u %x %llu %p and, with pointers, %pI4 %pI6 %pM; up to 12
// arguments. A line is cut after 119 bytes. A module writes 10 lines a second, 50 at once; how many were left out is said
// with the next one. Without hoverd, lines are kept until the buffer (256 KiB for all modules) is full.
#pragma once

#include <hover/log_maps.h>

#define hover_log(format, ...)                                                                                        \
	({                                                                                                            \
		__u32 number_ = HOVER_CONSTANT(1);                                                                    \
		struct hover_log_line *line_ = hover_log_begin(number_);                                              \
		if (line_) {                                                                                          \
			BPF_SNPRINTF(line_->text, sizeof(line_->text), format, ##__VA_ARGS__);                        \
			bpf_ringbuf_submit(line_, 0);                                                                 \
		}                                                                                                     \
	})

// Room for a line, if the module may write one now; it must be submitted.
static __always_inline struct hover_log_line *hover_log_begin(__u32 module)
{
	struct hover_log_limit *limit = bpf_map_lookup_elem(&hover_log_limits, &module);
	struct hover_log_line *line = NULL;

	if (!limit)
		return NULL;
	if (hover_bucket_take(&limit->bucket, 10, 50, 1, bpf_ktime_get_ns()))
		line = bpf_ringbuf_reserve(&hover_logs, sizeof(*line), 0);
	if (!line) {
		__sync_fetch_and_add(&limit->left_out, 1);
		return NULL;
	}
	line->module = module;
	line->left_out = __sync_lock_test_and_set(&limit->left_out, 0);
	return line;
}
