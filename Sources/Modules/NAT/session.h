// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Sessions. Each is two entries of one table, one for each direction, and each entry has all that a packet of its
// direction needs: one lookup translates it. hover/conntrack.h would take twice the memory and a second lookup, for
// sequence numbers that a NAT does not look at.
//
// No packet reads a clock or the other direction's entry: packets only note that they came, and the timer that visits
// each session once a second (session_end.h) does the rest.
#pragma once

#include <hover/checksum.h>
#include <hover/flow.h>
#include <hover/sweep.h>
#include "settings.h"

// A packet as it comes in.
struct session_key {
	ipv4_addr_t source;
	ipv4_addr_t destination;
	// 0 in protocols without ports. ICMP echo: the identifier, in a request as source, in a reply as destination.
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	// The port of the module, an enum side.
	__u8 from;
	// 1 in an ICMP echo reply.
	__u8 echo_reply;
	__u8 reserved;
};

// One direction of a session.
struct session {
	// What the packet leaves with.
	ipv4_addr_t source;
	ipv4_addr_t destination;
	__be16 source_port;
	__be16 destination_port;
	// By how much one's complement sums over the addresses and over the ports change.
	__u32 address_difference;
	__u32 port_difference;
	// Where the session's entry of sessions_slots is, from 1.
	__u32 slot;
	// TCP flags that were seen: FIN 1, SYN 2, RST 4, ACK 16.
	__u32 tcp_flags;
	// The port of the module that the packet leaves by.
	__u8 to;
	// Whether a packet came since the timer looked.
	__u8 used;
	__u8 reserved[2];
};

enum session_state {
	// Only one side has sent.
	state_new,
	// Both have.
	state_established,
	// TCP: both have sent their last.
	state_closing,
	// TCP: one side has broken it off.
	state_reset,
};

// What both directions have in common.
struct session_slot {
	// When the timer is to look, by hover_now; 0: the slot is free, or its session is not whole yet.
	__u64 due __attribute__((btf_decl_tag("hover:used")));
	// When the timer last saw that a packet had come.
	__u64 seen;
	__u64 began;
	// Of who began, and of the answers.
	struct session_key keys[2];
	// The inside end, and how it is seen outside.
	ipv4_addr_t client;
	ipv4_addr_t address;
	__be16 client_port;
	__be16 port;
	// An enum session_state.
	__u8 state;
	// Whether the client's entry counts it; whether it holds the mapping; whether it holds the remote end as contact.
	bool counted;
	bool mapped;
	bool contacted;
	// Whether its public address is the default one, and it ends when that changes.
	bool is_default;
	__u8 reserved[3];
};

// Two entries a session. Both, and what is beside it, get their size from the configuration.
const volatile __u32 sessions_entries = 2 * 65536;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * 65536);
	__type(key, struct session_key);
	__type(value, struct session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * 65536);
	__type(key, __u32);
	__type(value, struct session_slot);
} sessions_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2 * 65536);
	__uint(value_size, sizeof(__u32));
} sessions_unused SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_sweep);
} sessions_sweep SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_table_counts);
} sessions_counts SEC(".maps");

static __always_inline struct session_slot *slot_at(__u32 number)
{
	__u32 index = number - 1;

	return bpf_map_lookup_elem(&sessions_slots, &index);
}

static __always_inline struct hover_table_counts *session_counts(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&sessions_counts, &only);
}

// Fills an entry: what becomes of packets with `key`. The session's addresses and ports are set.
static __always_inline void session_sums(struct session *session, const struct session_key *key)
{
	__u32 sum = hover_add_sums(~key->source, session->source);

	sum = hover_add_sums(sum, ~key->destination);
	session->address_difference = hover_add_sums(sum, session->destination);
	sum = hover_add_sums(~(__u32)key->source_port, session->source_port);
	sum = hover_add_sums(sum, ~(__u32)key->destination_port);
	sum = hover_add_sums(sum, session->destination_port);
	// That nothing changes may be all ones, too.
	if (key->source_port == session->source_port && key->destination_port == session->destination_port)
		sum = 0;
	session->port_difference = sum;
}

// The key of what answers a translated packet, and what becomes of it: the reverse.
static __always_inline void session_answer(const struct session_key *key, const struct session *session,
					   struct session_key *answer_key, struct session *answer)
{
	answer_key->source = session->destination;
	answer_key->destination = session->source;
	answer_key->source_port = session->destination_port;
	answer_key->destination_port = session->source_port;
	answer_key->protocol = key->protocol;
	answer_key->from = session->to;
	answer_key->echo_reply = key->protocol == IPPROTO_ICMP && !key->echo_reply;
	answer_key->reserved = 0;
	answer->source = key->destination;
	answer->destination = key->source;
	answer->source_port = key->destination_port;
	answer->destination_port = key->source_port;
	answer->to = key->from;
	answer->slot = session->slot;
	answer->tcp_flags = 0;
	answer->used = 0;
	answer->reserved[0] = answer->reserved[1] = 0;
	session_sums(answer, answer_key);
}

// Notes that a packet came. Returns whether it is a new connection in the place of one that has ended.
static __always_inline bool session_touch(struct session *session, __u8 protocol, __u8 tcp_flags)
{
	__u32 flags = tcp_flags & (HOVER_FIN | HOVER_SYN | HOVER_RST | HOVER_ACK);

	// Written only where it changes: CPUs share it.
	if (!session->used)
		session->used = 1;
	if (protocol != IPPROTO_TCP || !(flags & ~session->tcp_flags || flags & HOVER_SYN))
		return false;
	if (flags == HOVER_SYN && session->tcp_flags & HOVER_FIN)
		return true;
	__sync_fetch_and_or(&session->tcp_flags, flags);
	return false;
}
