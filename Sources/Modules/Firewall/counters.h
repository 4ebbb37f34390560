// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What rules counted, by their ids, so that it is kept while rules around them change. RuleCounters.swift reads
// and forgets it.
#pragma once

#include <hover/iomodule_types.h>

#include "reasons.h"
#include "rules.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4 * FIREWALL_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct firewall_amount);
} rule_counts SEC(".maps");

// A rule that meets packets has a place in an array as well, by the low bits of its id (which is a hash), if it is the
// first one to want it: an index is found faster than a key, and most packets need little else of the firewall.
#define FIREWALL_PLACES 4096

// Whose the places are; 0: nobody's.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FIREWALL_PLACES);
	__type(key, __u32);
	__type(value, __u64);
} frequent_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FIREWALL_PLACES);
	__type(key, __u32);
	__type(value, struct firewall_amount);
} frequent_counts SEC(".maps");

// Whether the rule has the place.
static __always_inline bool firewall_has_place(__u64 rule, __u32 place)
{
	__u64 *owner = bpf_map_lookup_elem(&frequent_rules, &place), is;

	if (!owner)
		return false;
	is = *(volatile __u64 *)owner;
	return is == rule || (!is && !__sync_val_compare_and_swap(owner, 0, rule));
}

static __always_inline struct firewall_amount *firewall_amount(__u64 rule)
{
	__u32 place = rule & (FIREWALL_PLACES - 1);
	struct firewall_amount *amount, none = {};

	if (firewall_has_place(rule, place))
		return bpf_map_lookup_elem(&frequent_counts, &place);
	amount = bpf_map_lookup_elem(&rule_counts, &rule);
	if (amount)
		return amount;
	bpf_map_update_elem(&rule_counts, &rule, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&rule_counts, &rule);
}

static __always_inline void firewall_count(__u64 rule, __u32 length)
{
	struct firewall_amount *amount = firewall_amount(rule);

	if (!amount)
		return;
	amount->packets++;
	amount->bytes += length;
}
