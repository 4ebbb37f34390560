// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What questions of neighbours tell of them. It is learned in the kernel, so that the router goes on to answer, and to
// find who asked, while nobody is in user space. Answers to questions of ours are the slow path's.
#pragma once

#include "ipv4.h"
#include "ipv6.h"

// Notes what a neighbour has said of itself, unasked. A neighbour that has proved to be there is not moved by that
// alone: the slow path asks it first, where it is known to be (stricter than RFC 826). All else is taken over, to be
// checked when it is used (RFC 4861, 7.2.3).
static __always_inline void heed(struct neighbour *known, const mac_addr_t *mac)
{
	if (known->state != NEIGHBOUR_INCOMPLETE && known->state != NEIGHBOUR_FAILED && is_same(&known->mac, mac, 6))
		return;
	if (known->state == NEIGHBOUR_REACHABLE || known->state == NEIGHBOUR_PROBE) {
		if (known->state == NEIGHBOUR_REACHABLE) {
			known->due = 0;
			known->probes = 0;
			known->state = NEIGHBOUR_PROBE;
		}
		return;
	}
	known->mac = *mac;
	known->is_used = 0;
	known->since = hover_now_coarse();
	known->due = 0;
	known->state = NEIGHBOUR_STALE;
	forget_cached();
}

// Whether a station of the port's subnets can have the address.
static __always_inline bool is_on_link4(__be32 address, __u32 port)
{
	const struct route *route = find_route4(address);

	return route && route->type == ROUTE_CONNECTED && route->port == port;
}

static __always_inline bool is_on_link6(const ipv6_addr_t *address, __u32 port)
{
	const struct route *route;

	if (is_link_local6(address))
		return true;
	route = find_route6(address);
	return route && route->type == ROUTE_CONNECTED && route->port == port;
}

static __always_inline void learn4(__be32 address, const mac_addr_t *mac, __u32 port, bool may_add)
{
	struct neighbour4 key = { .address = address, .port = port };
	struct neighbour *known = bpf_map_lookup_elem(&neighbours4, &key);
	struct neighbour new = { .mac = *mac, .state = NEIGHBOUR_STALE };

	if (known) {
		heed(known, mac);
	} else if (may_add && is_on_link4(address, port)) {
		new.since = hover_now_coarse();
		bpf_map_update_elem(&neighbours4, &key, &new, BPF_NOEXIST);
	}
}

static __always_inline void learn6(const ipv6_addr_t *address, const mac_addr_t *mac, __u32 port)
{
	struct neighbour6 key = { .address = *address, .port = port };
	struct neighbour *known = bpf_map_lookup_elem(&neighbours6, &key);
	struct neighbour new = { .mac = *mac, .state = NEIGHBOUR_STALE };

	if (known) {
		heed(known, mac);
	} else if (is_on_link6(address, port)) {
		new.since = hover_now_coarse();
		bpf_map_update_elem(&neighbours6, &key, &new, BPF_NOEXIST);
	}
}
