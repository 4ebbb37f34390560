// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What the configuration says, and what is counted. Settings are a table, not constants: they change while programs and
// the timer that ages sessions run on.
#pragma once

#include <hover/clock.h>
#include <hover/set.h>

// A module has these ports.
enum side {
	inside = 1,
	outside = 2,
};

enum dependence {
	endpoint_independent,
	address_dependent,
	address_and_port_dependent,
};

// How long a session without a packet stays.
enum timeout {
	timeout_tcp_established,
	timeout_tcp_transitory,
	timeout_udp,
	timeout_udp_unreplied,
	timeout_icmp,
	timeout_other,
	timeout_fragment,
	timeouts,
};

struct settings {
	// 0: the one in `public_address`.
	ipv4_addr_t public_ip;
	// Another address of the router on its outside port; 0: none.
	ipv4_addr_t router_ip;
	// Seconds.
	__u32 timeouts[timeouts];
	// 0: no limit.
	__u32 sessions_per_client;
	// What ports are taken from, in host order.
	__u16 first_port;
	__u16 last_port;
	// Both are an enum dependence.
	__u8 mapping;
	__u8 filtering;
	// Whether what no session wants goes on to the router.
	bool passes_unmatched;
	// Whether the inside's own port is tried first.
	bool keeps_ports;
	// Whether UDP ports stay odd or even.
	bool keeps_parity;
	// Whether TCP connections may be met in mid-stream.
	bool tcp_loose;
	bool has_forwards;
	__u8 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// The public address, where the configuration has none: whoever learns it (a DHCP client) sets the one entry.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, ipv4_addr_t);
} public_address SEC(".maps");

// Why packets were dropped.
enum reason {
	// Headers that contradict themselves, or are not there as a whole.
	malformed,
	// The public address is not known.
	no_public_address,
	// All ports that may be tried are taken.
	no_port,
	// The table of sessions is full.
	sessions_full,
	// The client has all the sessions that it may have.
	client_limit,
	// From outside, and no session, forward or mapping is for it; from inside to a public address without a forward.
	unmatched,
	// From outside to an address that is neither the router's nor translated.
	not_ours,
	// A mapping is there, but the filter lets nobody in with whom the inside has not spoken.
	filtered,
	// TCP that is no SYN, and belongs to no session.
	no_connection,
	// An ICMP error or another message about nothing that is known.
	icmp_unrelated,
	// A fragment whose first one was not seen.
	fragment_unknown,
	// Another CPU, or a session that is about to end, holds what the new one needs.
	busy,
	// The kernel could not change the packet.
	failed,
	reasons,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, reasons);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

static __always_inline int drop_because(enum reason reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &index);

	if (count)
		++*count;
	return RX_DROP;
}

static __always_inline const struct settings *settings_here(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&settings, &only);
}

// The public address of clients that have no pool; 0: not known.
static __always_inline ipv4_addr_t default_address(const struct settings *here)
{
	__u32 only = 0;
	ipv4_addr_t *learned;

	if (here->public_ip)
		return here->public_ip;
	learned = bpf_map_lookup_elem(&public_address, &only);
	return learned ? *(volatile ipv4_addr_t *)learned : 0;
}
