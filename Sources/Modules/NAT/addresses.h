// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Which public address a client gets, and which inside address a public one leads to.
#pragma once

#include "session.h"

// Where a client's public addresses are in pool_addresses. None: it is not translated.
struct pool {
	__u32 first;
	__u32 count;
};

HOVER_PREFIX_TABLE4(pools, struct pool, 65536);

// The configuration's tables take memory by what is in them.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, ipv4_addr_t);
} pool_addresses SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// The public addresses besides the default one: of pools and forwards.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, ipv4_addr_t);
	__type(value, __u8);
} addresses SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

static __always_inline bool is_public(ipv4_addr_t address)
{
	__u32 is_in = bpf_map_lookup_elem(&addresses, &address) != NULL;

	// As in hover/set.h.
	asm volatile("" : "+r"(is_in));
	return is_in;
}

// A destination of packets from outside: the first bits of address, protocol, port. The address is 0 for the default
// one. 32 bits are all of an address, 48 all of a protocol.
struct forward_key {
	__u32 length;
	ipv4_addr_t address;
	__u8 protocol;
	__u8 reserved;
	__be16 port;
};

#define FORWARD_BITS 64

struct forward {
	ipv4_addr_t address;
	// What is added to a port to get that inside.
	__u16 shift;
	__u16 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct forward_key);
	__type(value, struct forward);
} forwards SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

static __always_inline const struct forward *forward_of(const struct settings *here, __u8 protocol,
							ipv4_addr_t address, __be16 port)
{
	struct forward_key key = { FORWARD_BITS, address, protocol, 0, port };
	const struct forward *forward;

	if (!here->has_forwards)
		return NULL;
	forward = bpf_map_lookup_elem(&forwards, &key);
	if (forward || address != default_address(here))
		return forward;
	key.address = 0;
	return bpf_map_lookup_elem(&forwards, &key);
}

// What of a client's packets is done.
enum choice {
	// It gets the public address.
	choose_address,
	// It keeps its own.
	choose_none,
	// It would get the default address, which is not known.
	choose_unknown,
};

static __always_inline enum choice choose(const struct settings *here, ipv4_addr_t client, ipv4_addr_t *address,
					  bool *is_default)
{
	const struct pool *pool = pools_lookup(client);
	ipv4_addr_t *of_pool;
	__u32 index;

	*is_default = !pool;
	if (!pool) {
		*address = default_address(here);
		return *address ? choose_address : choose_unknown;
	}
	if (!pool->count)
		return choose_none;
	// A client always gets the same one (RFC 4787, REQ-2). Neighbours get different ones: Knuth's multiplicative hash.
	index = pool->first + (bpf_ntohl(client) * 2654435761u >> 8) % pool->count;
	of_pool = bpf_map_lookup_elem(&pool_addresses, &index);
	if (!of_pool)
		return choose_unknown;
	*address = *of_pool;
	return choose_address;
}
