// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// ARP (RFC 826): answers for the port's own addresses, and what the questions tell.
#pragma once

#include "neighbours.h"

struct arp {
	mac_addr_t destination;
	mac_addr_t source;
	__be16 ether_type;
	__be16 types[2];
	__u8 lengths[2];
	__be16 operation;
	mac_addr_t sender;
	ipv4_addr_t sender_address;
	mac_addr_t target;
	ipv4_addr_t target_address;
} __attribute__((packed));

// Whether an address is the port's own, or that of a NAT behind it, which does not answer ARP.
static __always_inline bool is_own4(__be32 address, __u32 port)
{
	const struct route *route = find_route4(address);

	return route && (route->type == ROUTE_LOCAL || route->type == ROUTE_TRANSLATED) && route->port == port;
}

static __always_inline int answer_arp(void *pkt, struct metadata *md, struct arp *arp, const struct port_state *state)
{
	ipv4_addr_t asked = arp->target_address;

	arp->destination = arp->source;
	arp->target = arp->sender;
	arp->target_address = arp->sender_address;
	arp->source = arp->sender = state->mac;
	arp->sender_address = asked;
	arp->operation = bpf_htons(2);
	if (pkt_store(pkt, 0, arp, sizeof(*arp)) < 0)
		return drop(DROP_TRUNCATED);
	return pkt_redirect(pkt, md, md->in_ifc);
}

// An answer: to us, the slow path knows whether it asked. To all, it is as good as a question to others.
static __always_inline int take_arp_answer(void *pkt, struct metadata *md, const struct arp *arp, bool is_for_us)
{
	struct neighbour4 key = { .address = arp->sender_address, .port = md->in_ifc };

	if (is_for_us && bpf_map_lookup_elem(&neighbours4, &key))
		return to_slow_path(pkt, md, REASON_ARP);
	if (!is_for_us && is_multicast(&arp->destination)) {
		learn4(arp->sender_address, &arp->sender, md->in_ifc, false);
		return drop(DROP_ARP_NOT_FOR_US);
	}
	return drop(DROP_ARP_UNSOLICITED);
}

static __always_inline int handle_arp(void *pkt, struct metadata *md, const struct port_state *state)
{
	__u32 port = md->in_ifc;
	struct arp arp;
	bool is_for_us;

	if (pkt_load(pkt, 0, &arp, sizeof(arp)) < 0)
		return drop(DROP_TRUNCATED);
	if (arp.types[0] != bpf_htons(1) || arp.types[1] != bpf_htons(ETH_P_IP) || arp.lengths[0] != 6 ||
	    arp.lengths[1] != 4 || is_no_station(&arp.sender) || is_no_station(&arp.source) ||
	    (arp.operation != bpf_htons(1) && arp.operation != bpf_htons(2)))
		return drop(DROP_ARP_INVALID);
	if (is_same(&arp.sender, &state->mac, 6))
		return drop(DROP_IGNORED);
	if (is_own4(arp.sender_address, port))
		return drop(DROP_ADDRESS_CONFLICT);
	is_for_us = is_own4(arp.target_address, port);
	if (arp.operation == bpf_htons(2))
		return take_arp_answer(pkt, md, &arp, is_for_us && is_same(&arp.destination, &state->mac, 6));
	// 0.0.0.0 probes whether an address is free (RFC 5227).
	if (arp.sender_address)
		learn4(arp.sender_address, &arp.sender, port, is_for_us);
	if (!is_for_us)
		return drop(DROP_ARP_NOT_FOR_US);
	return answer_arp(pkt, md, &arp, state);
}
