// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The router's tables. Sources/Modules/Router/RouterTables.swift is the other half.
#pragma once

#include <hover/bucket.h>
#include <hover/clock.h>
#include <hover/packet.h>
#include <hover/set.h>
#include <hover/types.h>

// Ports are numbered from 1 to 64.
#define ROUTER_PORTS 65

// ICMP errors, a second and at once, for each port that causes them.
const volatile __u32 icmp_error_rate = 1000;
const volatile __u32 icmp_error_burst = 100;

// Why a packet ended here: each one that does is counted once. 0 is none of them.
enum drop {
	DROP_NONE,
	DROP_TRUNCATED,
	DROP_NOT_IP,
	DROP_TAGGED,
	DROP_NOT_FOR_US,
	DROP_MULTICAST,
	DROP_BROADCAST,
	DROP_BAD_HEADER,
	DROP_BAD_CHECKSUM,
	DROP_MARTIAN_SOURCE,
	DROP_MARTIAN_DESTINATION,
	DROP_LAND,
	DROP_LINK_LOCAL,
	DROP_SOURCE_ROUTE,
	DROP_REVERSE_PATH,
	DROP_TTL_EXCEEDED,
	DROP_NO_ROUTE,
	DROP_BLACKHOLE,
	DROP_UNREACHABLE,
	DROP_PROHIBITED,
	DROP_NEIGHBOUR_FAILED,
	DROP_TOO_BIG,
	DROP_SLOW_PATH_LIMIT,
	DROP_ARP_INVALID,
	DROP_ARP_NOT_FOR_US,
	DROP_ARP_UNSOLICITED,
	DROP_ADDRESS_CONFLICT,
	DROP_ND_INVALID,
	DROP_ND_NOT_FOR_US,
	DROP_FRAGMENT_FOR_US,
	DROP_NO_LISTENER,
	DROP_IGNORED,
	DROP_REASONS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

// Why a packet goes to the slow path.
enum reason {
	// Held: the Ethernet address of the next hop is not known.
	REASON_RESOLVE = 1,
	REASON_ARP,
	REASON_DISCOVERY,
	REASON_DHCP,
	REASON_FRAGMENT,
	// From here on: the packet ended, and its sender is told.
	REASON_TIME_EXCEEDED = 16,
	REASON_NO_ROUTE,
	REASON_HOST_UNREACHABLE,
	REASON_PROHIBITED,
	REASON_PORT_UNREACHABLE,
	REASON_PROTOCOL_UNREACHABLE,
	// metadata[0] is the MTU.
	REASON_TOO_BIG,
};

enum reverse_path {
	REVERSE_PATH_OFF,
	// The source has a route.
	REVERSE_PATH_LOOSE,
	// The source has a route by the port that the packet came in by.
	REVERSE_PATH_STRICT,
};

enum dhcp_client {
	// The port gets its IPv4 address by DHCP.
	DHCP_ADDRESS = 1,
	// The port gets a prefix by DHCPv6, and heeds what other routers advertise.
	DHCP_PREFIX = 2,
};

// What the configuration says of a port.
struct port_config {
	enum reverse_path reverse_path;
	// `enum dhcp_client`; not a member for each, for a build that changes this table cannot take over one's that is there.
	__u32 has_dhcp;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, struct port_config);
} ports SEC(".maps");

// What the slow path says of a port.
struct port_state {
	mac_addr_t mac;
	// A NAT behind the port has the port's IPv4 addresses as its own: what comes for them by other ports goes there.
	__u16 is_translated;
	__u32 mtu;
	ipv6_addr_t link_local;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, struct port_state);
} port_states SEC(".maps");

// The IPv4 address that a port has by DHCP, and the gateway there. Whoever gets one sets it; the slow path makes routes
// of it. Zeros: none.
struct lease {
	ipv4_addr_t address;
	ipv4_addr_t gateway;
	__u32 prefix_length;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, struct lease);
} leases SEC(".maps");

enum route_type {
	ROUTE_NONE,
	// An address of the router, on `port`.
	ROUTE_LOCAL,
	// Of a subnet of `port`: nobody's.
	ROUTE_BROADCAST,
	// The destination is on the link of `port`.
	ROUTE_CONNECTED,
	// By a gateway, or one of several.
	ROUTE_GATEWAY,
	ROUTE_BLACKHOLE,
	ROUTE_UNREACHABLE,
	ROUTE_PROHIBIT,
	// An address of a NAT behind `port`.
	ROUTE_TRANSLATED,
};

struct route {
	enum route_type type;
	__u16 port;
	// Of the prefix, in bits.
	__u8 prefix_length;
	// More than 1: the next hops are paths[first] and those behind.
	__u8 count;
	__u32 first;
	// IPv4 as ::ffff:10.0.0.1.
	ipv6_addr_t gateway;
};

// Configured, and learned by the slow path. Of two for the same prefix the configured one counts.
HOVER_PREFIX_TABLE4(routes4, struct route, 1024);
HOVER_PREFIX_TABLE6(routes6, struct route, 1024);
HOVER_PREFIX_TABLE4(learned4, struct route, 1024);
HOVER_PREFIX_TABLE6(learned6, struct route, 1024);

// One of several next hops.
struct path {
	// ::, the destination itself.
	ipv6_addr_t gateway;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct path);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct path);
} learned_paths SEC(".maps");

// RFC 4861, 7.3.2, and FAILED, which Linux has too: nobody answered.
enum neighbour_state {
	NEIGHBOUR_NONE,
	NEIGHBOUR_INCOMPLETE,
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,
	NEIGHBOUR_DELAY,
	NEIGHBOUR_PROBE,
	NEIGHBOUR_FAILED,
};

struct neighbour {
	mac_addr_t mac;
	// Set by the fast path when it sends by a stale one.
	__u8 is_used;
	// Questions that were not answered yet.
	__u8 probes;
	enum neighbour_state state;
	__u32 is_router;
	// When the state began, and when it is to end (hover_now); the slow path's.
	__u64 since;
	__u64 due;
};

struct neighbour4 {
	ipv4_addr_t address;
	__u32 port;
};

struct neighbour6 {
	ipv6_addr_t address;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct neighbour4);
	__type(value, struct neighbour);
} neighbours4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct neighbour6);
	__type(value, struct neighbour);
} neighbours6 SEC(".maps");

// A number that changes when what the caches were filled from may have changed: entries of another one are void.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} generation SEC(".maps");

// No generation has it.
#define NEVER_CACHED 0xffffffff

// All that it takes to send a packet on.
struct hop {
	__u32 generation;
	__u16 port;
	__u16 mtu;
	// The neighbour's address and the port's own, as a frame begins.
	__u32 macs[3];
};

struct cached4 {
	struct hop hop;
	__be32 address;
};

struct cached6 {
	struct hop hop;
	__be32 address[4];
};

// The last destinations, by a hash; one cache for each CPU, so that it needs no lock. A packet whose destination is
// found there costs one array lookup, whatever the number of routes.
#define CACHED 1024

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CACHED);
	__type(key, __u32);
	__type(value, struct cached4);
} cache4 SEC(".maps") __attribute__((btf_decl_tag("hover:internal"))) __attribute__((btf_decl_tag("hover:temporary")));

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CACHED);
	__type(key, __u32);
	__type(value, struct cached6);
} cache6 SEC(".maps") __attribute__((btf_decl_tag("hover:internal"))) __attribute__((btf_decl_tag("hover:temporary")));

// What a port may cause the slow path to do.
struct limits {
	struct hover_bucket errors;
	struct hover_bucket resolutions;
	struct hover_bucket messages;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, struct limits);
} limits SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

static __always_inline int drop(enum drop reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &index);

	if (count)
		(*count)++;
	return RX_DROP;
}

static __always_inline struct port_state *port_state(__u32 port)
{
	return bpf_map_lookup_elem(&port_states, &port);
}

static __always_inline __u32 generation_now(void)
{
	__u32 only = 0, *now = bpf_map_lookup_elem(&generation, &only);

	return now ? *(volatile __u32 *)now : NEVER_CACHED - 1;
}

// Makes all that is cached void.
static __always_inline void forget_cached(void)
{
	__u32 only = 0, *now = bpf_map_lookup_elem(&generation, &only);

	if (now)
		__sync_fetch_and_add(now, 1);
}

// The end of a packet whose sender is to be told, as long as the port has not caused too many such messages.
static __always_inline int error(void *pkt, struct metadata *md, enum drop why, enum reason reason)
{
	__u32 port = md->in_ifc;
	struct limits *limit = bpf_map_lookup_elem(&limits, &port);

	drop(why);
	if (!limit || !hover_bucket_take(&limit->errors, icmp_error_rate, icmp_error_burst, 1, hover_now_coarse()))
		return RX_DROP;
	return pkt_controller(pkt, md, reason);
}

// A message for the slow path: ARP, Neighbour Discovery, DHCP.
static __always_inline int to_slow_path(void *pkt, struct metadata *md, enum reason reason)
{
	__u32 port = md->in_ifc;
	struct limits *limit = bpf_map_lookup_elem(&limits, &port);

	if (!limit || !hover_bucket_take(&limit->messages, 1000, 500, 1, hover_now_coarse()))
		return drop(DROP_SLOW_PATH_LIMIT);
	return pkt_controller(pkt, md, reason);
}

static __always_inline bool is_multicast(const mac_addr_t *mac)
{
	return mac->bytes[0] & 1;
}

// Whether an address is one that no station can have: a group's, or zeros.
static __always_inline bool is_no_station(const mac_addr_t *mac)
{
	const __u8 *b = mac->bytes;

	return (b[0] & 1) || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5]);
}

static __always_inline bool is_same(const void *one, const void *other, __u32 size)
{
	return !__builtin_memcmp(one, other, size);
}

// What to write for an IPv4 address where an IPv6 one is stored.
static __always_inline __be32 mapped_ipv4(const ipv6_addr_t *address)
{
	__be32 ipv4;

	__builtin_memcpy(&ipv4, address->bytes + 12, sizeof(ipv4));
	return ipv4;
}

static __always_inline bool is_zero6(const ipv6_addr_t *address)
{
	__u64 words[2];

	__builtin_memcpy(words, address, sizeof(words));
	return !(words[0] | words[1]);
}
