// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The short way: a sound packet whose destination is cached. All others go on in a stage, which says what is wrong with
// them or finds their next hop; so nothing is counted or reported here.
#pragma once

#include "tables.h"

#define STAGE_IPV4 1
#define STAGE_IPV6 2
#define STAGE_OTHER 3
#define STAGE_LOCAL4 4
#define STAGE_LOCAL6 5
#define STAGE_DISCOVERY 6

// Addresses that no packet on its way can have: 0/8, 127/8, 224/3 (RFC 1812, 5.3.7; RFC 6890), and 169.254/16, which
// stays on its link (RFC 3927, 7).
static __always_inline bool is_unroutable4(__be32 address)
{
	__u8 first = bpf_ntohl(address) >> 24;

	return first == 0 || first == 127 || first >= 224 ||
	       (address & bpf_htonl(0xffff0000)) == bpf_htonl(0xa9fe0000);
}

// The same of IPv6, by its first words: ff00::/8, ::/64 with all that is reserved in it, and fe80::/10.
static __always_inline bool is_unroutable6(const __be32 *address)
{
	return (address[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) || !(address[0] | address[1]) ||
	       (address[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline struct cached4 *cached4(__be32 address)
{
	__u32 index = (address * 0x9e3779b1) >> 22;

	return bpf_map_lookup_elem(&cache4, &index);
}

static __always_inline struct cached6 *cached6(const __be32 *address)
{
	__u32 index =
		((address[0] ^ address[1] * 0x85ebca6b ^ address[2] * 0xc2b2ae35 ^ address[3]) * 0x9e3779b1) >> 22;

	return bpf_map_lookup_elem(&cache6, &index);
}

static __always_inline bool is_cached4(const struct cached4 *cached, __be32 address, __u32 now)
{
	return cached && cached->address == address && cached->hop.generation == now;
}

static __always_inline bool is_cached6(const struct cached6 *cached, const __be32 *address, __u32 now)
{
	return cached && cached->hop.generation == now && cached->address[0] == address[0] &&
	       cached->address[1] == address[1] && cached->address[2] == address[2] &&
	       cached->address[3] == address[3];
}

// Whether the segments that the device is to cut a packet into fit an MTU; false where there are none. `size` is that of
// the IP header.
static __always_inline bool segments_fit(void *pkt, __u32 size, __u8 protocol, __u32 mtu)
{
#ifdef HOVER_XDP
	return false;
#else
	__u32 segment = ((struct __sk_buff *)pkt)->gso_size;
	__u8 offset;

	if (!segment)
		return false;
	if (protocol == IPPROTO_UDP)
		return size + 8 + segment <= mtu;
	if (protocol != IPPROTO_TCP || pkt_load(pkt, ETH_HLEN + size + 12, &offset, 1) < 0)
		return false;
	return size + (offset >> 4 << 2) + segment <= mtu;
#endif
}

// One hop less (RFC 1812, 5.3.1; RFC 1141), and the next addresses. `words` is the IPv4 header.
static __always_inline void rewrite4(__u32 *frame, __u32 *words, const struct hop *hop)
{
	__u16 *sum = (__u16 *)words + 5;
	__u32 changed = *sum + bpf_htons(0x0100);

	*sum = changed + (changed >= 0xffff);
	((__u8 *)words)[8]--;
	frame[0] = hop->macs[0];
	frame[1] = hop->macs[1];
	frame[2] = hop->macs[2];
}

static __always_inline void rewrite6(void *pkt, __u32 *frame, __u32 *words, const struct hop *hop)
{
	((__u8 *)words)[7]--;
	frame[0] = hop->macs[0];
	frame[1] = hop->macs[1];
	frame[2] = hop->macs[2];
#ifndef HOVER_XDP
	// A device may have summed the packet (CHECKSUM_COMPLETE): the second byte of a word is less by one.
	bpf_csum_update(pkt, ~0x0100U);
#endif
}

static __always_inline int forward4(void *pkt, struct metadata *md, enum reverse_path reverse_path)
{
	__u32 *frame = pkt_data(pkt), *words = pkt_data(pkt) + ETH_HLEN, length, now = generation_now();
	struct cached4 *cached, *back;
	__u8 *bytes = (__u8 *)words;
	__u64 sum;

	if ((void *)(words + 5) > pkt_data_end(pkt))
		goto other;
	length = bpf_ntohs(((__be16 *)words)[1]);
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	if (bytes[0] != 0x45 || sum != 0xffff || length < 20 || length + ETH_HLEN > md->pktlen || bytes[8] <= 1 ||
	    is_unroutable4(words[3]) || words[3] == words[4])
		goto other;
	if (reverse_path) {
		back = cached4(words[3]);
		if (!is_cached4(back, words[3], now) ||
		    (reverse_path == REVERSE_PATH_STRICT && back->hop.port != md->in_ifc))
			goto other;
	}
	cached = cached4(words[4]);
	if (!is_cached4(cached, words[4], now))
		goto other;
	if (length > cached->hop.mtu && !segments_fit(pkt, 20, bytes[9], cached->hop.mtu))
		goto other;
	rewrite4(frame, words, &cached->hop);
	return pkt_redirect(pkt, md, cached->hop.port);
other:
	return pkt_continue(pkt, md, STAGE_IPV4);
}

static __always_inline int forward6(void *pkt, struct metadata *md, enum reverse_path reverse_path)
{
	__u32 *frame = pkt_data(pkt), *words = pkt_data(pkt) + ETH_HLEN, length, now = generation_now();
	struct cached6 *cached, *back;
	__u8 *bytes = (__u8 *)words;

	if ((void *)(words + 10) > pkt_data_end(pkt))
		goto other;
	length = bpf_ntohs(((__be16 *)words)[2]) + 40;
	if (bytes[0] >> 4 != 6 || length == 40 || length + ETH_HLEN > md->pktlen || bytes[7] <= 1 ||
	    is_unroutable6(words + 2) || is_same(words + 2, words + 6, 16))
		goto other;
	if (reverse_path) {
		back = cached6(words + 2);
		if (!is_cached6(back, words + 2, now) ||
		    (reverse_path == REVERSE_PATH_STRICT && back->hop.port != md->in_ifc))
			goto other;
	}
	cached = cached6(words + 6);
	if (!is_cached6(cached, words + 6, now))
		goto other;
	if (length > cached->hop.mtu && !segments_fit(pkt, 40, bytes[6], cached->hop.mtu))
		goto other;
	rewrite6(pkt, frame, words, &cached->hop);
	return pkt_redirect(pkt, md, cached->hop.port);
other:
	return pkt_continue(pkt, md, STAGE_IPV6);
}
