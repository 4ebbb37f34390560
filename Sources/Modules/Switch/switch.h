// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What all parts of the switch know: its ports, its configuration, and what it counts.
#pragma once

#include <hover/clock.h>
#include <hover/types.h>
#include <hover/vlan.h>

// Ports are numbered from 1 to this.
#define LAST_PORT 64

// A set of ports: bit n - 1 is port n.
typedef __u64 port_set;

// The configuration: constants that the verifier knows, so what a port does not need is not in its program.

// Nanoseconds after which a station that has sent nothing is forgotten; 0: never.
const volatile __u64 ageing = 300 * HOVER_SECOND;
// Whether there are VLANs. Otherwise tags mean nothing.
const volatile bool vlan_aware;
// Ports that take and send tagged frames.
const volatile port_set trunk_ports;
// Of these, the ones that are in each VLAN.
const volatile port_set trunks_of_all;
// By port: the VLAN of frames without a tag; 0: such frames are not taken.
const volatile __u16 untagged_vlan[LAST_PORT + 1];
// Whether static_fdb has entries.
const volatile bool has_static;
// Whether frames for 01:80:c2:00:00:0x are forwarded.
const volatile bool forwards_link_local;
// Ports that exchange frames only with ports that are not in this set.
const volatile port_set isolated_ports;
// Ports whose received and sent frames are copied to mirror_port; 0: there is none.
const volatile port_set mirrored_received;
const volatile port_set mirrored_sent;
const volatile __u32 mirror_port;
// Ports on which some flooded frames are limited.
const volatile port_set storm_ports;
// Ports on which only the addresses of allowed_macs may send, or those of allowed_addresses4 and 6.
const volatile port_set mac_security_ports;
const volatile port_set address_security_ports;
// By port: the most stations that are learned there; 0: no limit.
const volatile __u32 most_stations[LAST_PORT + 1];

// What an array has for a port; 0 for what is none. The number is checked where it is used, for the verifier of Linux 6.1
// forgets the bounds of one that was on the stack meanwhile.
#define OF_PORT(array, port)                                                                                          \
	({                                                                                                            \
		__u64 index_ = (port);                                                                                \
		asm volatile("" : "+r"(index_));                                                                      \
		index_ <= LAST_PORT ? (array)[index_] : 0;                                                            \
	})

static __always_inline port_set set_of(__u32 port)
{
	return 1ULL << (port - 1);
}

static __always_inline bool contains(port_set ports, __u32 port)
{
	return ports >> (port - 1) & 1;
}

// Why frames ended here; each counts once.
struct drops {
	// Shorter than an Ethernet header.
	__u64 too_short;
	// Sent by a multicast address, or by 00:00:00:00:00:00.
	__u64 bad_source;
	// For 01:80:c2:00:00:0x.
	__u64 link_local;
	// Received on the mirror port.
	__u64 mirror_port;
	// Of a VLAN that the port they came by, or the one they would leave by, is not in.
	__u64 vlan;
	// The destination is behind the port that they came by.
	__u64 same_port;
	// From one isolated port to another.
	__u64 isolated;
	// More flooded frames than storm control lets pass.
	__u64 storm_broadcast;
	__u64 storm_multicast;
	__u64 storm_unknown;
	// MAC security: a source that is not allowed, and one too many.
	__u64 mac_not_allowed;
	__u64 mac_limit;
	// IP security.
	__u64 address_not_allowed;
	// The kernel could not change the tag.
	__u64 failed;
};

struct counts {
	__u64 learned;
	__u64 moved;
	// Frames of stations that were not learned because the table was full.
	__u64 full;
	// Frames of static stations that came by another port than theirs.
	__u64 static_elsewhere;
	// Flooded frames.
	__u64 broadcast;
	__u64 multicast;
	__u64 unknown;
	struct drops dropped;
};

// By the port that the frame came by.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LAST_PORT + 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

#define COUNT(port, field)                                                                                            \
	do {                                                                                                          \
		__u32 port_ = (port);                                                                                 \
		struct counts *counts_ = bpf_map_lookup_elem(&counts, &port_);                                        \
                                                                                                                      \
		if (counts_)                                                                                          \
			counts_->field++;                                                                             \
	} while (0)

#define DROP(port, reason)                                                                                            \
	({                                                                                                            \
		COUNT(port, dropped.reason);                                                                          \
		RX_DROP;                                                                                              \
	})
