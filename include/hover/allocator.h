// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Free ports, for NAT. Nothing here keeps a list of free ones: a port is tried by inserting what is to own it, into a
// table where its key can be only once (BPF_NOEXIST), so two CPUs never get the same. hover/conntrack.h does that with
// the tuple of the reply, which frees the port with the connection, and lets a port serve several remote ends. An
// allocator of this header does it with address, protocol and port: one owner, whatever the remote end
// (endpoint-independent mapping, RFC 4787, REQ-1).
//
//	#include <hover/allocator.h>
//
//	struct inside {
//		ipv4_addr_t address;
//		__be16 port;
//		__u16 reserved;
//	};
//	HOVER_PORT_ALLOCATOR(mappings, struct inside, 16384, 300 * HOVER_SECOND);
//
//	struct hover_endpoint outside = { .protocol = IPPROTO_UDP };
//	struct hover_ports ports;
//
//	hover_map_ipv4(&outside.address, public_address);
//	hover_ports_begin(&ports, inside.port, 1024, 65535, true);
//	if (mappings_allocate(&outside, &ports, &inside) == 0)
//		... outside.port ...
#pragma once

#include <stdbool.h>

#include <bpf/bpf_endian.h>

#include <hover/aging.h>
#include <hover/types.h>

// How many ports are tried: all of a range that has no more, and of a larger one enough to find, when 95 of 100 are
// taken, a free one in all but 2 of 1,000 searches.
#define HOVER_PORT_TRIES 128

// A search for a free port. All fields are internal.
struct hover_ports {
	// The ports are first, first + stride, …; so many are left to try.
	__u32 first;
	__u32 stride;
	__u32 count;
	__u32 left;
	// The next to try, as a number from 0 to count - 1, and how far to the one after it.
	__u32 at;
	__u32 step;
	// The port to try before all others, in network order; 0: none.
	__be16 wanted;
};

// Begins a search.
//
//	wanted       the port that is tried first, if it is in the range (port preservation); 0: none
//	first, last  the range, in host order, with both ends
//	keep_parity  an odd port for an odd one, an even for an even: RTP has its control beside it (RFC 4787, REQ-4)
//
// After the wanted one, ports come in random order: the next one cannot be guessed (RFC 6056).
static __always_inline void hover_ports_begin(struct hover_ports *ports, __be16 wanted, __u16 first, __u16 last,
					      bool keep_parity)
{
	__u32 port = bpf_ntohs(wanted), random = bpf_get_prandom_u32();

	ports->wanted = port >= first && port <= last ? wanted : 0;
	ports->stride = keep_parity ? 2 : 1;
	ports->first = first + (keep_parity ? (first ^ port) & 1 : 0);
	ports->count = ports->first <= last ? (last - ports->first) / ports->stride + 1 : 0;
	ports->left = ports->count < HOVER_PORT_TRIES ? ports->count : HOVER_PORT_TRIES;
	ports->at = ports->count ? random % ports->count : 0;
	// Ports in use lie in rows where one was put beside the other: steps of one's own get out of them.
	ports->step = ports->count > HOVER_PORT_TRIES ? (random >> 16) % ports->count | 1 : 1;
}

// The next port to try, in network order; 0 when there is none left.
static __always_inline __be16 hover_ports_next(struct hover_ports *ports)
{
	__be16 port = ports->wanted;

	if (port) {
		ports->wanted = 0;
		return port;
	}
	if (!ports->left)
		return 0;
	ports->left--;
	port = bpf_htons(ports->first + ports->at * ports->stride);
	ports->at += ports->step;
	if (ports->at >= ports->count)
		ports->at -= ports->count;
	return port;
}

// An address, IPv4 as ::ffff:a.b.c.d, with a port. All bytes count: make one with zeros in what is not used.
struct hover_endpoint {
	ipv6_addr_t address;
	__be16 port;
	__u8 protocol;
	__u8 reserved[5];
} __attribute__((aligned(8)));

// Declares a table of ports in use: an ageing table (hover/aging.h) by struct hover_endpoint, with its functions, which
// free a port that was not looked up for `idle` nanoseconds, and
//
//	int name_allocate(struct hover_endpoint *endpoint, struct hover_ports *ports, const owner_type *owner)
//		Finds a port that is free at the endpoint's address and protocol, and sets the endpoint's port. Returns
//		0; -EADDRINUSE if none was found; -ENOSPC if the table is full.
//	int name_delete(const struct hover_endpoint *endpoint)
//		Frees a port.
#define HOVER_PORT_ALLOCATOR(name, owner_type, most_entries, idle)                                                    \
	HOVER_AGING_TABLE(name, struct hover_endpoint, owner_type, most_entries, idle, 0)                             \
	struct hover_##name##_search {                                                                                \
		struct hover_endpoint *endpoint;                                                                      \
		struct hover_ports *ports;                                                                            \
		const __typeof__(owner_type) *owner;                                                                  \
		__s64 result;                                                                                         \
	};                                                                                                            \
	static long hover_##name##_try(__u32 index, struct hover_##name##_search *search)                             \
	{                                                                                                             \
		search->endpoint->port = hover_ports_next(search->ports);                                             \
		search->result = -EADDRINUSE;                                                                         \
		if (!search->endpoint->port)                                                                          \
			return 1;                                                                                     \
		search->result = name##_insert(search->endpoint, search->owner);                                      \
		return search->result != -EEXIST && search->result != -EBUSY;                                         \
	}                                                                                                             \
	static __noinline int name##_allocate(struct hover_endpoint *endpoint, struct hover_ports *ports,             \
					      const __typeof__(owner_type) *owner)                                    \
	{                                                                                                             \
		struct hover_##name##_search search = { endpoint, ports, owner, 0 };                                  \
                                                                                                                      \
		bpf_loop(HOVER_PORT_TRIES + 2, hover_##name##_try, &search, 0);                                       \
		return search.result;                                                                                 \
	}
