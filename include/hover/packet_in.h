// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Packets for a module's slow path: a record in a ring that the slow path reads, under a limit of packets a second.
#pragma once

#include <hover/bounds.h>
#include <hover/bucket.h>
#include <hover/hook.h>
#include <hover/packet_in_maps.h>
#include <hover/settle.h>

// The most bytes of a packet that are handed over: those of the largest GSO packet of IPv4.
#define HOVER_MOST_CAPTURED 65535

static __always_inline long hover_capture(HOVER_CONTEXT *context, void *to, __u32 size)
{
#ifdef HOVER_XDP
	return bpf_xdp_load_bytes(context, 0, to, size);
#else
	return bpf_skb_load_bytes(context, 0, to, size);
#endif
}

// Room in a ring must be asked for in a constant size: the smallest of some that holds the packet. Returns false when
// the ring is full. The bounds are checked where they are needed: a size that was on the stack meanwhile has lost them.
#define HOVER_SUBMIT(ring, head, context, size, room)                                                                 \
	({                                                                                                            \
		struct {                                                                                              \
			struct hover_packet_in head;                                                                  \
			__u8 bytes[room];                                                                             \
		} *record_ = bpf_ringbuf_reserve(ring, sizeof(*record_), 0);                                          \
		__u32 size_ = (size);                                                                                 \
		if (record_) {                                                                                        \
			record_->head = *(head);                                                                      \
			if (!HOVER_BOUNDED(size_, room) || hover_capture(context, record_->bytes, size_))             \
				record_->head.captured = 0;                                                           \
			bpf_ringbuf_submit(record_, 0);                                                               \
		}                                                                                                     \
		record_ != NULL;                                                                                      \
	})

static __always_inline bool hover_submit(void *ring, struct hover_packet_in *head, HOVER_CONTEXT *context)
{
	__u32 size = head->captured;

	if (size == 0 || size > HOVER_MOST_CAPTURED)
		return false;
	if (size <= 128)
		return HOVER_SUBMIT(ring, head, context, size, 128);
	if (size <= 512)
		return HOVER_SUBMIT(ring, head, context, size, 512);
	if (size <= 2048)
		return HOVER_SUBMIT(ring, head, context, size, 2048);
	return HOVER_SUBMIT(ring, head, context, size, HOVER_MOST_CAPTURED + 1);
}

static __always_inline int hover_packet_in(HOVER_CONTEXT *context, struct metadata *md, int verdict, __u32 slot)
{
	__u32 number = HOVER_MODULE, length = hover_frame_length(context);
	struct hover_slow_path *slow_path = bpf_map_lookup_elem(&hover_slow_paths, &number);
	struct hover_packet_in head = {};
	void *ring;

	if (!slow_path)
		return hover_drop(HOVER_DROP_CONTROLLER);
	head.time = bpf_ktime_get_ns();
	if (!hover_bucket_take(&slow_path->bucket, slow_path->rate, slow_path->burst, 1, head.time))
		return hover_drop(HOVER_DROP_CONTROLLER_RATE);
	ring = bpf_map_lookup_elem(&hover_rings, &number);
	if (!ring)
		return hover_drop(HOVER_DROP_CONTROLLER);
	head.key = md->key;
	__builtin_memcpy(head.data, md->data, sizeof(head.data));
	head.module = number;
	head.port = md->in_ifc;
	head.reason = md->reason;
	__builtin_memcpy(head.metadata, md->controller, sizeof(head.metadata));
	head.length = length;
	head.captured = verdict == RX_HOLD || length < slow_path->snap_length ? length : slow_path->snap_length;
	if (head.captured > HOVER_MOST_CAPTURED)
		head.captured = HOVER_MOST_CAPTURED;
#ifndef HOVER_XDP
	head.segment_size = context->gso_size;
#endif
	head.verdict = verdict;
	head.slot = slot;
	if (!hover_submit(ring, &head, context))
		return hover_drop(HOVER_DROP_CONTROLLER_FULL);
	hover_count(HOVER_COUNT_PACKET_IN);
	return HOVER_END;
}
