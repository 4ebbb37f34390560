// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Computes whole checksums, for packets that a module makes: replies, ICMP errors. For packets that pass through, use
// hover/checksum.h: it takes less time, and is right for those whose checksum the device is still to make.
#pragma once

#include <hover/bounds.h>
#include <hover/packet.h>
#include <hover/parse.h>

// pkt_compute_l4_checksum sums up to this many bytes.
#define HOVER_COMPUTED_BYTES 1536

// Sums up `size` bytes of the packet, up to HOVER_COMPUTED_BYTES, and `sum`. A negative number if they are not there.
static __noinline __attribute__((unused)) __s64 hover_sum_packet(void *pkt, __u32 offset, __u32 size, __u32 sum)
{
	__u32 words[16];

#pragma clang loop unroll(disable)
	for (int count = 0; count < HOVER_COMPUTED_BYTES / sizeof(words) && size >= sizeof(words); count++) {
		if (pkt_load(pkt, offset, words, sizeof(words)) < 0)
			return -EFAULT;
		sum = bpf_csum_diff(NULL, 0, words, sizeof(words), sum);
		offset = hover_forget(offset + sizeof(words));
		size -= sizeof(words);
	}
	if (!size)
		return sum;
	// What is left, with zeros behind it.
	__builtin_memset(words, 0, sizeof(words));
	if (!HOVER_BOUNDED(size, sizeof(words) - 1) || pkt_load(pkt, offset, words, size) < 0)
		return -EFAULT;
	return (__u32)bpf_csum_diff(NULL, 0, words, sizeof(words), sum);
}

// The sum of the pseudo header (RFC 768; RFC 8200, 8.1); 0 for ICMP over IPv4, which has none.
static __always_inline __s64 hover_sum_pseudo_header(void *pkt, const struct hover_headers *headers, __u32 length)
{
	__u32 sum = bpf_htonl((__u32)headers->l4_protocol << 16 | length);

	if (headers->version == 6)
		return hover_sum_packet(pkt, headers->l3_offset + 8, 32, sum);
	if (headers->l4_protocol == IPPROTO_ICMP)
		return 0;
	return hover_sum_packet(pkt, headers->l3_offset + 12, 8, sum);
}

// Computes the header checksum of an IPv4 packet that the module has made.
//
//	if (pkt_compute_ipv4_checksum(pkt, ETH_HLEN) < 0)
//		return RX_DROP;
static __noinline __attribute__((unused)) int pkt_compute_ipv4_checksum(void *pkt, __u32 l3_offset)
{
	__u16 zero = 0, sum;
	__s64 total;
	__u8 size;

	if (pkt_load(pkt, l3_offset, &size, 1) < 0 || pkt_store(pkt, l3_offset + 10, &zero, sizeof(zero)) < 0)
		return -EFAULT;
	total = hover_sum_packet(pkt, l3_offset, (size & 0x0f) << 2, 0);
	if (total < 0)
		return -EFAULT;
	sum = hover_changed_sum(0xffff, total);
	return pkt_store(pkt, l3_offset + 10, &sum, sizeof(sum));
}

// Computes the TCP, UDP, ICMP or ICMPv6 checksum of a packet that the module has made, of up to HOVER_COMPUTED_BYTES
// behind the IP header. -EINVAL for fragments, -E2BIG for longer packets, -EOPNOTSUPP for what has no such checksum.
// Not for packets with the host's own TCP or UDP in them, which the device may still complete.
//
//	if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK || pkt_compute_l4_checksum(pkt, &headers) < 0)
//		return RX_DROP;
static __noinline __attribute__((unused)) int pkt_compute_l4_checksum(void *pkt, const struct hover_headers *headers)
{
	__u32 length = headers->l3_offset + headers->total_length - headers->l4_offset, place = headers->l4_offset;
	__u16 zero = 0, sum;
	__s64 total;

	if (!headers->l4_offset || headers->fragment)
		return -EINVAL;
	if (length > HOVER_COMPUTED_BYTES)
		return -E2BIG;
	if (headers->l4_protocol == IPPROTO_TCP)
		place += 16;
	else if (headers->l4_protocol == IPPROTO_UDP)
		place += 6;
	else if (headers->l4_protocol == (headers->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		place += 2;
	else
		return -EOPNOTSUPP;
	if (headers->rerouted)
		return -EOPNOTSUPP;
	if (pkt_store(pkt, place, &zero, sizeof(zero)) < 0)
		return -EFAULT;
	total = hover_sum_pseudo_header(pkt, headers, length);
	if (total >= 0)
		total = hover_sum_packet(pkt, headers->l4_offset, length, total);
	if (total < 0)
		return -EFAULT;
	sum = hover_changed_sum(0xffff, total);
	if (headers->l4_protocol == IPPROTO_UDP && !sum)
		sum = 0xffff;
	return pkt_store(pkt, place, &sum, sizeof(sum));
}
