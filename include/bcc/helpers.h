// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What sources for BCC find in <bcc/helpers.h>, beyond hover/bcc.h: reading and writing packets by offset.
#pragma once

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <hover/bcc.h>

// Numbers of the packet in host order; 0 beyond its end.
static __always_inline __u64 load_byte(void *skb, __u64 offset)
{
	__u8 value = 0;

	bpf_skb_load_bytes(skb, offset, &value, sizeof(value));
	return value;
}

static __always_inline __u64 load_half(void *skb, __u64 offset)
{
	__be16 value = 0;

	bpf_skb_load_bytes(skb, offset, &value, sizeof(value));
	return bpf_ntohs(value);
}

static __always_inline __u64 load_word(void *skb, __u64 offset)
{
	__be32 value = 0;

	bpf_skb_load_bytes(skb, offset, &value, sizeof(value));
	return bpf_ntohl(value);
}

static __always_inline __u64 load_dword(void *skb, __u64 offset)
{
	__be64 value = 0;

	bpf_skb_load_bytes(skb, offset, &value, sizeof(value));
	return bpf_ntohll(value);
}

static __always_inline void store_byte(void *skb, __u64 offset, __u64 value)
{
	__u8 byte = value;

	bpf_skb_store_bytes(skb, offset, &byte, sizeof(byte), 0);
}

static __always_inline void store_half(void *skb, __u64 offset, __u64 value)
{
	__be16 half = bpf_htons(value);

	bpf_skb_store_bytes(skb, offset, &half, sizeof(half), 0);
}

static __always_inline void store_word(void *skb, __u64 offset, __u64 value)
{
	__be32 word = bpf_htonl(value);

	bpf_skb_store_bytes(skb, offset, &word, sizeof(word), 0);
}

static __always_inline void store_dword(void *skb, __u64 offset, __u64 value)
{
	__be64 dword = bpf_htonll(value);

	bpf_skb_store_bytes(skb, offset, &dword, sizeof(dword), 0);
}

// The smallest number of bits that can be read at once and holds `bits`.
#define HOVER_WIDTH(bits) ((bits) <= 8 ? 8 : (bits) <= 16 ? 16 : (bits) <= 32 ? 32 : 64)

static __always_inline __u64 hover_load(void *skb, __u64 offset, __u64 width)
{
	return width == 8    ? load_byte(skb, offset)
	       : width == 16 ? load_half(skb, offset)
	       : width == 32 ? load_word(skb, offset)
			     : load_dword(skb, offset);
}

// `bits` bits of the packet, which begin `first` bits after byte `offset`, counted from the highest.
static __always_inline __u64 bpf_dext_pkt(void *skb, __u64 offset, __u64 first, __u64 bits)
{
	__u64 width = HOVER_WIDTH(first + bits);

	return (hover_load(skb, offset, width) >> (width - first - bits)) & (~0ULL >> (64 - bits));
}

static __always_inline void bpf_dins_pkt(void *skb, __u64 offset, __u64 first, __u64 bits, __u64 value)
{
	__u64 width = HOVER_WIDTH(first + bits), shift = width - first - bits, mask = (~0ULL >> (64 - bits)) << shift;
	__u64 word = (hover_load(skb, offset, width) & ~mask) | ((value << shift) & mask);

	if (width == 8)
		store_byte(skb, offset, word);
	else if (width == 16)
		store_half(skb, offset, word);
	else if (width == 32)
		store_word(skb, offset, word);
	else
		store_dword(skb, offset, word);
}

// BCC gave these the offset of a field, by its rewriter.
int incr_cksum_l3(void *field, __u64 from, __u64 to)
	__attribute__((unavailable("it needs BCC's rewriter; use bpf_l3_csum_replace(skb, offset, from, to, size)")));
int incr_cksum_l4(void *field, __u64 from, __u64 to, __u64 flags)
	__attribute__((unavailable("it needs BCC's rewriter; use bpf_l4_csum_replace(skb, offset, from, to, flags)")));
