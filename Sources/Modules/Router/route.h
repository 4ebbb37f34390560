// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// From a destination to the next hop's Ethernet address, the long way: what the caches are filled by.
#pragma once

#include "tables.h"

static __always_inline const struct route *better(const struct route *configured, const struct route *learned)
{
	if (!learned || (configured && configured->prefix_length >= learned->prefix_length))
		return configured;
	return learned;
}

static __always_inline const struct route *find_route4(__be32 address)
{
	const struct route *route = routes4_lookup(address);

	return better(route, learned4_lookup(address));
}

static __always_inline const struct route *find_route6(const ipv6_addr_t *address)
{
	const struct route *route = routes6_lookup(address);

	return better(route, learned6_lookup(address));
}

static __always_inline bool is_learned4(const struct route *route, __be32 address)
{
	return route != routes4_lookup(address);
}

// Spreads a number over all bits (the finaliser of MurmurHash3, which is in the public domain).
static __always_inline __u32 mix(__u32 number)
{
	number ^= number >> 16;
	number *= 0x85ebca6b;
	number ^= number >> 13;
	number *= 0xc2b2ae35;
	return number ^ number >> 16;
}

// The next hop of a route for a flow.
struct next {
	ipv6_addr_t gateway;
	__u32 port;
	// It is the only one.
	bool is_only;
};

// Of several next hops a flow always gets the same, as long as there are as many (RFC 2992, modulo-N).
static __always_inline void choose(const struct route *route, bool is_learned, __u32 flow, struct next *next)
{
	const struct path *path;
	__u32 index;

	next->gateway = route->gateway;
	next->port = route->port;
	next->is_only = route->count <= 1;
	if (next->is_only)
		return;
	index = route->first + (__u32)(((__u64)flow * route->count) >> 32);
	path = is_learned ? bpf_map_lookup_elem(&learned_paths, &index) : bpf_map_lookup_elem(&paths, &index);
	if (path) {
		next->gateway = path->gateway;
		next->port = path->port;
	}
}

// Whether a neighbour can be sent to; notes that it was.
static __always_inline bool is_usable(struct neighbour *neighbour)
{
	if (neighbour->state < NEIGHBOUR_REACHABLE || neighbour->state > NEIGHBOUR_PROBE)
		return false;
	if (neighbour->state == NEIGHBOUR_STALE && !neighbour->is_used)
		neighbour->is_used = 1;
	return true;
}

// Fills the address part of a hop.
static __always_inline bool fill_hop(struct hop *hop, const struct neighbour *neighbour, __u32 port)
{
	const struct port_state *state = port_state(port);
	__u32 mtu;

	if (!state)
		return false;
	mtu = state->mtu ?: ETH_DATA_LEN;
	hop->port = port;
	hop->mtu = mtu > 0xffff ? 0xffff : mtu;
	__builtin_memcpy(hop->macs, &neighbour->mac, 6);
	__builtin_memcpy((__u8 *)hop->macs + 6, &state->mac, 6);
	return true;
}

// Has the slow path keep the packet until it knows the neighbour. `key` and two words of metadata are what it is to
// find: of IPv6 the second half and the first one.
static __always_inline int resolve(void *pkt, struct metadata *md, __u64 key, __u32 high, __u32 low, __u32 port)
{
	__u32 words[3] = { high, low, port }, in = md->in_ifc;
	struct limits *limit = bpf_map_lookup_elem(&limits, &in);

	if (!limit || !hover_bucket_take(&limit->resolutions, 2000, 1000, 1, hover_now_coarse()))
		return drop(DROP_SLOW_PATH_LIMIT);
	pkt_set_metadata(pkt, words);
	return pkt_hold(pkt, md, REASON_RESOLVE, key);
}

// Has the key of one neighbour differ by port. RouterSlowPath has the same number.
#define PORT_IN_KEY(port) ((__u64)(port) << 56)

static __always_inline int resolve4(void *pkt, struct metadata *md, const struct neighbour4 *key)
{
	return resolve(pkt, md, PORT_IN_KEY(key->port) | 4ULL << 48 | key->address, key->address, 4, key->port);
}

static __always_inline int resolve6(void *pkt, struct metadata *md, const struct neighbour6 *key)
{
	__u32 words[2];
	__u64 low;

	__builtin_memcpy(words, key->address.bytes, sizeof(words));
	__builtin_memcpy(&low, key->address.bytes + 8, sizeof(low));
	return resolve(pkt, md, low ^ PORT_IN_KEY(key->port), words[0], words[1], key->port | 6 << 16);
}

static __always_inline bool is_translated(__u32 port)
{
	const struct port_state *state = port_state(port);

	return state && state->is_translated;
}

// Whether a packet with this source may come in by the port, by the route to it. A route that leads nowhere is none. What
// a NAT turned round has the port's own address.
static __always_inline bool is_reverse_path(enum reverse_path mode, const struct route *route, __u32 port)
{
	if (mode == REVERSE_PATH_OFF)
		return true;
	if (route && (route->type == ROUTE_TRANSLATED || (route->type == ROUTE_LOCAL && is_translated(route->port))))
		return route->port == port;
	if (!route || (route->type != ROUTE_CONNECTED && route->type != ROUTE_GATEWAY))
		return false;
	if (mode == REVERSE_PATH_LOOSE)
		return true;
	// Of several next hops one must be by this port.
	if (route->count > 1) {
#pragma clang loop unroll(disable)
		for (__u32 offset = 0; offset < 64 && offset < route->count; offset++) {
			__u32 index = route->first + offset;
			const struct path *path = bpf_map_lookup_elem(&paths, &index);
			const struct path *learned = bpf_map_lookup_elem(&learned_paths, &index);

			if ((path && path->port == port) || (learned && learned->port == port))
				return true;
		}
		return false;
	}
	return route->port == port;
}

// Answers of routes that lead nowhere.
static __always_inline int end_of_route(void *pkt, struct metadata *md, const struct route *route)
{
	if (!route)
		return error(pkt, md, DROP_NO_ROUTE, REASON_NO_ROUTE);
	switch (route->type) {
	case ROUTE_BROADCAST:
		return drop(DROP_BROADCAST);
	case ROUTE_UNREACHABLE:
		return error(pkt, md, DROP_UNREACHABLE, REASON_HOST_UNREACHABLE);
	case ROUTE_PROHIBIT:
		return error(pkt, md, DROP_PROHIBITED, REASON_PROHIBITED);
	default:
		return drop(DROP_BLACKHOLE);
	}
}
