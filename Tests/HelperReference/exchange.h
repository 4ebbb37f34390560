// SPDX-License-Identifier: Apache-2.0
//
// What a test tells a program in the kernel, and what the program tells the test: one value of an array map each.
#pragma once

#include <stddef.h>

#include <linux/types.h>

#include <hover/headers.h>

struct arguments {
	// For IPv4, the first four bytes.
	__u8 source[16];
	__u8 destination[16];
	__be16 source_port;
	__be16 destination_port;
	__be16 icmp_id;
	// ETH_P_8021Q or ETH_P_8021AD.
	__be16 vlan_protocol;
	__u16 vlan_id;
	__u8 vlan_priority;
	__u8 hop_limit;
	// A field of any kind: its place (the fuzzer's counts from the L4 header), its bytes (1, 2 or 4) and what to put
	// there.
	__u32 offset;
	__u32 size;
	__u32 value;
	// At tc: before all else, take the outer tag out of the frame, as the kernel does with what it receives.
	__u32 hides_tag;
	// The fuzzer's: which steps to take, bits by enum step.
	__u32 steps;
};

// What the fuzzer's program does with a packet, in this order.
enum step {
	STEP_SOURCE,
	STEP_DESTINATION,
	STEP_SOURCE_PORT,
	STEP_DESTINATION_PORT,
	STEP_ICMP_ID,
	STEP_HOP_LIMIT,
	STEP_FIELD,
	STEP_QUOTED_SOURCE,
	STEP_QUOTED_DESTINATION,
	STEP_QUOTED_SOURCE_PORT,
	STEP_QUOTED_DESTINATION_PORT,
	STEP_COMPUTE_IPV4,
	STEP_COMPUTE_L4,
	STEP_VLAN_ID,
	STEP_VLAN_PRIORITY,
	STEP_VLAN_POP,
	STEP_VLAN_PUSH,
	STEPS,
};

struct results {
	// What the function under test returned; the fuzzer has one for each step.
	__s32 returned[STEPS];
	// What parsing gave: the packet, what it quotes, and the packet once more at the end.
	__s32 parsed;
	__s32 parsed_quoted;
	__s32 parsed_again;
	struct hover_headers headers;
	struct hover_headers quoted;
	struct hover_headers again;
	// Whether a tag is beside the packet at the end, and which.
	__u32 has_hidden_tag;
	__be16 hidden_protocol;
	__be16 hidden_control;
	// Other answers.
	__u32 value;
	__be16 vlan_protocol;
	__u16 vlan_id;
	__u8 vlan_priority;
	__u8 vlan_drop_eligible;
};

// Tests/HelperTests writes the one and reads the other by these places.
_Static_assert(offsetof(struct arguments, steps) == 60, "struct arguments");
_Static_assert(offsetof(struct results, headers) == 80, "struct results");
_Static_assert(offsetof(struct results, has_hidden_tag) == 176, "struct results");
_Static_assert(sizeof(struct results) == 196, "struct results");
_Static_assert(sizeof(struct hover_headers) == 32, "struct hover_headers");
