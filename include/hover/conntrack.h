// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Connection tracking, for firewalls and NAT: to which connection a packet belongs, and how that stands.
//
//	#define HOVER_CONNECTIONS 16384
//	#include <hover/conntrack.h>
//
//	static int handle_rx(void *pkt, struct metadata *md)
//	{
//		struct hover_headers headers;
//		struct hover_tracked tracked;
//		struct hover_flow flow;
//
//		if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK)
//			return RX_DROP;
//		hover_flow_of(pkt, &headers, &flow);
//		switch (hover_track(&flow, &tracked)) {
//		case HOVER_ESTABLISHED:
//		case HOVER_RELATED:
//			return pkt_redirect(pkt, md, 3 - md->in_ifc);
//		case HOVER_NEW:
//			if (md->in_ifc == 1 && hover_connect(&flow, &tracked) == 0)
//				return pkt_redirect(pkt, md, 2);
//		}
//		return RX_DROP;
//	}
//
// A connection is one entry, found by the tuples of both directions and removed with both. When the table is full, new
// connections are refused; none makes room for another. A timer of the table's own removes connections whose time is
// up, within half a second; before that, an expired one is not found any more.
//
// IPv4 and IPv6 share the table. TCP is followed by its states and sequence numbers (hover/tcp.h), UDP and echo by who
// has answered; other protocols, SCTP with its ports, by their addresses. IP fragments but the first, and ICMP that is
// neither echo nor error, are untracked. L4 checksums are not verified.
//
// A module that includes this has the tables `connections` (struct hover_connection, by numbers that mean nothing)
// and `connections_counts` (struct hover_table_counts).
#pragma once

#include <stdbool.h>

#include <hover/allocator.h>
#include <hover/connections.h>
#include <hover/flow.h>
#include <hover/tcp.h>

// Seconds without a packet after which a connection ends; the module's config can set them. The numbers are those of
// nf_conntrack (Linux, Documentation/networking/nf_conntrack-sysctl.rst).
const volatile __u32 tcp_timeout_syn_sent = 120;
const volatile __u32 tcp_timeout_syn_recv = 60;
const volatile __u32 tcp_timeout_established = 5 * 24 * 3600;
const volatile __u32 tcp_timeout_fin_wait = 120;
const volatile __u32 tcp_timeout_close_wait = 60;
const volatile __u32 tcp_timeout_last_ack = 30;
const volatile __u32 tcp_timeout_time_wait = 120;
const volatile __u32 tcp_timeout_close = 10;
const volatile __u32 udp_timeout = 30;
// Of UDP that goes both ways for more than two seconds: no question and answer, but a stream.
const volatile __u32 udp_timeout_stream = 120;
const volatile __u32 icmp_timeout = 30;
const volatile __u32 icmpv6_timeout = 30;
const volatile __u32 generic_timeout = 600;
// Whether a TCP connection may be met in mid-stream, after its handshake. Its sequence numbers are not checked then.
const volatile bool tcp_loose = false;

// What a packet is.
enum hover_conntrack {
	// It cannot belong to any connection that is there, nor begin one.
	HOVER_INVALID,
	// It begins a connection, or repeats what began one that has no answer yet.
	HOVER_NEW,
	// It belongs to a connection that goes both ways, or answers for the first time.
	HOVER_ESTABLISHED,
	// An ICMP error about a connection.
	HOVER_RELATED,
	// Connections are no concern of it.
	HOVER_UNTRACKED,
};

static __always_inline __u64 hover_connection_timeout(const struct hover_connection *connection, __u64 now)
{
	__u32 seconds;

	switch (connection->original.protocol) {
	case IPPROTO_TCP:
		switch (connection->state) {
		case HOVER_TCP_SYN_RECV:
			seconds = tcp_timeout_syn_recv;
			break;
		case HOVER_TCP_ESTABLISHED:
			seconds = tcp_timeout_established;
			break;
		case HOVER_TCP_FIN_WAIT:
			seconds = tcp_timeout_fin_wait;
			break;
		case HOVER_TCP_CLOSE_WAIT:
			seconds = tcp_timeout_close_wait;
			break;
		case HOVER_TCP_LAST_ACK:
			seconds = tcp_timeout_last_ack;
			break;
		case HOVER_TCP_TIME_WAIT:
			seconds = tcp_timeout_time_wait;
			break;
		case HOVER_TCP_CLOSE:
			seconds = tcp_timeout_close;
			break;
		default:
			seconds = tcp_timeout_syn_sent;
		}
		break;
	case IPPROTO_UDP:
		seconds = udp_timeout;
		if (connection->replied && now > connection->began + 2 * HOVER_SECOND)
			seconds = udp_timeout_stream;
		break;
	case IPPROTO_ICMP:
		seconds = icmp_timeout;
		break;
	case IPPROTO_ICMPV6:
		seconds = icmpv6_timeout;
		break;
	default:
		seconds = generic_timeout;
	}
	// 0 would have it removed before it is whole.
	return (seconds ?: 1) * HOVER_SECOND;
}

// Has the connection's time begin anew. Another state may leave it less than it had.
static __always_inline void hover_connection_touch(struct hover_connection *connection, __u64 now)
{
	__u64 expires = *(volatile __u64 *)&connection->expires;
	__u64 later = hover_deadline(now, hover_connection_timeout(connection, now));

	// What is being removed stays so.
	if (expires > now && later != expires)
		__sync_val_compare_and_swap(&connection->expires, expires, later);
}

// What a packet is that has no connection.
static __always_inline enum hover_conntrack hover_track_none(const struct hover_flow *flow)
{
	if (flow->kind == HOVER_FLOW_ERROR || flow->tuple.echo_reply)
		return HOVER_INVALID;
	if (flow->tuple.protocol == IPPROTO_TCP && !hover_tcp_begins(flow, tcp_loose))
		return HOVER_INVALID;
	return HOVER_NEW;
}

// Says what a packet is, and has its connection follow it. Returns an enum hover_conntrack. A connection that is new
// without one in `tracked` is not there before hover_connect: until then nothing is kept of it.
static __noinline int hover_track(const struct hover_flow *flow, struct hover_tracked *tracked)
{
	struct hover_connection *connection;
	int verdict = HOVER_TCP_VALID;
	__u64 now = HOVER_NOW();

	tracked->connection = NULL;
	tracked->is_reply = false;
	if (flow->kind == HOVER_FLOW_NONE)
		return HOVER_UNTRACKED;
	if (flow->kind == HOVER_FLOW_INVALID)
		return HOVER_INVALID;
	if (!hover_connection_find(&flow->tuple, now, tracked))
		return hover_track_none(flow);
	if (flow->kind == HOVER_FLOW_ERROR)
		return HOVER_RELATED;
	connection = tracked->connection;
	if (flow->tuple.protocol == IPPROTO_TCP) {
		bpf_spin_lock(&connection->lock);
		verdict = hover_tcp_track(&connection->tcp, &connection->state, flow, tracked->is_reply);
		bpf_spin_unlock(&connection->lock);
	}
	if (verdict == HOVER_TCP_INVALID)
		return HOVER_INVALID;
	if (verdict == HOVER_TCP_RESTARTS) {
		hover_disconnect(connection);
		tracked->connection = NULL;
		tracked->is_reply = false;
		return HOVER_NEW;
	}
	if (verdict == HOVER_TCP_VALID) {
		if (tracked->is_reply && !connection->replied)
			connection->replied = true;
		hover_connection_touch(connection, now);
	}
	return tracked->is_reply || connection->replied ? HOVER_ESTABLISHED : HOVER_NEW;
}

// A search for a port of the reply.
struct hover_reply_search {
	struct hover_connection *connection;
	struct hover_ports *ports;
	__u64 reference;
	__s64 error;
};

static long hover_reply_try(__u32 index, struct hover_reply_search *search)
{
	__be16 port = hover_ports_next(search->ports);

	search->error = -EEXIST;
	if (!port)
		return 1;
	search->connection->reply.destination_port = port;
	search->error = hover_connection_index(&search->connection->reply, search->reference);
	return search->error != -EEXIST;
}

// Puts both tuples into the index: the reply's first, for the original's is what packets that are on their way now will
// look for.
static __always_inline int hover_connection_publish(struct hover_connection *connection, struct hover_ports *ports)
{
	struct hover_reply_search search = { connection, ports, connection->slot | HOVER_REPLY, 0 };

	if (ports)
		bpf_loop(HOVER_PORT_TRIES + 2, hover_reply_try, &search, 0);
	else
		search.error = hover_connection_index(&connection->reply, search.reference);
	return search.error ?: hover_connection_index(&connection->original, connection->slot);
}

static __always_inline void hover_connection_fill(struct hover_connection *connection, const struct hover_flow *flow,
						  const struct hover_tuple *reply, const HOVER_CONNECTION_DATA *data)
{
	connection->original = flow->tuple;
	if (reply)
		connection->reply = *reply;
	else
		hover_tuple_reverse(&connection->reply, &flow->tuple);
	connection->replied = false;
	connection->state = HOVER_TCP_NONE;
	if (flow->tuple.protocol == IPPROTO_TCP)
		connection->state = hover_tcp_begin(&connection->tcp, flow);
	if (data)
		connection->data = *data;
	else
		__builtin_memset(&connection->data, 0, sizeof(connection->data));
}

// Begins the connection of a packet that hover_track called new, with addresses or ports translated.
//
//	reply  how answers come in; NULL: as the packet's tuple reversed
//	ports  a search (hover/allocator.h) for the port that they come in to, reply.destination_port: the first one is
//	       taken with which there is no such reply yet. NULL: the reply stands as it is
//	data   what the module keeps with the connection; NULL: zeros
//
// Returns 0, with the connection in `tracked`: if another CPU has begun it at the same time, it is that one. -EEXIST if
// connections with such replies are there already; -ENOSPC if the table is full (counted as refused).
static __noinline int hover_connect_as(const struct hover_flow *flow, const struct hover_tuple *reply,
				       struct hover_ports *ports, const HOVER_CONNECTION_DATA *data,
				       struct hover_tracked *tracked)
{
	struct hover_table_counts *counts = hover_connection_counts();
	struct hover_connection *connection;
	struct hover_sweep *sweep;
	__u64 now = HOVER_NOW(), expires;
	__u32 only = 0, slot;
	int error;

	if (hover_connection_find(&flow->tuple, now, tracked))
		return 0;
	sweep = bpf_map_lookup_elem(&connections_sweep, &only);
	if (!counts || !sweep || flow->kind != HOVER_FLOW_PACKET)
		return -EINVAL;
	hover_timer_start(&connections_sweep, &sweep->timer, &sweep->due, hover_connection_fire, HOVER_SWEEP_PAUSE);
	slot = hover_slot_take(sweep, &connections_unused, HOVER_CONNECTIONS_NOW);
	connection = hover_connection_at(slot);
	if (!connection) {
		HOVER_COUNT(counts->refused, 1);
		return -ENOSPC;
	}
	HOVER_COUNT(counts->entries, 1);
	connection->slot = slot;
	hover_connection_fill(connection, flow, reply, data);
	connection->began = now;
	expires = hover_deadline(now, hover_connection_timeout(connection, now));
	__sync_lock_test_and_set(&connection->expires, expires);
	error = hover_connection_publish(connection, ports);
	if (!error) {
		HOVER_COUNT(counts->inserted, 1);
		tracked->connection = connection;
		tracked->is_reply = false;
		return 0;
	}
	// Another CPU that found it meanwhile has ended it, or keeps it: then it was a connection.
	if (hover_connection_claim(connection, expires))
		hover_connection_empty(connection);
	else
		HOVER_COUNT(counts->inserted, 1);
	if (error == -EEXIST)
		return hover_connection_find(&flow->tuple, now, tracked) ? 0 : -EEXIST;
	HOVER_COUNT(counts->refused, 1);
	return -ENOSPC;
}

// The same with nothing translated.
static __always_inline int hover_connect(const struct hover_flow *flow, struct hover_tracked *tracked)
{
	return hover_connect_as(flow, NULL, NULL, NULL, tracked);
}
