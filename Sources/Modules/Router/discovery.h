// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Neighbour Discovery (RFC 4861): solicitations in the usual forms are answered here, the rest is the slow path's.
#pragma once

#include "ipv6.h"
#include "neighbours.h"

#define ND_ROUTER_SOLICITATION 133
#define ND_ROUTER_ADVERTISEMENT 134
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

// A solicitation or an advertisement from its IPv6 header on.
struct discovery {
	struct ipv6 ip;
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be32 flags;
	ipv6_addr_t target;
	// The one option: of type 1 or 2, 1 for eight bytes, an Ethernet address.
	__u8 option;
	__u8 option_size;
	mac_addr_t mac;
};

#define DISCOVERY_SIZE (sizeof(struct discovery))
#define DISCOVERY_SIZE_WITHOUT_OPTION (sizeof(struct discovery) - 8)

// The checksum over all of it, with zeros where it has no option: 0 if it is right.
static __always_inline __u16 discovery_sum(struct discovery *found)
{
	__u32 sum = bpf_htonl((__u32)bpf_ntohs(found->ip.length) + IPPROTO_ICMPV6);

	sum = bpf_csum_diff(NULL, 0, (__be32 *)&found->ip.source, DISCOVERY_SIZE - 8, sum);
	return hover_changed_sum(0xffff, sum);
}

static __always_inline int answer_solicitation(void *pkt, struct metadata *md, struct discovery *found,
					       const struct port_state *state, bool has_option)
{
	struct {
		mac_addr_t destination, source;
	} ethernet = { .source = state->mac };

	if (pkt_load(pkt, 6, &ethernet.destination, 6) < 0)
		return drop(DROP_TRUNCATED);
	found->ip.destination = found->ip.source;
	found->ip.source = found->target;
	found->ip.hop_limit = 255;
	found->type = ND_ADVERTISEMENT;
	// A router, asked for this, and this counts.
	found->flags = bpf_htonl(0xe0000000);
	found->checksum = 0;
	if (has_option) {
		found->option = 2;
		found->mac = state->mac;
	}
	found->checksum = discovery_sum(found);
	if (pkt_store(pkt, 0, &ethernet, sizeof(ethernet)) < 0)
		return drop(DROP_TRUNCATED);
	if (has_option ? pkt_store(pkt, ETH_HLEN, found, DISCOVERY_SIZE)
		       : pkt_store(pkt, ETH_HLEN, found, DISCOVERY_SIZE_WITHOUT_OPTION))
		return drop(DROP_TRUNCATED);
	return pkt_redirect(pkt, md, md->in_ifc);
}

static __always_inline int handle_solicitation(void *pkt, struct metadata *md, struct discovery *found,
					       const struct port_state *state)
{
	bool has_option = found->ip.length == bpf_htons(32);

	if (!is_own6(&found->target, md->in_ifc))
		return drop(DROP_ND_NOT_FOR_US);
	// Who has no address asks whether ours is free; other options, or none where there should be one.
	if (is_zero6(&found->ip.source) || (!has_option && found->ip.length != bpf_htons(24)) ||
	    (has_option && (found->option != 1 || found->option_size != 1)) ||
	    (!has_option && found->ip.destination.bytes[0] == 0xff))
		return to_slow_path(pkt, md, REASON_DISCOVERY);
	if (discovery_sum(found))
		return drop(DROP_BAD_CHECKSUM);
	if (is_own6(&found->ip.source, md->in_ifc))
		return drop(DROP_ADDRESS_CONFLICT);
	if (has_option) {
		if (is_no_station(&found->mac))
			return drop(DROP_ND_INVALID);
		learn6(&found->ip.source, &found->mac, md->in_ifc);
	}
	return answer_solicitation(pkt, md, found, state, has_option);
}

// Whether the port asks a provider for a prefix.
static __always_inline bool has_provider(__u32 port)
{
	const struct port_config *config = bpf_map_lookup_elem(&ports, &port);

	return config && config->has_dhcp & DHCP_PREFIX;
}

// A message of Neighbour Discovery: each has come over one link only (RFC 4861, 7.1). `found` is read to its flags.
static __always_inline int take_discovery(void *pkt, struct metadata *md, struct discovery *found,
					  const struct port_state *state)
{
	__u32 length = bpf_ntohs(found->ip.length);

	if (found->ip.hop_limit != 255 || found->code || length < 8)
		return drop(DROP_ND_INVALID);
	if (found->type == ND_ROUTER_SOLICITATION ||
	    (found->type == ND_ROUTER_ADVERTISEMENT && has_provider(md->in_ifc)))
		return to_slow_path(pkt, md, REASON_DISCOVERY);
	if (found->type != ND_SOLICITATION && found->type != ND_ADVERTISEMENT)
		return drop(DROP_IGNORED);
	if (length < 24 || pkt_load(pkt, ETH_HLEN, found, DISCOVERY_SIZE_WITHOUT_OPTION) < 0)
		return drop(DROP_ND_INVALID);
	if (found->target.bytes[0] == 0xff)
		return drop(DROP_ND_INVALID);
	if (found->type == ND_ADVERTISEMENT)
		return to_slow_path(pkt, md, REASON_DISCOVERY);
	if (length == 32 && pkt_load(pkt, ETH_HLEN, found, DISCOVERY_SIZE) < 0)
		return drop(DROP_ND_INVALID);
	return handle_solicitation(pkt, md, found, state);
}

// IPv6 for groups, or ICMPv6 for the router. The frame is for the port, or for a group.
static int handle_discovery(void *pkt, struct metadata *md)
{
	const struct port_state *state = port_state(md->in_ifc);
	struct discovery found = {};

	if (!state || pkt_load(pkt, ETH_HLEN, &found, DISCOVERY_SIZE_WITHOUT_OPTION - 16) < 0)
		return drop(DROP_TRUNCATED);
	if (bpf_ntohl(found.ip.first) >> 28 != 6)
		return drop(DROP_BAD_HEADER);
	if (bpf_ntohs(found.ip.length) + 40 + ETH_HLEN > md->pktlen)
		return drop(DROP_TRUNCATED);
	if (found.ip.source.bytes[0] == 0xff)
		return drop(DROP_MARTIAN_SOURCE);
	if (found.ip.next == IPPROTO_ICMPV6 && found.type >= 133 && found.type <= 137)
		return take_discovery(pkt, md, &found, state);
	return found.ip.destination.bytes[0] == 0xff ? drop(DROP_MULTICAST) : pkt_continue(pkt, md, STAGE_LOCAL6);
}
