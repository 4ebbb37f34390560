// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Finds the headers of a packet, whatever it is: what the packet says of itself is checked before it is used, so that
// offsets that come from here lie inside the packet and inside its IP datagram.
#pragma once

#include <linux/in.h>
#include <linux/in6.h>

#include <hover/headers.h>
#include <hover/packet.h>

// The parser follows this many IPv6 extension headers (RFC 8504, 5.3, lets a host set a limit).
#define HOVER_EXTENSION_HEADERS 8

// Internal: the end of what can be parsed, and how.
struct hover_extent {
	// Where the packet ends.
	__u32 packet;
	// Where the IP datagram ends by its own account.
	__u32 datagram;
	// The datagram is quoted in an ICMP error: 8 bytes of its L4 header are enough, and the rest may be missing.
	bool quoted;
};

// Internal: keeps a number, and has the verifier forget which it is and know only that it has 16 bits. Otherwise it
// would check all that follows once for each offset that is possible.
static __always_inline __u16 hover_forget(__u16 number)
{
	volatile __u16 kept = number;

	return kept;
}

// Internal: loads part of a header that has `size` bytes.
static __always_inline int hover_load_header(void *pkt, const struct hover_extent *extent, __u32 offset, __u32 size,
					     void *to, __u32 part)
{
	if (offset + size > extent->datagram)
		return HOVER_PARSE_MALFORMED;
	if (offset + size > extent->packet || pkt_load(pkt, offset, to, part) < 0)
		return HOVER_PARSE_TRUNCATED;
	return HOVER_PARSE_OK;
}

static __always_inline int hover_parse_tcp(void *pkt, const struct hover_extent *extent, struct hover_headers *headers)
{
	__u32 offset = headers->l4_offset, size;
	__u8 bytes[2];
	int result;

	result = hover_load_header(pkt, extent, offset + 12, 8, bytes, sizeof(bytes));
	if (result)
		return result;
	size = bytes[0] >> 4 << 2;
	if (size < 20 || offset + size > extent->datagram)
		return HOVER_PARSE_MALFORMED;
	headers->tcp_flags = bytes[1];
	headers->payload_offset = offset + size;
	return HOVER_PARSE_OK;
}

static __always_inline bool hover_is_extension(__u8 type)
{
	return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_FRAGMENT || type == IPPROTO_AH ||
	       type == IPPROTO_DSTOPTS;
}

// The five protocols have in common that their first 8 bytes hold all that is of interest, but for TCP.
static __always_inline int hover_parse_l4(void *pkt, const struct hover_extent *extent, struct hover_headers *headers)
{
	__u8 protocol = headers->l4_protocol;
	__u32 offset = headers->l4_offset, size = 8;
	__be16 words[4];
	int result;

	headers->payload_offset = offset;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP &&
	    protocol != (headers->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return offset > extent->packet ? HOVER_PARSE_TRUNCATED : HOVER_PARSE_OK;
	if (protocol == IPPROTO_SCTP && !extent->quoted)
		size = 12;
	result = hover_load_header(pkt, extent, offset, size, words, sizeof(words));
	if (result)
		return result;
	headers->source_port = words[0];
	headers->payload_offset = offset + size;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		headers->icmp_id = words[2];
		return HOVER_PARSE_OK;
	}
	headers->destination_port = words[1];
	if (extent->quoted)
		return HOVER_PARSE_OK;
	if (protocol == IPPROTO_TCP)
		return hover_parse_tcp(pkt, extent, headers);
	// A first fragment holds less than the UDP header says.
	if (protocol == IPPROTO_UDP && headers->fragment == HOVER_FRAGMENT_NONE) {
		__u32 length = bpf_ntohs(words[2]);

		// 0 stands for a length that 16 bits cannot hold (RFC 2675, 4).
		if (!length && extent->datagram - offset > 0xffff)
			return HOVER_PARSE_OK;
		if (length < 8 || offset + length > extent->datagram)
			return HOVER_PARSE_MALFORMED;
	}
	return HOVER_PARSE_OK;
}

// Notes what the fragment fields of IPv4, or of the IPv6 fragment header, say: the offset (any unit), whether more
// fragments follow, and the datagram's number.
static __always_inline void hover_note_fragment(struct hover_headers *headers, __u32 offset, bool more, __be32 id)
{
	if (!offset && !more)
		return;
	headers->fragment = !offset ? HOVER_FRAGMENT_FIRST : more ? HOVER_FRAGMENT_MIDDLE : HOVER_FRAGMENT_LAST;
	headers->fragment_id = id;
}

// Notes the datagram's length, and where it ends. A length of 0 stands for one that 16 bits cannot hold: the kernel
// makes such packets of many (BIG TCP), and IPv6 jumbograms are so (RFC 2675).
static __always_inline int hover_note_length(struct hover_extent *extent, struct hover_headers *headers, __u32 length,
					     bool is_zero)
{
	__u32 there = extent->packet - headers->l3_offset;

	if (is_zero && there > 0xffff)
		length = there;
	extent->datagram = headers->l3_offset + length;
	headers->total_length = length < there ? length : there;
	return length > there && !extent->quoted ? HOVER_PARSE_TRUNCATED : HOVER_PARSE_OK;
}

static __always_inline int hover_parse_ipv4(void *pkt, struct hover_extent *extent, struct hover_headers *headers)
{
	struct {
		__u8 version_size;
		__u8 tos;
		__be16 length;
		__be16 id;
		__be16 fragment;
		__u8 ttl;
		__u8 protocol;
		__be16 checksum;
	} ip;
	__u32 offset = headers->l3_offset, size, length;
	__u16 fragment;
	int result;

	if (offset + 20 > extent->packet || pkt_load(pkt, offset, &ip, sizeof(ip)) < 0)
		return HOVER_PARSE_TRUNCATED;
	size = (ip.version_size & 0x0f) << 2;
	if (ip.version_size >> 4 != 4 || size < 20)
		return HOVER_PARSE_MALFORMED;
	headers->version = 4;
	length = bpf_ntohs(ip.length);
	result = hover_note_length(extent, headers, length, !length);
	if (result)
		return result;
	if (offset + size > extent->datagram)
		return HOVER_PARSE_MALFORMED;
	if (offset + size > extent->packet)
		return HOVER_PARSE_TRUNCATED;
	fragment = bpf_ntohs(ip.fragment);
	hover_note_fragment(headers, fragment & 0x1fff, fragment & 0x2000, ip.id);
	headers->l4_protocol = ip.protocol;
	headers->l4_offset = offset + size;
	return HOVER_PARSE_OK;
}

// Follows the extension headers from l4_offset on (RFC 8200, 4), beginning with one of type l4_protocol, to where they
// end. A function of its own: few packets have any, and the verifier has much to do here.
static __noinline __attribute__((unused)) int hover_parse_extensions(void *pkt, const struct hover_extent *extent,
								     struct hover_headers *headers)
{
	struct {
		__u8 next;
		__u8 size;
		// The fragment offset, or what other headers have there.
		__be16 fragment;
		__be32 id;
	} header;
	__u32 offset = headers->l4_offset;
	__u8 type = headers->l4_protocol;

#pragma clang loop unroll(disable)
	for (int count = 0; hover_is_extension(type); count++) {
		__u32 size;
		int result;

		// Hop-by-hop options may only come first, and a fragment has no fragments.
		if (count == HOVER_EXTENSION_HEADERS || (type == IPPROTO_HOPOPTS && count) ||
		    (type == IPPROTO_FRAGMENT && headers->fragment))
			return HOVER_PARSE_MALFORMED;
		result = hover_load_header(pkt, extent, offset, 8, &header, sizeof(header));
		if (result)
			return result;
		size = type == IPPROTO_AH ? (header.size + 2) << 2 : (header.size + 1) << 3;
		// An authentication header has 12 bytes before its check value (RFC 4302, 2).
		if (type == IPPROTO_AH && size < 12)
			return HOVER_PARSE_MALFORMED;
		if (type == IPPROTO_FRAGMENT) {
			__u16 fragment = bpf_ntohs(header.fragment);

			size = 8;
			hover_note_fragment(headers, fragment & 0xfff8, fragment & 1, header.id);
		}
		// Segments left (RFC 8200, 4.4).
		if (type == IPPROTO_ROUTING && (header.fragment & bpf_htons(0xff)))
			headers->rerouted = true;
		offset = hover_forget(offset + size);
		if (offset > extent->datagram)
			return HOVER_PARSE_MALFORMED;
		type = header.next;
		headers->l4_protocol = type;
		if (headers->fragment > HOVER_FRAGMENT_FIRST)
			break;
	}
	headers->l4_offset = offset;
	return HOVER_PARSE_OK;
}

static __always_inline int hover_parse_ipv6(void *pkt, struct hover_extent *extent, struct hover_headers *headers)
{
	struct {
		__u8 version;
		__u8 flow[3];
		__be16 length;
		__u8 next;
		__u8 hop_limit;
	} ip;
	__u32 offset = headers->l3_offset, length;
	int result;

	if (offset + 40 > extent->packet || pkt_load(pkt, offset, &ip, sizeof(ip)) < 0)
		return HOVER_PARSE_TRUNCATED;
	if (ip.version >> 4 != 6)
		return HOVER_PARSE_MALFORMED;
	headers->version = 6;
	length = bpf_ntohs(ip.length);
	result = hover_note_length(extent, headers, length + 40, !length);
	if (result)
		return result;
	headers->l4_protocol = ip.next;
	headers->l4_offset = offset + 40;
	if (!hover_is_extension(ip.next))
		return HOVER_PARSE_OK;
	return hover_parse_extensions(pkt, extent, headers);
}

static __always_inline int hover_parse_arp(void *pkt, const struct hover_extent *extent, struct hover_headers *headers)
{
	__be16 words[3];

	if (headers->l3_offset + 28 > extent->packet || pkt_load(pkt, headers->l3_offset, words, sizeof(words)) < 0)
		return HOVER_PARSE_TRUNCATED;
	// Ethernet, IPv4, and the length of an address of each.
	if (words[0] != bpf_htons(1) || words[1] != bpf_htons(ETH_P_IP) || words[2] != bpf_htons(0x0604))
		return HOVER_PARSE_MALFORMED;
	return HOVER_PARSE_NOT_IP;
}

static __always_inline int hover_parse_l3(void *pkt, struct hover_extent *extent, struct hover_headers *headers)
{
	int result;

	if (headers->ethertype == bpf_htons(ETH_P_IP))
		result = hover_parse_ipv4(pkt, extent, headers);
	else if (headers->ethertype == bpf_htons(ETH_P_IPV6))
		result = hover_parse_ipv6(pkt, extent, headers);
	else if (headers->ethertype == bpf_htons(ETH_P_ARP))
		return hover_parse_arp(pkt, extent, headers);
	else
		return HOVER_PARSE_NOT_IP;
	if (!result && headers->fragment <= HOVER_FRAGMENT_FIRST)
		result = hover_parse_l4(pkt, extent, headers);
	if (result || headers->fragment > HOVER_FRAGMENT_FIRST) {
		headers->l4_offset = 0;
		headers->payload_offset = 0;
	}
	return result;
}

// The same, in the module once: for packets inside of packets, which are few.
static __noinline __attribute__((unused)) int hover_parse_inner(void *pkt, struct hover_extent *extent,
								struct hover_headers *headers)
{
	return hover_parse_l3(pkt, extent, headers);
}

// Notes the tags, and the EtherType behind them. A third tag is an EtherType that is not IP.
static __always_inline int hover_parse_ethernet(void *pkt, struct hover_headers *headers)
{
	__u32 offset = ETH_HLEN, tags = 0;
	__be16 control[2] = {}, ethertype;
	struct hover_tag tag;

	if (hover_hidden_tag(pkt, &tag))
		control[tags++] = tag.control;
	if (pkt_load(pkt, offset - 2, &ethertype, sizeof(ethertype)) < 0)
		return HOVER_PARSE_TRUNCATED;
#pragma clang loop unroll(full)
	for (int count = 0; count < 2; count++) {
		// The tag's second half, and the EtherType behind it.
		__be16 rest[2];

		if (!hover_is_tag(ethertype) || tags == 2)
			break;
		if (pkt_load(pkt, offset, rest, sizeof(rest)) < 0)
			return HOVER_PARSE_TRUNCATED;
		if (tags++)
			control[1] = rest[0];
		else
			control[0] = rest[0];
		ethertype = rest[1];
		offset += 4;
	}
	headers->tags = tags;
	headers->tag[0] = bpf_ntohs(control[0]);
	headers->tag[1] = bpf_ntohs(control[1]);
	headers->ethertype = ethertype;
	headers->l3_offset = hover_forget(offset);
	return HOVER_PARSE_OK;
}

// Parses a packet, from its Ethernet header to its L4 header. Returns an enum hover_parse_result.
//
//	struct hover_headers headers;
//	if (pkt_parse(pkt, &headers) == HOVER_PARSE_OK && headers.l4_protocol == IPPROTO_UDP) ...
static __always_inline int pkt_parse(void *pkt, struct hover_headers *headers)
{
	struct hover_extent extent = { .packet = pkt_length(pkt) };
	int result;

	*headers = (struct hover_headers){};
	result = hover_parse_ethernet(pkt, headers);
	if (result)
		return result;
	return hover_parse_l3(pkt, &extent, headers);
}

// Parses the packet from an L3 header on, at `offset` (up to 32767), with the EtherType (network order) that names it:
// what a tunnel carries. Returns an enum hover_parse_result.
//
//	struct hover_headers inner;
//	int result = pkt_parse_at(pkt, headers.payload_offset + 22, bpf_htons(ETH_P_IP), &inner);
static __always_inline int pkt_parse_at(void *pkt, __u32 offset, __be16 ethertype, struct hover_headers *headers)
{
	struct hover_extent extent = { .packet = pkt_length(pkt) };

	*headers = (struct hover_headers){ .ethertype = ethertype };
	if (offset > 0x7fff)
		return HOVER_PARSE_TRUNCATED;
	headers->l3_offset = offset;
	return hover_parse_inner(pkt, &extent, headers);
}

// Whether the packet is an ICMP or ICMPv6 error (RFC 792; RFC 4443, 2.1), which quotes the packet that it is about.
//
//	if (pkt_quotes(&headers))
//		result = pkt_parse_quoted(pkt, &headers, &quoted);
static __always_inline bool pkt_quotes(const struct hover_headers *headers)
{
	__u8 type = headers->icmp_type;

	if (!headers->l4_offset)
		return false;
	if (headers->version == 4 && headers->l4_protocol == IPPROTO_ICMP)
		// Unreachable, source quench, redirect, time exceeded, parameter problem.
		return (type >= 3 && type <= 5) || type == 11 || type == 12;
	// Unreachable, too big, time exceeded, parameter problem.
	return headers->version == 6 && headers->l4_protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

// Parses the packet that an ICMP or ICMPv6 error quotes; `headers` are those of the error. Of the quoted L4 header
// only 8 bytes have to be there: tcp_flags stay 0. Returns an enum hover_parse_result; HOVER_PARSE_NOT_IP where the
// packet is no such error.
//
//	struct hover_headers quoted;
//	if (pkt_parse_quoted(pkt, &headers, &quoted) == HOVER_PARSE_OK) ...
static __always_inline int pkt_parse_quoted(void *pkt, const struct hover_headers *headers,
					    struct hover_headers *quoted)
{
	// Padding of the frame does not belong to what is quoted.
	struct hover_extent extent = { .packet = headers->l3_offset + headers->total_length, .quoted = true };
	*quoted = (struct hover_headers){};
	if (!pkt_quotes(headers))
		return HOVER_PARSE_NOT_IP;
	quoted->ethertype = headers->ethertype;
	quoted->l3_offset = headers->payload_offset;
	quoted->icmp_offset = headers->l4_offset;
	return hover_parse_inner(pkt, &extent, quoted);
}
