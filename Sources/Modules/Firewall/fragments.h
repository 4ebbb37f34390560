// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Fragments behind the first have no ports for rules to ask for: they follow the first one, which is remembered.
#pragma once

#include "search.h"

// What the fragments of a datagram have in common (RFC 791; RFC 8200, 4.5).
struct firewall_datagram {
	ipv6_addr_t source;
	ipv6_addr_t destination;
	__be32 id;
	__u32 protocol;
	// The rules that accepted it, and the direction: two ways are two questions.
	__u64 version;
} __attribute__((aligned(8)));

// Datagrams by when their fragments must have come, by hover_now. Who sends many first fragments pushes out his own and
// others' remembered ones: the rest of those is then asked for as without.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct firewall_datagram);
	__type(value, __u64);
} fragments SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// A host waits this long for the rest of a datagram (Linux, net.ipv4.ipfrag_time).
#define FIREWALL_FRAGMENT_TIME (30 * HOVER_SECOND)

// Loads what datagrams are told apart by. What a later fragment of IPv6 says of the protocol is not what the first one
// says, if a header with options is behind the fragment header.
static __always_inline bool firewall_datagram_of(void *pkt, const struct hover_headers *headers, __u64 version,
						 struct firewall_datagram *datagram)
{
	struct hover_tuple addresses;

	if (!hover_load_addresses(pkt, headers, &addresses))
		return false;
	*datagram = (struct firewall_datagram){
		.source = addresses.source,
		.destination = addresses.destination,
		.id = headers->fragment_id,
		.protocol = headers->version == 4 ? headers->l4_protocol : 0,
		.version = version,
	};
	return true;
}

// Whether a fragment begins with TCP's flags. Nobody has a reason to cut there but to put others in the place of those that
// rules have looked at, in the first one (RFC 1858, 3.2.2). Of IPv6 a datagram with such fragments is dropped where it is
// put together (RFC 5722).
static __always_inline bool firewall_replaces_flags(void *pkt, const struct hover_headers *headers)
{
	__be16 offset;

	return headers->fragment > HOVER_FRAGMENT_FIRST && headers->version == 4 &&
	       headers->l4_protocol == IPPROTO_TCP &&
	       pkt_load(pkt, headers->l3_offset + 6, &offset, sizeof(offset)) == 0 &&
	       (offset & bpf_htons(0x1fff)) == bpf_htons(1);
}

// Remembers a first fragment that is accepted.
static __noinline int firewall_expect(void *pkt, const struct hover_headers *headers, __u64 version)
{
	__u64 until = hover_now_coarse() + FIREWALL_FRAGMENT_TIME;
	struct firewall_datagram datagram;

	if (firewall_datagram_of(pkt, headers, version, &datagram))
		bpf_map_update_elem(&fragments, &datagram, &until, BPF_ANY);
	return 0;
}

// Whether the first one of a later fragment was accepted, in the same direction by the same rules.
static __noinline int firewall_expects(void *pkt, const struct hover_headers *headers, __u64 version)
{
	struct firewall_datagram datagram;
	__u64 *until;

	if (!firewall_datagram_of(pkt, headers, version, &datagram))
		return false;
	until = bpf_map_lookup_elem(&fragments, &datagram);
	return until && *(volatile __u64 *)until > hover_now_coarse();
}
