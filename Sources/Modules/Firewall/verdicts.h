// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What the rules decided on packets that connections are no concern of, so that not each packet of a stream is looked up.
#pragma once

#include <hover/flow.h>

#include "counters.h"
#include "rules.h"

struct firewall_verdict {
	// Of the rules; 0: there is none.
	__u64 version;
	struct hover_tuple subject;
	// Whose counters count; 0: no rule decided.
	__u64 rule;
	// An enum firewall_action: accept or drop.
	__u64 action;
};

#define FIREWALL_VERDICT_BITS 11

// On packets whose hashes have the same high bits: the last two, the last one first.
struct firewall_verdicts {
	struct firewall_verdict last[2];
};

// Each CPU's own.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << FIREWALL_VERDICT_BITS);
	__type(key, __u32);
	__type(value, struct firewall_verdicts);
} verdicts SEC(".maps") __attribute__((btf_decl_tag("hover:internal")))
__attribute__((btf_decl_tag("hover:temporary")));

// 0 where the rules take any, else all ones. Without a branch, of which the verifier would follow both ways.
static __always_inline __u64 firewall_unless(__u64 root, __u64 any)
{
	__u64 mask = -(__u64) !(root & any);

	asm volatile("" : "+r"(mask));
	return mask;
}

static __always_inline void firewall_mask(ipv6_addr_t *address, __u64 mask)
{
	__u64 *words = __builtin_assume_aligned(address, 8);

	words[0] &= mask;
	words[1] &= mask;
}

// Fills what the rules see of a packet, but for those with FIREWALL_PER_PACKET: packets that differ in nothing else are
// one and the same to them, as those of many clients are where no rule asks for their ports. ICMP has its type and code
// for a destination port. Returns false where the packet cannot be read.
static __always_inline bool firewall_subject(void *pkt, struct metadata *md, const struct hover_headers *headers,
					     __u64 root, struct hover_tuple *subject)
{
	__u8 protocol = headers->l4_protocol;

	if (!hover_load_addresses(pkt, headers, subject))
		return false;
	firewall_mask(&subject->source, firewall_unless(root, FIREWALL_ANY_SOURCE));
	firewall_mask(&subject->destination, firewall_unless(root, FIREWALL_ANY_DESTINATION));
	subject->source_port = 0;
	subject->destination_port = headers->l4_offset ? headers->source_port : 0;
	if (headers->l4_offset && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP)) {
		subject->source_port = headers->source_port & firewall_unless(root, FIREWALL_ANY_SOURCE_PORT);
		subject->destination_port = headers->destination_port;
	}
	subject->protocol = protocol;
	subject->echo_reply = 0;
	// An IPv6 packet may have addresses that IPv4 is written as.
	subject->reserved[0] = headers->version;
	subject->reserved[1] = (md->in_ifc == 2) * 2 + !!headers->l4_offset;
	return true;
}

static __always_inline struct firewall_verdicts *firewall_verdicts_of(const struct hover_tuple *subject)
{
	const __u64 *words = (const __u64 *)subject;
	__u64 hash = 0;
	__u32 number;

#pragma clang loop unroll(full)
	for (int index = 0; index < sizeof(*subject) / sizeof(*words); index++)
		// Fibonacci hashing (Knuth, TAOCP 3, 6.4): 2^64 divided by the golden ratio.
		hash = (hash ^ words[index]) * 0x9e3779b97f4a7c15;
	number = hash >> (64 - FIREWALL_VERDICT_BITS);
	return bpf_map_lookup_elem(&verdicts, &number);
}

// What was decided on such a packet by the rules of a version; NULL if nothing is known.
static __always_inline const struct firewall_verdict *firewall_recall(const struct hover_tuple *subject, __u64 version)
{
	const struct firewall_verdicts *known = firewall_verdicts_of(subject);

	if (!known)
		return NULL;
#pragma clang loop unroll(full)
	for (int index = 0; index < 2; index++) {
		const struct firewall_verdict *verdict = &known->last[index];

		if (verdict->version == version && hover_tuple_is(&verdict->subject, subject))
			return verdict;
	}
	return NULL;
}

static __always_inline void firewall_keep(const struct hover_tuple *subject, __u64 version, __u64 rule, __u64 action)
{
	struct firewall_verdicts *known = firewall_verdicts_of(subject);

	if (!known)
		return;
	known->last[1] = known->last[0];
	known->last[0] = (struct firewall_verdict){
		.version = version,
		.subject = *subject,
		.rule = rule,
		.action = action,
	};
}
