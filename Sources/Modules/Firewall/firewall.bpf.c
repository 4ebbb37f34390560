// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A policy that lets packets pass by rules and by the connections that they belong to.

// As the table's size is set, so is this.
const volatile __u32 connections_entries = 65536;
#define HOVER_CONNECTIONS_NOW connections_entries

struct firewall_memory;
#define HOVER_CONNECTION_DATA struct firewall_memory

#include <hover/flow.h>

// What was decided on a direction of a connection, so that it is not asked again: by the version of the rules, with what
// the packet was to the connection in its low bits, and the rule whose counters count.
struct firewall_decision {
	__u64 version;
	__u64 rule;
};

// By whether the packet leaves, and whether it is a reply.
struct firewall_memory {
	struct firewall_decision accepted[4];
};

#include <hover/conntrack.h>
#include <hover/parse.h>

#include "reasons.h"
#include "search.h"
#include "reject.h"
#include "fragments.h"
#include "verdicts.h"

// What the programs of a packet hand to each other.
struct firewall_scratch {
	struct hover_headers headers;
	struct hover_flow flow;
	struct firewall_packet packet;
	struct firewall_match match;
	// An enum hover_conntrack.
	__u32 state;
	// The number of its connection; 0: there is none.
	__u32 slot;
	__u32 is_reply;
	// What the rules of a version see of it, that a verdict is kept as; 0: none can be.
	__u64 subject_version;
	struct hover_tuple subject;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct firewall_scratch);
} scratch SEC(".maps") __attribute__((btf_decl_tag("hover:internal")))
__attribute__((btf_decl_tag("hover:temporary")));

static __always_inline int firewall_pass(struct metadata *md, enum firewall_reason reason)
{
	firewall_note(md, reason);
	return RX_OK;
}

static __always_inline int firewall_end(struct metadata *md, enum firewall_reason reason)
{
	firewall_note(md, reason);
	return RX_DROP;
}

static __always_inline int firewall_not_ip(struct metadata *md, const struct hover_headers *headers, __u64 root)
{
	if (headers->ethertype == bpf_htons(ETH_P_ARP)) {
		if (root & FIREWALL_ACCEPT_ARP)
			return firewall_pass(md, FIREWALL_ARP_ACCEPTED);
		return firewall_end(md, FIREWALL_ARP_DROPPED);
	}
	if (root & FIREWALL_ACCEPT_OTHER)
		return firewall_pass(md, FIREWALL_NON_IP_ACCEPTED);
	return firewall_end(md, FIREWALL_NON_IP_DROPPED);
}

// Whether this is neighbour discovery between neighbours: only such a packet has a hop limit of 255 (RFC 4861, 7.1).
static __always_inline bool firewall_is_discovery(void *pkt, const struct hover_headers *headers)
{
	__u8 hop_limit;

	if (headers->version != 6 || headers->l4_protocol != IPPROTO_ICMPV6 || !headers->l4_offset)
		return false;
	// Solicitations and advertisements of routers and neighbours.
	if (headers->icmp_type < 133 || headers->icmp_type > 136 || headers->icmp_code)
		return false;
	return pkt_load(pkt, headers->l3_offset + 7, &hop_limit, 1) == 0 && hop_limit == 255;
}

// Fills what rules ask for. Returns false where the packet cannot be read.
static __noinline int firewall_describe(void *pkt, struct metadata *md, struct firewall_scratch *here, __u64 version)
{
	const struct hover_headers *headers = &here->headers;
	struct firewall_packet *packet = &here->packet;
	struct hover_tuple addresses;
	__u8 macs[16] = {}, class[2];
	__be64 mac[2];

	if (pkt_load(pkt, 0, &macs[2], 6) < 0 || pkt_load(pkt, 6, &macs[10], 6) < 0 ||
	    pkt_load(pkt, headers->l3_offset, class, sizeof(class)) < 0 ||
	    !hover_load_addresses(pkt, headers, &addresses))
		return false;
	*packet = (struct firewall_packet){
		.version = version,
		.source = addresses.source,
		.destination = addresses.destination,
		.length = md->pktlen,
		.is_egress = md->in_ifc == 2,
		.state = here->state,
		.ip = headers->version,
		.protocol = headers->l4_protocol,
		.tcp_flags = headers->tcp_flags,
		.is_fragment = headers->fragment > HOVER_FRAGMENT_FIRST,
		.vlan = headers->tags ? headers->tag[0] & 0xfff : 0,
	};
	__builtin_memcpy(mac, macs, sizeof(mac));
	packet->destination_mac = bpf_be64_to_cpu(mac[0]);
	packet->mac = bpf_be64_to_cpu(mac[1]);
	// The traffic class begins in the middle of the first byte of IPv6.
	packet->dscp = headers->version == 4 ? class[1] >> 2 : (class[0] & 0xf) << 2 | class[1] >> 6;
	if (!headers->l4_offset)
		return true;
	packet->source_port = bpf_ntohs(headers->source_port);
	packet->destination_port = bpf_ntohs(headers->destination_port);
	packet->has_ports =
		packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_SCTP;
	if (packet->protocol == (packet->ip == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		packet->has_ports = true;
		packet->destination_port = 0x10000 | headers->icmp_type << 8 | headers->icmp_code;
		packet->source_port = 0;
	}
	return true;
}

static __always_inline struct firewall_scratch *firewall_scratch_here(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&scratch, &only);
}

// The version and the flags of the rules in force; 0: there are none.
static __always_inline __u64 firewall_root(void)
{
	__u32 only = 0;
	__u64 *root = bpf_map_lookup_elem(&ruleset, &only);

	return root ? *(volatile __u64 *)root : 0;
}

// Has the rules decide. They may be exchanged meanwhile: then what was found counts for nothing, for pages of the old
// ones may be gone.
static __always_inline int firewall_ask(void *pkt, struct metadata *md, struct firewall_scratch *here)
{
#pragma clang loop unroll(disable)
	for (int try = 0; try < 4; try++) {
		__u64 version = FIREWALL_VERSION(firewall_root());

		if (!version || !firewall_describe(pkt, md, here, version))
			break;
		firewall_classify(&here->packet, &here->match);
		if (!here->match.is_lost && version == FIREWALL_VERSION(firewall_root()))
			return here->match.action;
	}
	return FIREWALL_NONE;
}

static __always_inline struct firewall_decision *firewall_decision(struct metadata *md,
								   struct hover_connection *connection, bool is_reply)
{
	__u64 index = (md->in_ifc == 2) * 2 + is_reply;

	// Clang knows its bounds, and the verifier of Linux 6.1 does not where a part of it was on the stack.
	asm volatile("" : "+r"(index));
	return &connection->data.accepted[index & 3];
}

// Whether this was accepted before by the rules that are in force. Another CPU may be writing: the version comes last.
static __always_inline bool firewall_was_accepted(struct metadata *md, const struct hover_tracked *tracked, __u64 now)
{
	struct firewall_decision *decision = firewall_decision(md, tracked->connection, tracked->is_reply);
	__u64 rule;

	if (*(volatile __u64 *)&decision->version != now)
		return false;
	rule = *(volatile __u64 *)&decision->rule;
	if (*(volatile __u64 *)&decision->version != now)
		return false;
	if (!rule) {
		firewall_note(md, FIREWALL_DEFAULT_ACCEPTED);
		return true;
	}
	firewall_note(md, FIREWALL_RULE_ACCEPTED);
	firewall_count(rule, md->pktlen);
	return true;
}

static __always_inline void firewall_remember(struct metadata *md, const struct firewall_scratch *here,
					      struct hover_connection *connection)
{
	struct firewall_decision *decision = firewall_decision(md, connection, here->is_reply);

	*(volatile __u64 *)&decision->version = 0;
	*(volatile __u64 *)&decision->rule = here->match.rule;
	*(volatile __u64 *)&decision->version = here->packet.version | here->state;
}

// The connection that was found before; NULL if there was none, or it has ended meanwhile.
static __always_inline struct hover_connection *firewall_connection(const struct firewall_scratch *here)
{
	struct hover_connection *connection;

	if (!here->slot)
		return NULL;
	connection = hover_connection_at(here->slot);
	if (!connection || *(volatile __u64 *)&connection->expires <= HOVER_DEAD)
		return NULL;
	return hover_tuple_is(here->is_reply ? &connection->reply : &connection->original, &here->flow.tuple)
		       ? connection
		       : NULL;
}

// Lets a packet pass that the rules accept; a new one begins a connection. Not inline: its stack and that of the search
// would be more than 512 bytes together as Linux 6.1 counts, which rounds each function's up to 32.
static __noinline int firewall_accept(void *pkt, struct metadata *md, struct firewall_scratch *here)
{
	struct hover_tracked tracked = { .connection = firewall_connection(here) };

	if (here->state == HOVER_NEW && !tracked.connection && here->flow.kind == HOVER_FLOW_PACKET &&
	    hover_connect(&here->flow, &tracked) < 0)
		return firewall_end(md, FIREWALL_CONNECTIONS_FULL);
	if (here->headers.fragment == HOVER_FRAGMENT_FIRST)
		firewall_expect(pkt, &here->headers, here->packet.version | md->in_ifc);
	if (tracked.connection && here->match.is_cacheable)
		firewall_remember(md, here, tracked.connection);
	return firewall_pass(md, here->match.rule ? FIREWALL_RULE_ACCEPTED : FIREWALL_DEFAULT_ACCEPTED);
}

static __always_inline int firewall_refuse(void *pkt, struct metadata *md, struct firewall_scratch *here)
{
	struct hover_connection *connection = firewall_connection(here);
	bool is_rejected = here->match.action == FIREWALL_REJECT;

	// What was accepted on its way in, and goes no further, is no connection.
	if (here->state == HOVER_NEW && connection)
		hover_disconnect(connection);
	if (!here->match.rule)
		firewall_note(md, is_rejected ? FIREWALL_DEFAULT_REJECTED : FIREWALL_DEFAULT_DROPPED);
	else
		firewall_note(md, is_rejected ? FIREWALL_RULE_REJECTED : FIREWALL_RULE_DROPPED);
	return is_rejected ? pkt_continue(pkt, md, 2) : RX_DROP;
}

// Not inline, as firewall_accept.
static __noinline int firewall_keep_verdict(struct firewall_scratch *here, int verdict)
{
	// Rules that were exchanged meanwhile may ask for more.
	if (here->subject_version == here->packet.version && here->match.is_cacheable &&
	    (verdict == FIREWALL_ACCEPT || verdict == FIREWALL_DROP))
		firewall_keep(&here->subject, here->packet.version, here->match.rule, verdict);
	return 0;
}

// What connections do not decide on is for the rules. A program of its own: there is one for all places where the policy
// lies, and few packets get here.
HOVER_STAGE(1, firewall_decide)
static int firewall_decide(void *pkt, struct metadata *md)
{
	struct firewall_scratch *here = firewall_scratch_here();
	int verdict;

	if (!here)
		return RX_ERROR;
	verdict = firewall_ask(pkt, md, here);
	if (here->match.log_count)
		firewall_log_all(&here->packet, &here->match);
	firewall_keep_verdict(here, verdict);
	switch (verdict) {
	case FIREWALL_ACCEPT:
		return firewall_accept(pkt, md, here);
	case FIREWALL_DROP:
	case FIREWALL_REJECT:
		return firewall_refuse(pkt, md, here);
	}
	return firewall_end(md, FIREWALL_NO_RULES);
}

HOVER_STAGE(2, firewall_answer_rejected)
static int firewall_answer_rejected(void *pkt, struct metadata *md)
{
	struct firewall_scratch *here = firewall_scratch_here();

	if (!here)
		return RX_ERROR;
	firewall_reject(pkt, md, &here->headers, &here->packet);
	return RX_DROP;
}

// Does again what was decided before.
static __always_inline int firewall_repeat(struct metadata *md, const struct firewall_verdict *verdict)
{
	if (verdict->rule)
		firewall_count(verdict->rule, md->pktlen);
	if (verdict->action == FIREWALL_ACCEPT)
		return firewall_pass(md, verdict->rule ? FIREWALL_RULE_ACCEPTED : FIREWALL_DEFAULT_ACCEPTED);
	return firewall_end(md, verdict->rule ? FIREWALL_RULE_DROPPED : FIREWALL_DEFAULT_DROPPED);
}

static __always_inline int firewall_handle_ip(void *pkt, struct metadata *md, struct firewall_scratch *here,
					      __u64 root)
{
	const struct firewall_verdict *verdict;
	struct hover_tracked tracked = {};
	int state = HOVER_UNTRACKED;

	if (firewall_replaces_flags(pkt, &here->headers))
		return firewall_end(md, FIREWALL_MALFORMED);
	here->flow.kind = HOVER_FLOW_NONE;
	if (root & FIREWALL_TRACK) {
		hover_flow_of(pkt, &here->headers, &here->flow);
		state = hover_track(&here->flow, &tracked);
	}
	if (state == HOVER_ESTABLISHED && root & FIREWALL_ACCEPT_ESTABLISHED) {
		if (here->headers.fragment == HOVER_FRAGMENT_FIRST)
			firewall_expect(pkt, &here->headers, FIREWALL_VERSION(root) | md->in_ifc);
		return firewall_pass(md, FIREWALL_ESTABLISHED);
	}
	if (state == HOVER_RELATED && root & FIREWALL_ACCEPT_ESTABLISHED)
		return firewall_pass(md, FIREWALL_RELATED);
	if (state == HOVER_INVALID && root & FIREWALL_DROP_INVALID)
		return firewall_end(md, FIREWALL_INVALID);
	if (tracked.connection && !here->headers.fragment &&
	    firewall_was_accepted(md, &tracked, FIREWALL_VERSION(root) | state))
		return RX_OK;
	if (root & FIREWALL_ACCEPT_NEIGHBOURS && firewall_is_discovery(pkt, &here->headers))
		return firewall_pass(md, FIREWALL_DISCOVERY);
	if (here->headers.fragment > HOVER_FRAGMENT_FIRST &&
	    firewall_expects(pkt, &here->headers, FIREWALL_VERSION(root) | md->in_ifc))
		return firewall_pass(md, FIREWALL_FRAGMENT);
	here->subject_version = 0;
	if (state == HOVER_UNTRACKED && !here->headers.fragment &&
	    firewall_subject(pkt, md, &here->headers, root, &here->subject)) {
		here->subject_version = FIREWALL_VERSION(root);
		verdict = firewall_recall(&here->subject, here->subject_version);
		if (verdict)
			return firewall_repeat(md, verdict);
	}
	here->state = state;
	here->slot = tracked.connection ? tracked.connection->slot : 0;
	here->is_reply = tracked.is_reply;
	return pkt_continue(pkt, md, 1);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	struct firewall_scratch *here = firewall_scratch_here();
	__u64 root = firewall_root();

	if (!here)
		return RX_ERROR;
	if (!FIREWALL_VERSION(root))
		return firewall_end(md, FIREWALL_NO_RULES);
	switch (pkt_parse(pkt, &here->headers)) {
	case HOVER_PARSE_OK:
		return firewall_handle_ip(pkt, md, here, root);
	case HOVER_PARSE_NOT_IP:
		return firewall_not_ip(md, &here->headers, root);
	}
	return firewall_end(md, FIREWALL_MALFORMED);
}
