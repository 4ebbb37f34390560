// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Why packets passed or ended, counted. FirewallType+State.swift knows the order.
#pragma once

#include <hover/iomodule_types.h>

enum firewall_reason {
	FIREWALL_ESTABLISHED,
	FIREWALL_RELATED,
	FIREWALL_RULE_ACCEPTED,
	FIREWALL_DEFAULT_ACCEPTED,
	FIREWALL_FRAGMENT,
	FIREWALL_DISCOVERY,
	FIREWALL_ARP_ACCEPTED,
	FIREWALL_NON_IP_ACCEPTED,
	FIREWALL_RULE_DROPPED,
	FIREWALL_RULE_REJECTED,
	FIREWALL_DEFAULT_DROPPED,
	FIREWALL_DEFAULT_REJECTED,
	FIREWALL_INVALID,
	FIREWALL_MALFORMED,
	FIREWALL_ARP_DROPPED,
	FIREWALL_NON_IP_DROPPED,
	FIREWALL_CONNECTIONS_FULL,
	// There are none, or they were exchanged again and again while the packet was looked at.
	FIREWALL_NO_RULES,
	// Not packets of their own: answers to rejected ones, and those that there was no room for under the limit.
	FIREWALL_ANSWERS,
	FIREWALL_ANSWERS_LEFT_OUT,
	FIREWALL_REASONS = 32,
};

struct firewall_amount {
	__u64 packets;
	__u64 bytes;
};

// By reason, those of egress behind those of ingress.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * FIREWALL_REASONS);
	__type(key, __u32);
	__type(value, struct firewall_amount);
} reasons SEC(".maps");

static __always_inline void firewall_note(const struct metadata *md, enum firewall_reason reason)
{
	__u32 index = reason + (md->in_ifc == 2) * FIREWALL_REASONS;
	struct firewall_amount *amount = bpf_map_lookup_elem(&reasons, &index);

	if (!amount)
		return;
	amount->packets++;
	amount->bytes += md->pktlen;
}
