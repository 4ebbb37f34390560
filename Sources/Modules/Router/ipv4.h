// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// IPv4 the long way: what is wrong with a packet, or where it goes.
#pragma once

#include <hover/compute.h>

#include "forward.h"
#include "route.h"

struct ipv4 {
	__u8 version_size;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__be32 source;
	__be32 destination;
};

#define MORE_FRAGMENTS 0x2000
#define DONT_FRAGMENT 0x4000
#define FRAGMENT_OFFSET 0x1fff

// Whether the options have a source route (RFC 791, 3.1), or make no sense: then the packet is dropped for that. Other
// options pass.
static __noinline int check_options(void *pkt, __u32 size)
{
	__u32 offset = 20;

#pragma clang loop unroll(disable)
	for (int count = 0; count < 40 && offset < size; count++) {
		__u8 option[2];

		if (pkt_load(pkt, ETH_HLEN + offset, option, sizeof(option)) < 0)
			return DROP_TRUNCATED;
		if (option[0] == 0)
			return 0;
		if (option[0] == 1) {
			offset = hover_forget(offset + 1);
			continue;
		}
		if (option[0] == 131 || option[0] == 137)
			return DROP_SOURCE_ROUTE;
		if (option[1] < 2 || offset + option[1] > size)
			return DROP_BAD_HEADER;
		offset = hover_forget(offset + option[1]);
	}
	return 0;
}

// Checks what RFC 1812, 5.2.2 and 5.3.7, wants; 0, or the reason to drop. The packet has been told to be IPv4, and for us.
static __noinline int check_ipv4(void *pkt, const struct ipv4 *ip, __u32 packet)
{
	__u32 size = (ip->version_size & 0x0f) << 2, length = bpf_ntohs(ip->length);
	__s64 sum;
	int bad;

	if (ip->version_size >> 4 != 4 || size < 20 || (length && length < size))
		return DROP_BAD_HEADER;
	// 0: more than 16 bits hold (BIG TCP).
	if (!length && packet <= 0xffff)
		return DROP_BAD_HEADER;
	if (length + ETH_HLEN > packet)
		return DROP_TRUNCATED;
	sum = hover_sum_packet(pkt, ETH_HLEN, size, 0);
	if (sum < 0)
		return DROP_TRUNCATED;
	if (hover_changed_sum(0xffff, sum))
		return DROP_BAD_CHECKSUM;
	if (!ip->ttl)
		return DROP_TTL_EXCEEDED;
	bad = size > 20 ? check_options(pkt, size) : 0;
	if (bad)
		return bad;
	if (ip->source == ip->destination)
		return DROP_LAND;
	return 0;
}

static __always_inline int check_addresses4(const struct ipv4 *ip)
{
	__u32 source = bpf_ntohl(ip->source), destination = bpf_ntohl(ip->destination);

	if (source >> 24 == 0 || source >> 24 == 127 || source >> 28 >= 14)
		return DROP_MARTIAN_SOURCE;
	if (destination >> 28 == 14)
		return DROP_MULTICAST;
	if (destination == 0xffffffff)
		return DROP_BROADCAST;
	if (destination >> 24 == 0 || destination >> 24 == 127 || destination >> 28 == 15)
		return DROP_MARTIAN_DESTINATION;
	return 0;
}

// The packets of a flow have the same number, and fragments that of all between two hosts, for they have no ports.
static __always_inline __u32 flow4(void *pkt, const struct ipv4 *ip)
{
	__u32 offset = ETH_HLEN + ((ip->version_size & 0x0f) << 2), ports = 0;
	bool has_ports = ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_SCTP;

	if (has_ports && !(ip->fragment & bpf_htons(MORE_FRAGMENTS | FRAGMENT_OFFSET)))
		pkt_load(pkt, offset, &ports, sizeof(ports));
	return mix(mix(ip->source ^ mix(ip->destination)) ^ mix(ports) ^ ip->protocol);
}

// Whether it is for a DHCP client (RFC 2131, 4.1).
static __always_inline bool is_for_dhcp(void *pkt, const struct ipv4 *ip, __u32 port)
{
	const struct port_config *config = bpf_map_lookup_elem(&ports, &port);
	__be16 to;

	return config && config->has_dhcp & DHCP_ADDRESS && ip->protocol == IPPROTO_UDP &&
	       !(ip->fragment & bpf_htons(FRAGMENT_OFFSET)) &&
	       !pkt_load(pkt, ETH_HLEN + ((ip->version_size & 0x0f) << 2) + 2, &to, sizeof(to)) && to == bpf_htons(68);
}

static __always_inline int too_big4(void *pkt, struct metadata *md, const struct ipv4 *ip, __u32 mtu)
{
	__u32 words[3] = { mtu };

	pkt_set_metadata(pkt, words);
	if (ip->fragment & bpf_htons(DONT_FRAGMENT))
		return error(pkt, md, DROP_TOO_BIG, REASON_TOO_BIG);
	// The slow path gets no more of a packet; the device would have to cut and we to fragment the others.
	if (md->pktlen > 2048)
		return drop(DROP_TOO_BIG);
	return to_slow_path(pkt, md, REASON_FRAGMENT);
}

static __always_inline int send4(void *pkt, struct metadata *md, const struct hop *hop)
{
	__u32 *frame, *words;

	// At tc the headers may lie elsewhere.
	if (pkt_data(pkt) + ETH_HLEN + 20 > pkt_data_end(pkt) && pkt_pull(pkt, ETH_HLEN + 20) < 0)
		return drop(DROP_TRUNCATED);
	frame = pkt_data(pkt);
	words = pkt_data(pkt) + ETH_HLEN;
	if ((void *)(words + 5) > pkt_data_end(pkt))
		return drop(DROP_TRUNCATED);
	rewrite4(frame, words, hop);
	return pkt_redirect(pkt, md, hop->port);
}

static __always_inline int send_to4(void *pkt, struct metadata *md, const struct ipv4 *ip, const struct next *next,
				    __u32 now)
{
	struct neighbour4 key = { .port = next->port };
	struct cached4 *cached = cached4(ip->destination);
	struct neighbour *neighbour;
	__u32 length;

	key.address = is_zero6(&next->gateway) ? ip->destination : mapped_ipv4(&next->gateway);
	neighbour = bpf_map_lookup_elem(&neighbours4, &key);
	if (neighbour && neighbour->state == NEIGHBOUR_FAILED)
		return error(pkt, md, DROP_NEIGHBOUR_FAILED, REASON_HOST_UNREACHABLE);
	if (!neighbour || !is_usable(neighbour))
		return resolve4(pkt, md, &key);
	if (!cached)
		return RX_ERROR;
	// Nobody else is on this CPU until the packet is sent: the cache's entry serves, whether it stays or not.
	cached->hop.generation = NEVER_CACHED;
	if (!fill_hop(&cached->hop, neighbour, key.port))
		return drop(DROP_NO_ROUTE);
	length = bpf_ntohs(ip->length) ?: md->pktlen - ETH_HLEN;
	if (length > cached->hop.mtu &&
	    !segments_fit(pkt, (ip->version_size & 0x0f) << 2, ip->protocol, cached->hop.mtu))
		return too_big4(pkt, md, ip, cached->hop.mtu);
	cached->address = ip->destination;
	if (next->is_only)
		cached->hop.generation = now;
	return send4(pkt, md, &cached->hop);
}

static int route_ipv4(void *pkt, struct metadata *md)
{
	__u32 port = md->in_ifc, now = generation_now();
	const struct port_config *config = bpf_map_lookup_elem(&ports, &port);
	const struct route *route, *back;
	struct next next;
	struct ipv4 ip;
	int bad;

	if (pkt_load(pkt, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return drop(DROP_TRUNCATED);
	bad = check_ipv4(pkt, &ip, md->pktlen) ?: check_addresses4(&ip);
	if (bad)
		return drop(bad);
	if (is_for_dhcp(pkt, &ip, port))
		return to_slow_path(pkt, md, REASON_DHCP);
	route = find_route4(ip.destination);
	if (route && (route->type == ROUTE_LOCAL || route->type == ROUTE_TRANSLATED))
		return pkt_continue(pkt, md, STAGE_LOCAL4);
	if (is_unroutable4(ip.source) || is_unroutable4(ip.destination))
		return drop(DROP_LINK_LOCAL);
	if (config && config->reverse_path) {
		back = find_route4(ip.source);
		if (!is_reverse_path(config->reverse_path, back, port))
			return drop(DROP_REVERSE_PATH);
	}
	if (!route || (route->type != ROUTE_CONNECTED && route->type != ROUTE_GATEWAY))
		return end_of_route(pkt, md, route);
	if (ip.ttl == 1)
		return error(pkt, md, DROP_TTL_EXCEEDED, REASON_TIME_EXCEEDED);
	choose(route, is_learned4(route, ip.destination), flow4(pkt, &ip), &next);
	return send_to4(pkt, md, &ip, &next, now);
}
