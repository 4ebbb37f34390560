// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// How user space says where a packet that it sends on Hover's device goes: in a trailer of the frame, which is cut off.
// What a trailer cannot be cut from, a GSO packet, says it in its mark instead. All have a mark: who may set one
// (CAP_NET_RAW, SO_MARK in socket(7)) may send packets as it likes anyway, and others can send on the device too.
#pragma once

#include <linux/types.h>

#define HOVER_PACKET_OUT 0x48764f75

enum hover_packet_out_kind {
	// Into the module, by the program in one of its slots, as if received.
	HOVER_OUT_ENTER = 1,
	// Out of one of its ports.
	HOVER_OUT_LEAVE = 2,
	// The trailer says it.
	HOVER_OUT_TRAILER = 15,
};

// Little-endian, the last bytes of the frame. Sources/Dataplane/PacketSocket.swift is the other half.
struct hover_packet_out {
	// md->data.
	struct type_value data[4];
	__u32 module;
	// The slot or the port.
	__u32 place;
	__u32 kind;
	__u32 mark;
};

// The fields of a mark.
#define HOVER_MARK_SET (1U << 31)
#define HOVER_MARK_PLACE(mark) ((mark) >> 20 & 0x7ff)
#define HOVER_MARK_KIND(mark) ((mark) >> 16 & 0xf)
#define HOVER_MARK_MODULE(mark) ((mark)&0xffff)
