// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A copy of a packet for the slow path, while the packet itself goes on. pkt_controller would end it here, and copies to
// ports are none of a policy's, which has no ports. So the module writes the record itself, into the same ring and under
// the same limit (hover/packet_in.h). What is left out then is no packet that was dropped, and is counted here.
#pragma once

#include <hover/packet_in.h>

#include "tables.h"

// A packet that is being looked at.
struct dpi_packet {
	struct hover_headers headers;
	struct hover_tuple key;
	// 1 when its source is the key's destination.
	__u32 direction;
	// Of TCP and UDP only such packets say something.
	__u32 has_payload;
};

// The most bytes of a frame that are handed up: a TLS client's greeting of two segments, when the kernel has put these
// together.
#define DPI_CAPTURED 2048

// In the record's reason, besides the offset of the IP header in its lower 16 bits: the slow path gets no more of this
// flow, and has to decide.
#define DPI_LAST 0x10000

// Room in a ring is asked for in constant sizes.
static __always_inline bool dpi_submit(void *ring, struct hover_packet_in *head, void *pkt)
{
	__u32 size = head->captured;

	if (size == 0 || size > DPI_CAPTURED)
		return false;
	if (size <= 128)
		return HOVER_SUBMIT(ring, head, pkt, size, 128);
	if (size <= 512)
		return HOVER_SUBMIT(ring, head, pkt, size, 512);
	return HOVER_SUBMIT(ring, head, pkt, size, DPI_CAPTURED);
}

static __always_inline void dpi_describe(struct hover_packet_in *head, const struct metadata *md,
					 const struct dpi_packet *packet, const struct dpi_flow *flow)
{
	const __u64 *key = (const __u64 *)&packet->key;

	// The key as bytes: both addresses where md->data would be, and ports and protocol behind them.
	__builtin_memcpy(head->data, key, sizeof(head->data));
	__builtin_memcpy(head->metadata, key + 4, 8);
	head->metadata[2] = flow->id;
	head->port = md->in_ifc;
	head->reason = packet->headers.l3_offset | (flow->handed + 1U >= inspected ? DPI_LAST : 0);
	head->verdict = RX_CONTROLLER;
	head->length = md->pktlen;
}

// Returns whether the slow path gets the packet.
static __noinline int dpi_hand_up(void *pkt, struct metadata *md, const struct dpi_packet *packet,
				  const struct dpi_flow *flow)
{
	__u32 number = HOVER_MODULE;
	struct hover_slow_path *slow_path = bpf_map_lookup_elem(&hover_slow_paths, &number);
	struct hover_packet_in head = {};
	void *ring = slow_path ? bpf_map_lookup_elem(&hover_rings, &number) : NULL;

	if (!slow_path || !ring) {
		dpi_note(DPI_NOBODY_LISTENS);
		return false;
	}
	head.time = bpf_ktime_get_ns();
	if (!hover_bucket_take(&slow_path->bucket, slow_path->rate, slow_path->burst, 1, head.time)) {
		dpi_note(DPI_RATE);
		return false;
	}
	head.module = number;
	dpi_describe(&head, md, packet, flow);
	head.captured = head.length < slow_path->snap_length ? head.length : slow_path->snap_length;
	if (head.captured > DPI_CAPTURED)
		head.captured = DPI_CAPTURED;
	if (!dpi_submit(ring, &head, pkt)) {
		dpi_note(DPI_RING_FULL);
		return false;
	}
	hover_count(HOVER_COUNT_PACKET_IN);
	dpi_note(DPI_HANDED);
	return true;
}
