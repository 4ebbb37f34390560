// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Replaces fields under checksums. Each function stores the field and updates the IPv4 header checksum, the L4
// checksum and, inside an ICMP error, the error's own: right for GSO packets, for packets whose checksum the device is
// still to make, for UDP without a checksum, and for fragments. Updates are by the difference: a checksum that was
// wrong stays wrong.
//
// `headers` come from pkt_parse, pkt_parse_at or pkt_parse_quoted (HOVER_PARSE_OK), and keep the old values. Functions
// return 0, or a negative error number: the packet may then be changed in part, and should be dropped.
#pragma once

#include <hover/bounds.h>
#include <hover/packet.h>
#include <hover/parse.h>
#include <hover/types.h>

// Internal: where a field lies, which says what checksums cover it.
enum hover_place {
	// Addresses: the IP header, and the pseudo header of L4.
	HOVER_IN_ADDRESSES,
	// Elsewhere in the IP header.
	HOVER_IN_IP,
	// In the L4 header, or behind it.
	HOVER_IN_L4,
};

// Internal: a field to be replaced.
struct hover_change {
	__u32 from[4];
	__u32 to[4];
	__u32 offset;
	// Bytes, 1 to 16.
	__u32 size;
	enum hover_place place;
	// What the words that hold the field sum up to after the change, less what they did before.
	__u32 difference;
};

static __always_inline __u32 hover_difference(const struct hover_change *change, const struct hover_headers *headers)
{
	__u32 difference = hover_add_sums(~change->from[0], change->to[0]);
	__u32 first = change->place == HOVER_IN_L4 ? headers->l4_offset : headers->l3_offset;

	if (change->size == 16) {
#pragma clang loop unroll(full)
		for (int word = 1; word < 4; word++) {
			difference = hover_add_sums(difference, ~change->from[word]);
			difference = hover_add_sums(difference, change->to[word]);
		}
	}
	// A field at an odd place begins with the second byte of a word.
	if (change->place != HOVER_IN_ADDRESSES && (change->offset - first) & 1)
		return difference << 8 | difference >> 24;
	return difference;
}

// Where the L4 checksum is that covers a field at `place`; 0 if there is none, or a negative error number.
static __always_inline int hover_l4_sum_offset(void *pkt, const struct hover_headers *headers, enum hover_place place)
{
	__u32 offset = headers->l4_offset;
	__u16 sum;

	if (place == HOVER_IN_IP || !offset)
		return 0;
	switch (headers->l4_protocol) {
	case IPPROTO_TCP:
		return offset + 16;
	case IPPROTO_UDP:
		if (pkt_load(pkt, offset + 6, &sum, sizeof(sum)) < 0)
			return -EFAULT;
		return sum ? offset + 6 : 0;
	case IPPROTO_ICMP:
		return headers->version == 4 && place == HOVER_IN_L4 ? offset + 2 : 0;
	case IPPROTO_ICMPV6:
		return headers->version == 6 ? offset + 2 : 0;
	case IPPROTO_SCTP:
		// CRC32c (RFC 9260, 6.8) does not cover addresses; a difference cannot update it.
		return place == HOVER_IN_L4 ? -EOPNOTSUPP : 0;
	default:
		return 0;
	}
}

// Updates a checksum that is data to the kernel, and adds how it changed to `*total`.
static __always_inline int hover_update_quoted_sum(void *pkt, __u32 offset, __u32 difference, bool udp, __u32 *total)
{
	__u16 from, to;

	if (pkt_load(pkt, offset, &from, sizeof(from)) < 0)
		return -EFAULT;
	to = hover_changed_sum(from, difference);
	if (udp && !to)
		to = 0xffff;
	*total = hover_add_sums(*total, hover_add_sums(~(__u32)from, to));
	return pkt_store(pkt, offset, &to, sizeof(to));
}

// In a packet that an ICMP error quotes, all changes change the error's checksum. Its L4 checksum need not be there.
static __noinline __attribute__((unused)) int hover_replace_quoted(void *pkt, const struct hover_headers *headers,
								   const struct hover_change *change)
{
	__u32 total = change->difference, size = change->size;
	int sum, error;

	sum = hover_l4_sum_offset(pkt, headers, change->place);
	if (sum < 0)
		return sum;
	if (!HOVER_BOUNDED(size, sizeof(change->to)))
		return -EINVAL;
	error = pkt_store(pkt, change->offset, change->to, size);
	if (!error && headers->version == 4 && change->place != HOVER_IN_L4)
		error = hover_update_quoted_sum(pkt, headers->l3_offset + 10, change->difference, false, &total);
	if (!error && sum && sum + 2 <= headers->l3_offset + headers->total_length)
		error = hover_update_quoted_sum(pkt, sum, change->difference, headers->l4_protocol == IPPROTO_UDP,
						&total);
	if (error)
		return error;
	return hover_update_quoted_sum(pkt, headers->icmp_offset + 2, total, false, &total);
}

static __always_inline int hover_update_sums(void *pkt, const struct hover_headers *headers,
					     const struct hover_change *change, __u32 l4_sum)
{
	__u32 kind = 0;
	int error;

	if (headers->version == 4 && change->place != HOVER_IN_L4) {
		error = hover_update_sum(pkt, headers->l3_offset + 10, change->difference, false);
		if (error)
			return error;
	}
	if (!l4_sum)
		return 0;
	if (change->place == HOVER_IN_ADDRESSES)
		kind |= HOVER_SUM_PSEUDO;
	if (headers->version == 6)
		kind |= HOVER_SUM_IPV6;
	if (headers->l4_protocol == IPPROTO_UDP)
		kind |= HOVER_SUM_UDP;
	return hover_update_l4_sum(pkt, l4_sum, change->difference, kind);
}

// Whether the field lies in the fixed part of the IP header, or behind it in the datagram.
static __always_inline bool hover_is_inside(const struct hover_headers *headers, __u32 offset, __u32 size, bool in_l4)
{
	__u32 first = headers->l3_offset, end = first + (headers->version == 4 ? 20 : 40);

	if (in_l4) {
		end = first + headers->total_length;
		first = headers->l4_offset;
	}
	return headers->version && first && offset >= first && offset + size <= end;
}

// `size` is change->size, in a register: the verifier has to know its bounds.
static __always_inline int hover_replace(void *pkt, const struct hover_headers *headers, struct hover_change *change,
					 __u32 size)
{
	int sum, error;

	change->difference = hover_difference(change, headers);
	if (headers->icmp_offset)
		return hover_replace_quoted(pkt, headers, change);
	sum = hover_l4_sum_offset(pkt, headers, change->place);
	if (sum < 0)
		return sum;
	if (sum || (headers->version == 4 && change->place != HOVER_IN_L4))
		error = hover_store_bytes(pkt, change->offset, change->to, size);
	else
		error = hover_store_accounted(pkt, change->offset, change->to, size);
	return error ?: hover_update_sums(pkt, headers, change, sum);
}

// Functions of their own, each with a stack of its own: a module replaces many fields.
static __noinline __attribute__((unused)) int hover_replace_ipv4(void *pkt, const struct hover_headers *headers,
								 __u32 offset, __be32 to)
{
	struct hover_change change = { .offset = offset, .size = 4, .place = HOVER_IN_ADDRESSES, .to = { to } };

	if (headers->version != 4 || pkt_load(pkt, offset, change.from, 4) < 0)
		return -EINVAL;
	return hover_replace(pkt, headers, &change, 4);
}

static __noinline __attribute__((unused)) int hover_replace_ipv6(void *pkt, const struct hover_headers *headers,
								 __u32 offset, const ipv6_addr_t *to, bool pseudo)
{
	struct hover_change change = { .offset = offset, .size = 16 };

	change.place = pseudo ? HOVER_IN_ADDRESSES : HOVER_IN_IP;
	if (headers->version != 6 || pkt_load(pkt, offset, change.from, 16) < 0)
		return -EINVAL;
	__builtin_memcpy(change.to, to, 16);
	return hover_replace(pkt, headers, &change, 16);
}

// The field's bytes lie in `to` from its lowest address on.
static __noinline __attribute__((unused)) int hover_replace_ip(void *pkt, const struct hover_headers *headers,
							       __u32 offset, __u32 to, __u32 size)
{
	struct hover_change change = { .offset = offset, .size = size, .place = HOVER_IN_IP, .to = { to } };

	if (!HOVER_BOUNDED(size, 4) || !hover_is_inside(headers, offset, size, false) ||
	    pkt_load(pkt, offset, change.from, size) < 0)
		return -EINVAL;
	return hover_replace(pkt, headers, &change, size);
}

static __noinline __attribute__((unused)) int hover_replace_l4(void *pkt, const struct hover_headers *headers,
							       __u32 offset, __u32 to, __u32 size)
{
	struct hover_change change = { .offset = offset, .size = size, .place = HOVER_IN_L4, .to = { to } };

	if (!HOVER_BOUNDED(size, 4) || !hover_is_inside(headers, offset, size, true) ||
	    pkt_load(pkt, offset, change.from, size) < 0)
		return -EINVAL;
	return hover_replace(pkt, headers, &change, size);
}

// The same for two bytes, in place: most fields are ports.
static __noinline __attribute__((unused)) int hover_replace_l4_word(void *pkt, const struct hover_headers *headers,
								    __u32 offset, __be16 to)
{
	struct hover_change change = { .offset = offset, .size = 2, .place = HOVER_IN_L4, .to = { to } };

	if (!hover_is_inside(headers, offset, 2, true) || pkt_load(pkt, offset, change.from, 2) < 0)
		return -EINVAL;
	return hover_replace(pkt, headers, &change, 2);
}

// Replaces the source address of an IPv4 packet.
//
//	if (pkt_set_ipv4_source(pkt, &headers, public_address) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_ipv4_source(void *pkt, const struct hover_headers *headers, __be32 address)
{
	return hover_replace_ipv4(pkt, headers, headers->l3_offset + 12, address);
}

// Replaces the destination address of an IPv4 packet.
//
//	if (pkt_set_ipv4_destination(pkt, &headers, server->address) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_ipv4_destination(void *pkt, const struct hover_headers *headers, __be32 address)
{
	return hover_replace_ipv4(pkt, headers, headers->l3_offset + 16, address);
}

// Replaces the source address of an IPv6 packet.
//
//	if (pkt_set_ipv6_source(pkt, &headers, &entry->address) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_ipv6_source(void *pkt, const struct hover_headers *headers,
					       const ipv6_addr_t *address)
{
	return hover_replace_ipv6(pkt, headers, headers->l3_offset + 8, address, true);
}

// Replaces the destination address of an IPv6 packet. Where a routing header is yet to put another one there, the L4
// checksum is for that one, and stays.
//
//	if (pkt_set_ipv6_destination(pkt, &headers, &entry->address) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_ipv6_destination(void *pkt, const struct hover_headers *headers,
						    const ipv6_addr_t *address)
{
	return hover_replace_ipv6(pkt, headers, headers->l3_offset + 24, address, !headers->rerouted);
}

// Replaces `size` bytes, a constant 1, 2 or 4, from byte `offset` of the packet on: a field of the IPv4 header without
// options, or of the IPv6 header, other than addresses, length and protocol. -EINVAL if it is not there.
//
//	__u8 ttl = 63;
//	int error = pkt_replace_ip(pkt, &headers, headers.l3_offset + 8, &ttl, sizeof(ttl));
static __always_inline int pkt_replace_ip(void *pkt, const struct hover_headers *headers, __u32 offset, const void *to,
					  __u32 size)
{
	__u32 bytes = 0;

	__builtin_memcpy(&bytes, to, size);
	return hover_replace_ip(pkt, headers, offset, bytes, size);
}

// Replaces `size` bytes, a constant 1, 2 or 4, from byte `offset` of the packet on: a field of the L4 header, an
// option of TCP, or what is behind. -EINVAL if it is not in the datagram, or this is a fragment without L4 header;
// -EOPNOTSUPP in SCTP.
//
//	__be16 mss = bpf_htons(1400);
//	int error = pkt_replace_l4(pkt, &headers, option_offset + 2, &mss, sizeof(mss));
static __always_inline int pkt_replace_l4(void *pkt, const struct hover_headers *headers, __u32 offset, const void *to,
					  __u32 size)
{
	__u32 bytes = 0;

	__builtin_memcpy(&bytes, to, size);
	if (size == 2)
		return hover_replace_l4_word(pkt, headers, offset, bytes);
	return hover_replace_l4(pkt, headers, offset, bytes, size);
}

static __always_inline bool hover_has_ports(const struct hover_headers *headers)
{
	return headers->l4_protocol == IPPROTO_TCP || headers->l4_protocol == IPPROTO_UDP ||
	       headers->l4_protocol == IPPROTO_SCTP;
}

// Replaces the source port of TCP or UDP. -EINVAL where there is none, -EOPNOTSUPP in SCTP.
//
//	if (pkt_set_source_port(pkt, &headers, bpf_htons(port)) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_source_port(void *pkt, const struct hover_headers *headers, __be16 port)
{
	if (!hover_has_ports(headers))
		return -EINVAL;
	return hover_replace_l4_word(pkt, headers, headers->l4_offset, port);
}

// Replaces the destination port of TCP or UDP. -EINVAL where there is none, -EOPNOTSUPP in SCTP.
//
//	if (pkt_set_destination_port(pkt, &headers, bpf_htons(8080)) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_destination_port(void *pkt, const struct hover_headers *headers, __be16 port)
{
	if (!hover_has_ports(headers))
		return -EINVAL;
	return hover_replace_l4_word(pkt, headers, headers->l4_offset + 2, port);
}

// Replaces bytes 4 and 5 of an ICMP or ICMPv6 message: the identifier of an echo. -EINVAL in other packets.
//
//	if (pkt_set_icmp_id(pkt, &headers, bpf_htons(id)) < 0)
//		return RX_DROP;
static __always_inline int pkt_set_icmp_id(void *pkt, const struct hover_headers *headers, __be16 id)
{
	if (headers->l4_protocol != (headers->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return -EINVAL;
	return hover_replace_l4_word(pkt, headers, headers->l4_offset + 4, id);
}
