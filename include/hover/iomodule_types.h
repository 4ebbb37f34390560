// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What a module is told of a packet, and what it answers.
#pragma once

#include <linux/types.h>

// What handle_rx answers. The first five keep the numbers of the original Hover: policies store them in tables.
enum {
	// Forward module: the packet goes on its ordinary way in the kernel. Policy: it goes on along its link.
	RX_OK,
	// The packet leaves by the port that pkt_redirect named.
	RX_REDIRECT,
	// The packet ends here.
	RX_DROP,
	// The module sees the same packet once more, on the same port.
	RX_RECIRCULATE,
	// The module could not handle the packet; it ends here and is counted as an error.
	RX_ERROR,
	// The packet goes to the slow path or the controller.
	RX_CONTROLLER,
	// The packet goes to the ports that pkt_flood or pkt_flood_mask named.
	RX_FLOOD,
	// The packet goes to the slow path, which keeps it until it knows more.
	RX_HOLD,
	// The module's stage that pkt_continue named sees the packet next.
	RX_STAGE,
};

// A datum that a module leaves for the modules after it.
struct type_value {
	__u64 type : 8;
	__u64 value : 56;
};

// What a module is told about the packet in hand.
struct metadata {
	// Free for modules to use; zero when a packet enters its first module.
	struct type_value data[4];
	// True in the egress handler of a policy.
	__u32 is_egress : 1;
	// Set by pkt_flood: every port but in_ifc gets the packet.
	__u32 flood : 1;
	// Set by pkt_copy_and_continue: the copies are made before the stage that redir_ifc names. In that stage, whether
	// there were any.
	__u32 copies_first : 1;
	// Reserved.
	__u32 flags : 29;
	// Length of the whole frame in bytes, a GSO packet's whole length. Read-only.
	__u32 pktlen;
	// The number of this module on this host. Read-only.
	int module_id;
	// The port that the packet came in by, from 1, local to the module. In a policy: 1 ingress, 2 egress. Read-only.
	int in_ifc;
	// Set by pkt_redirect and pkt_continue.
	int redir_ifc;
	// Kept for sources of the original Hover, which set it; not read. Call pkt_mirror.
	int clone_ifc;
	// Set by pkt_controller: why the packet goes to the slow path.
	__u32 reason;
	// Set by pkt_set_metadata: travels with the packet to the slow path.
	__u32 controller[3];
	// Set by pkt_mirror and pkt_flood_mask: bit n - 1 is port n.
	__u64 copies;
	// Set by pkt_hold: what the slow path is to find out.
	__u64 key;
};

// The highest port that pkt_mirror and pkt_flood_mask reach.
#define HOVER_MIRROR_PORTS 64

// A reason for pkt_controller that floods the packet in the kernel, as pkt_flood does: the 2017 fork's slow path did.
#define PKT_BROADCAST 0xffff
