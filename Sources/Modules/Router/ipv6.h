// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// IPv6 the long way: what is wrong with a packet, or where it goes.
#pragma once

#include "forward.h"
#include "route.h"

struct ipv6 {
	// Version, traffic class, flow label.
	__be32 first;
	__be16 length;
	__u8 next;
	__u8 hop_limit;
	ipv6_addr_t source;
	ipv6_addr_t destination;
};

static __always_inline __u32 word6(const ipv6_addr_t *address, int index)
{
	__u32 word;

	__builtin_memcpy(&word, address->bytes + index * 4, sizeof(word));
	return word;
}

static __always_inline bool is_link_local6(const ipv6_addr_t *address)
{
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

// ::/64, in which nothing is routed: ::, ::1, ::ffff:0:0/96.
static __always_inline bool is_reserved6(const ipv6_addr_t *address)
{
	return !(word6(address, 0) | word6(address, 1));
}

// 0, or the reason to drop. The frame is for us, and not for a group.
static __always_inline int check_ipv6(const struct ipv6 *ip, __u32 packet)
{
	__u32 length = bpf_ntohs(ip->length);

	if (bpf_ntohl(ip->first) >> 28 != 6)
		return DROP_BAD_HEADER;
	if (length + 40 + ETH_HLEN > packet)
		return DROP_TRUNCATED;
	if (!ip->hop_limit)
		return DROP_TTL_EXCEEDED;
	if (ip->source.bytes[0] == 0xff || is_reserved6(&ip->source))
		return DROP_MARTIAN_SOURCE;
	if (ip->destination.bytes[0] == 0xff)
		return DROP_MULTICAST;
	if (is_reserved6(&ip->destination))
		return DROP_MARTIAN_DESTINATION;
	if (is_same(&ip->source, &ip->destination, 16))
		return DROP_LAND;
	return 0;
}

// Behind extension headers the flow label tells flows apart (RFC 6438).
static __always_inline __u32 flow6(void *pkt, const struct ipv6 *ip)
{
	__u32 hash = ip->next, label = ip->first & bpf_htonl(0xfffff);

#pragma clang loop unroll(full)
	for (int index = 0; index < 4; index++)
		hash = mix(hash ^ word6(&ip->source, index)) + word6(&ip->destination, index);
	if (ip->next == IPPROTO_TCP || ip->next == IPPROTO_UDP || ip->next == IPPROTO_SCTP)
		pkt_load(pkt, ETH_HLEN + 40, &label, sizeof(label));
	return mix(hash ^ mix(label));
}

static __always_inline int send6(void *pkt, struct metadata *md, const struct hop *hop)
{
	__u32 *frame, *words;

	if (pkt_data(pkt) + ETH_HLEN + 40 > pkt_data_end(pkt) && pkt_pull(pkt, ETH_HLEN + 40) < 0)
		return drop(DROP_TRUNCATED);
	frame = pkt_data(pkt);
	words = pkt_data(pkt) + ETH_HLEN;
	if ((void *)(words + 10) > pkt_data_end(pkt))
		return drop(DROP_TRUNCATED);
	rewrite6(pkt, frame, words, hop);
	return pkt_redirect(pkt, md, hop->port);
}

static __always_inline int send_to6(void *pkt, struct metadata *md, const struct ipv6 *ip, const struct next *next,
				    __u32 now)
{
	struct cached6 *cached = cached6((const __be32 *)&ip->destination);
	struct neighbour6 key = { .port = next->port };
	struct neighbour *neighbour;
	__u32 length;

	key.address = is_zero6(&next->gateway) ? ip->destination : next->gateway;
	neighbour = bpf_map_lookup_elem(&neighbours6, &key);
	if (neighbour && neighbour->state == NEIGHBOUR_FAILED)
		return error(pkt, md, DROP_NEIGHBOUR_FAILED, REASON_HOST_UNREACHABLE);
	if (!neighbour || !is_usable(neighbour))
		return resolve6(pkt, md, &key);
	if (!cached)
		return RX_ERROR;
	cached->hop.generation = NEVER_CACHED;
	if (!fill_hop(&cached->hop, neighbour, key.port))
		return drop(DROP_NO_ROUTE);
	length = ip->length ? bpf_ntohs(ip->length) + 40 : md->pktlen - ETH_HLEN;
	if (length > cached->hop.mtu && !segments_fit(pkt, 40, ip->next, cached->hop.mtu)) {
		__u32 words[3] = { cached->hop.mtu };

		pkt_set_metadata(pkt, words);
		return error(pkt, md, DROP_TOO_BIG, REASON_TOO_BIG);
	}
	__builtin_memcpy(cached->address, &ip->destination, 16);
	if (next->is_only)
		cached->hop.generation = now;
	return send6(pkt, md, &cached->hop);
}

// Whether an address is the router's own; a link-local one only on its port.
static __always_inline bool is_own6(const ipv6_addr_t *address, __u32 port)
{
	const struct port_state *state = port_state(port);
	const struct route *route;

	if (is_link_local6(address))
		return state && is_same(&state->link_local, address, 16);
	route = find_route6(address);
	return route && route->type == ROUTE_LOCAL;
}

static int route_ipv6(void *pkt, struct metadata *md)
{
	__u32 port = md->in_ifc, now = generation_now();
	const struct port_config *config = bpf_map_lookup_elem(&ports, &port);
	const struct route *route, *back;
	struct next next;
	struct ipv6 ip;
	int bad;

	if (pkt_load(pkt, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return drop(DROP_TRUNCATED);
	bad = check_ipv6(&ip, md->pktlen);
	if (bad)
		return drop(bad);
	if (is_link_local6(&ip.destination))
		return is_own6(&ip.destination, port) ? pkt_continue(pkt, md, STAGE_DISCOVERY) : drop(DROP_LINK_LOCAL);
	route = find_route6(&ip.destination);
	if (route && route->type == ROUTE_LOCAL)
		return pkt_continue(pkt, md, STAGE_DISCOVERY);
	// RFC 4291, 2.5.6.
	if (is_link_local6(&ip.source))
		return drop(DROP_LINK_LOCAL);
	if (config && config->reverse_path) {
		back = find_route6(&ip.source);
		if (!is_reverse_path(config->reverse_path, back, port))
			return drop(DROP_REVERSE_PATH);
	}
	if (!route || (route->type != ROUTE_CONNECTED && route->type != ROUTE_GATEWAY))
		return end_of_route(pkt, md, route);
	if (ip.hop_limit == 1)
		return error(pkt, md, DROP_TTL_EXCEEDED, REASON_TIME_EXCEEDED);
	choose(route, route != routes6_lookup(&ip.destination), flow6(pkt, &ip), &next);
	return send_to6(pkt, md, &ip, &next, now);
}
