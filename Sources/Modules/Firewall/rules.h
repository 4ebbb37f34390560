// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A set of rules as user space compiles it (RuleCompiler.swift), in pages that never change. What belongs together is a
// section: a search tree with its vectors, or the rules themselves. It is kept under a hash of what is in it, so that a
// section that two sets have alike is there once. Another set has another header, and `ruleset` says which one is in
// force.
//
// A field of the packet (its source, its destination, ...) leads to a vector with a bit for each rule, set where the rule
// lets the field be as it is. The rules that match are the bits that all vectors have; the first one wins. So that not
// all bits are looked at, they are cut into blocks of 64, and a vector is sparse: it has a summary with a bit for each
// block, and only the blocks that are not 0. What a rule leaves open it does not put into the vectors of all values, but
// into one of its own, `open`. (Lakshman and Stiliadis 1998; Baboescu and Varghese 2001.)
#pragma once

#include <linux/types.h>

// Of `ruleset` the low bits; in a page's key they are its number in its section.
#define FIREWALL_PAGE_BITS 20
#define FIREWALL_VERSION(root) ((root) & ~((1ULL << FIREWALL_PAGE_BITS) - 1))
#define FIREWALL_WORDS 512
// Rules are numbered in their order, from 0.
#define FIREWALL_BLOCKS 256
#define FIREWALL_RULES (64 * FIREWALL_BLOCKS)
// Words of a summary.
#define FIREWALL_SUMMARY 4
// A reference to a vector: the page, and where it begins there. In each section with vectors 0 is one without a bit.
#define FIREWALL_AT_BITS 9
#define FIREWALL_EMPTY 0

enum {
	FIREWALL_TRACK = 1,
	FIREWALL_ACCEPT_ESTABLISHED = 2,
	FIREWALL_DROP_INVALID = 4,
	FIREWALL_ACCEPT_ARP = 8,
	FIREWALL_ACCEPT_OTHER = 16,
	FIREWALL_ACCEPT_NEIGHBOURS = 32,
	// What no rule asks for, and so tells no packets apart. Rules of an older build say nothing of it.
	FIREWALL_ANY_SOURCE = 64,
	FIREWALL_ANY_DESTINATION = 128,
	FIREWALL_ANY_SOURCE_PORT = 256,
};

enum firewall_field {
	// Direction, IP version and protocol.
	FIREWALL_KIND,
	FIREWALL_SOURCE,
	FIREWALL_DESTINATION,
	FIREWALL_SOURCE_PORT,
	// Or ICMP type and code.
	FIREWALL_DESTINATION_PORT,
	FIREWALL_MAC,
	FIREWALL_FIELDS,
};

enum {
	FIREWALL_SOURCE4,
	FIREWALL_DESTINATION4,
	FIREWALL_SOURCE6,
	FIREWALL_DESTINATION6,
	FIREWALL_SOURCE_PORTS,
	FIREWALL_DESTINATION_PORTS,
	FIREWALL_MACS,
	FIREWALL_TREES,
};

// A search tree of intervals: pages of their first values in ascending order, with what they lead to.
struct firewall_tree {
	// Its section.
	__u64 section;
	__u32 page;
	// Pages from the root to the vector's reference; 0: no rule asks for the field.
	__u32 levels;
};

// The only page under the set's own version.
struct firewall_header {
	// By direction: what becomes of a packet that no rule decides on.
	__u8 initial[2];
	__u8 reserved[6];
	// Answers a second, for packets that are rejected.
	__u32 reject_rate;
	__u32 reject_burst;
	// Sections. References to vectors, by direction, IP version and protocol, are on the last page of this one, the vectors
	// before it.
	__u64 kinds;
	// The other half of each vector, block by block: a word for each field.
	__u64 open;
	__u64 rules;
	__u32 kinds_page;
	__u32 reserved2;
	struct firewall_tree trees[FIREWALL_TREES];
	__u64 open_summary[FIREWALL_FIELDS][FIREWALL_SUMMARY];
};

#define FIREWALL_KEYS4 (FIREWALL_WORDS)
#define FIREWALL_KEYS6 128

struct firewall_key6 {
	__u64 high;
	__u64 low;
	__u32 to;
	__u32 reserved;
};

struct firewall_page {
	union {
		__u64 words[FIREWALL_WORDS];
		__u32 numbers[2 * FIREWALL_WORDS];
		// Search trees; what is behind the last key is all ones.
		struct {
			__u32 key;
			__u32 to;
		} keys4[FIREWALL_KEYS4];
		struct firewall_key6 keys6[FIREWALL_KEYS6];
	};
};

enum firewall_action {
	FIREWALL_NONE,
	FIREWALL_ACCEPT,
	FIREWALL_DROP,
	FIREWALL_REJECT,
	// Only counts (and logs): the rules behind it decide.
	FIREWALL_COUNT,
};

enum {
	FIREWALL_LOGS = 1,
	FIREWALL_HAS_LIMIT = 2,
	FIREWALL_HAS_VLAN = 4,
	FIREWALL_HAS_DSCP = 8,
	FIREWALL_HAS_FRAGMENTS = 16,
	// What the rule says depends on more than a packet's connection.
	FIREWALL_PER_PACKET = 32,
	FIREWALL_HAS_DESTINATION_MAC = 64,
	// With FIREWALL_HAS_FRAGMENTS: for fragments but the first; otherwise for what is none of them.
	FIREWALL_IS_FRAGMENT = 128,
};

// Of a rule, what the vectors leave open, and what it is for.
struct firewall_rule {
	// Whose counters are its own.
	__u64 id;
	__u8 action;
	__u8 flags;
	// A bit for each enum hover_conntrack.
	__u8 states;
	__u8 dscp;
	__u8 tcp_mask;
	__u8 tcp_flags;
	// 0: without a tag.
	__u16 vlan;
	__u32 rate;
	__u32 burst;
	__u64 destination_mac;
	char name[32];
};

#define FIREWALL_RULES_A_PAGE 64

_Static_assert(sizeof(struct firewall_page) == 8 * FIREWALL_WORDS, "a page");
_Static_assert(sizeof(struct firewall_header) <= sizeof(struct firewall_page), "a header");
_Static_assert(sizeof(struct firewall_rule) * FIREWALL_RULES_A_PAGE == sizeof(struct firewall_page),
	       "a page of rules");
