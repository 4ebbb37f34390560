// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What a packet says of the connection that it belongs to, for hover/conntrack.h.
#pragma once

#include <stdbool.h>

#include <hover/bounds.h>
#include <hover/packet.h>
#include <hover/parse.h>
#include <hover/types.h>

// One direction of a connection. All bytes count: make one with zeros in what is not used.
struct hover_tuple {
	// IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
	ipv6_addr_t source;
	ipv6_addr_t destination;
	// 0 in protocols without ports. ICMP echo: the identifier, in a request as source, in a reply as destination.
	__be16 source_port;
	__be16 destination_port;
	// IPPROTO_TCP, ….
	__u8 protocol;
	// 1 in an ICMP echo reply.
	__u8 echo_reply;
	__u8 reserved[2];
} __attribute__((aligned(8)));

enum hover_flow_kind {
	// It belongs to no connection: not IP, a fragment without its L4 header, ICMP that neither asks nor answers
	// (neighbour discovery, …).
	HOVER_FLOW_NONE,
	// It belongs to the connection that `tuple` is a direction of.
	HOVER_FLOW_PACKET,
	// An ICMP error about a packet of the connection; `tuple` is the direction that the error itself goes.
	HOVER_FLOW_ERROR,
	// Nothing that a connection could have sent.
	HOVER_FLOW_INVALID,
};

struct hover_flow {
	struct hover_tuple tuple;
	// TCP, in host order: the sequence number, the one behind the last byte (SYN and FIN count as a byte each), the
	// acknowledged one, and the window as it is in the header.
	__u32 sequence;
	__u32 end;
	__u32 acknowledged;
	__u16 window;
	// As in struct hover_headers.
	__u8 tcp_flags;
	// Of a SYN: the window scale, up to 14 (RFC 7323, 2.3); HOVER_NO_SCALE without the option.
	__u8 scale;
	// An enum hover_flow_kind.
	__u8 kind;
};

#define HOVER_NO_SCALE 255

#define HOVER_FIN 1
#define HOVER_SYN 2
#define HOVER_RST 4
#define HOVER_ACK 16

// The other direction of a connection whose addresses are not translated.
static __always_inline void hover_tuple_reverse(struct hover_tuple *to, const struct hover_tuple *from)
{
	to->source = from->destination;
	to->destination = from->source;
	to->source_port = from->destination_port;
	to->destination_port = from->source_port;
	to->protocol = from->protocol;
	to->echo_reply = from->echo_reply;
	if (from->protocol == IPPROTO_ICMP || from->protocol == IPPROTO_ICMPV6)
		to->echo_reply = !from->echo_reply;
	to->reserved[0] = to->reserved[1] = 0;
}

static __always_inline bool hover_tuple_is(const struct hover_tuple *one, const struct hover_tuple *other)
{
	const __u64 *a = (const __u64 *)one, *b = (const __u64 *)other;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

static __always_inline bool hover_address_is(const ipv6_addr_t *one, const ipv6_addr_t *other)
{
	const __u64 *a = __builtin_assume_aligned(one, 8), *b = __builtin_assume_aligned(other, 8);

	return a[0] == b[0] && a[1] == b[1];
}

// An IPv4 address as a tuple has it.
static __always_inline void hover_map_ipv4(ipv6_addr_t *to, __be32 address)
{
	__u32 *words = __builtin_assume_aligned(to, 8);

	words[0] = words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

// The IPv4 address in a tuple's.
static __always_inline __be32 hover_unmap_ipv4(const ipv6_addr_t *from)
{
	return ((const __u32 *)__builtin_assume_aligned(from, 8))[3];
}

// Internal: the addresses of an IP header.
static __always_inline bool hover_load_addresses(void *pkt, const struct hover_headers *headers,
						 struct hover_tuple *tuple)
{
	__be32 addresses[2];

	if (headers->version == 6)
		return pkt_load(pkt, headers->l3_offset + 8, &tuple->source, 32) == 0;
	if (pkt_load(pkt, headers->l3_offset + 12, addresses, sizeof(addresses)) < 0)
		return false;
	hover_map_ipv4(&tuple->source, addresses[0]);
	hover_map_ipv4(&tuple->destination, addresses[1]);
	return true;
}

// Internal: fills the tuple of a packet, or of one that is quoted. Returns whether it can belong to a connection.
static __always_inline int hover_fill_tuple(void *pkt, const struct hover_headers *headers, struct hover_tuple *tuple)
{
	__u8 protocol = headers->l4_protocol, type = headers->icmp_type;

	__builtin_memset(tuple, 0, sizeof(*tuple));
	if (!headers->l4_offset)
		return HOVER_FLOW_NONE;
	tuple->protocol = protocol;
	if (protocol == (headers->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		// Echo request and reply: RFC 792, RFC 4443.
		if (type == (headers->version == 4 ? 8 : 128)) {
			tuple->source_port = headers->icmp_id;
		} else if (type == (headers->version == 4 ? 0 : 129)) {
			tuple->destination_port = headers->icmp_id;
			tuple->echo_reply = 1;
		} else {
			return HOVER_FLOW_NONE;
		}
	} else if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP) {
		tuple->source_port = headers->source_port;
		tuple->destination_port = headers->destination_port;
	}
	return hover_load_addresses(pkt, headers, tuple) ? HOVER_FLOW_PACKET : HOVER_FLOW_NONE;
}

// Internal: a SYN's options.
struct hover_tcp_options {
	__u8 bytes[40];
	__u32 at;
	__u32 end;
	__u32 scale;
};

// One option, for bpf_loop: kind 0 ends them, kind 1 is one byte, all others have their size in the second (RFC 9293,
// 3.2).
static long hover_tcp_option(__u32 index, struct hover_tcp_options *options)
{
	__u32 at = options->at, size = 1;

	if (at >= options->end || at > 37 || options->bytes[at] == 0)
		return 1;
	if (options->bytes[at] != 1) {
		size = options->bytes[at + 1];
		if (size < 2)
			return 1;
		if (options->bytes[at] == 3 && size == 3)
			options->scale = options->bytes[at + 2] > 14 ? 14 : options->bytes[at + 2];
	}
	options->at = at + size;
	return 0;
}

static __noinline int hover_tcp_scale(void *pkt, __u32 offset, __u32 size)
{
	struct hover_tcp_options options = { .at = hover_unknown_zero(), .end = size, .scale = HOVER_NO_SCALE };

	if (size < 4)
		return HOVER_NO_SCALE;
	// Clang would make one comparison of two, and the verifier of Linux 6.1 not know the bounds.
	asm volatile("" : "+r"(size));
	if (size > sizeof(options.bytes))
		return HOVER_NO_SCALE;
	if (pkt_load(pkt, offset, options.bytes, size) < 0)
		return HOVER_NO_SCALE;
	bpf_loop(sizeof(options.bytes), hover_tcp_option, &options, 0);
	return options.scale;
}

static __always_inline int hover_fill_tcp(void *pkt, const struct hover_headers *headers, struct hover_flow *flow)
{
	__u32 size = headers->l3_offset + headers->total_length - headers->payload_offset;
	struct {
		__be32 sequence;
		__be32 acknowledged;
		__be16 flags;
		__be16 window;
	} tcp;

	if (pkt_load(pkt, headers->l4_offset + 4, &tcp, sizeof(tcp)) < 0)
		return HOVER_FLOW_INVALID;
	flow->tcp_flags = headers->tcp_flags;
	flow->sequence = bpf_ntohl(tcp.sequence);
	flow->acknowledged = bpf_ntohl(tcp.acknowledged);
	flow->window = bpf_ntohs(tcp.window);
	flow->end = flow->sequence + size + !!(flow->tcp_flags & HOVER_SYN) + !!(flow->tcp_flags & HOVER_FIN);
	if (flow->tcp_flags & HOVER_SYN)
		flow->scale = hover_tcp_scale(pkt, headers->l4_offset + 20,
					      headers->payload_offset - headers->l4_offset - 20);
	return HOVER_FLOW_PACKET;
}

// Internal: an ICMP error. It has to be sent to whom the quoted packet came from.
static __noinline int hover_fill_error(void *pkt, const struct hover_headers *headers, struct hover_flow *flow)
{
	struct hover_headers quoted;
	struct hover_tuple outer;

	if (pkt_parse_quoted(pkt, headers, &quoted) != HOVER_PARSE_OK ||
	    hover_fill_tuple(pkt, &quoted, &outer) != HOVER_FLOW_PACKET)
		return HOVER_FLOW_INVALID;
	hover_tuple_reverse(&flow->tuple, &outer);
	if (!hover_load_addresses(pkt, headers, &outer) ||
	    !hover_address_is(&outer.destination, &flow->tuple.destination))
		return HOVER_FLOW_INVALID;
	return HOVER_FLOW_ERROR;
}

// Fills a flow from a packet's headers, as pkt_parse left them. Returns its kind, an enum hover_flow_kind.
//
//	struct hover_headers headers;
//	struct hover_flow flow;
//
//	if (pkt_parse(pkt, &headers) == HOVER_PARSE_OK)
//		hover_flow_of(pkt, &headers, &flow);
static __noinline int hover_flow_of(void *pkt, const struct hover_headers *headers, struct hover_flow *flow)
{
	int kind;

	__builtin_memset(flow, 0, sizeof(*flow));
	if (pkt_quotes(headers)) {
		kind = hover_fill_error(pkt, headers, flow);
	} else {
		kind = hover_fill_tuple(pkt, headers, &flow->tuple);
		if (kind == HOVER_FLOW_PACKET && headers->l4_protocol == IPPROTO_TCP)
			kind = hover_fill_tcp(pkt, headers, flow);
	}
	flow->kind = kind;
	return kind;
}
