// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The packet by offset, alike at tc and at xdp. This is the one header that knows for which hook the module is
// compiled (HOVER_XDP); every other helper stands on it.
//
// A packet is not one piece of memory: at tc what is behind the headers usually lies in pages of its own, at xdp a
// frame longer than a page has fragments. pkt_load and pkt_store reach all of it. Whatever changes the packet
// (pkt_store, pkt_pull, the checksum and VLAN helpers) makes pointers into it invalid: take them again from pkt_data.
#pragma once

#include <stdbool.h>

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

// Bytes up to this offset are reached in place. The verifier wants a bound for what is added to a pointer into the
// packet (MAX_PACKET_OFF, 64 KiB, include/linux/bpf_verifier.h).
#define HOVER_IN_PLACE 0x7fff

// A VLAN tag as it lies behind the two addresses of a frame, in network order.
struct hover_tag {
	// ETH_P_8021Q or ETH_P_8021AD.
	__be16 protocol;
	// Priority (3 bits), drop eligible (1 bit), VLAN id (12 bits): IEEE 802.1Q, 9.6.
	__be16 control;
};

#ifdef HOVER_XDP
#define HOVER_CONTEXT struct xdp_md
#else
#define HOVER_CONTEXT struct __sk_buff
#endif

// The first byte of the packet: the destination address of the Ethernet header.
//
//	struct ethhdr *eth = pkt_data(pkt);
//	if ((void *)(eth + 1) > pkt_data_end(pkt)) return RX_DROP;
static __always_inline void *pkt_data(void *pkt)
{
	return (void *)(long)((HOVER_CONTEXT *)pkt)->data;
}

// Behind the last byte that can be read in place; the packet may go on elsewhere (pkt_length says how far).
//
//	void *end = pkt_data_end(pkt);
//	if (pkt_data(pkt) + 60 <= end) ...
static __always_inline void *pkt_data_end(void *pkt)
{
	return (void *)(long)((HOVER_CONTEXT *)pkt)->data_end;
}

// Whether `size` bytes from `offset` on can be reached in place; then `at` points to them. Clang may not compute the
// pointer anew after the check: the verifier would not know that it is the same one.
#define HOVER_REACHES(pkt, offset, size, at)                                                                          \
	({                                                                                                            \
		__u64 offset_ = (offset);                                                                             \
		if (!__builtin_constant_p(offset_))                                                                   \
			asm volatile("" : "+r"(offset_));                                                             \
		bool reaches_ = false;                                                                                \
		if (offset_ <= HOVER_IN_PLACE) {                                                                      \
			(at) = pkt_data(pkt) + offset_;                                                               \
			if (!__builtin_constant_p(offset_))                                                           \
				asm volatile("" : "+r"(at));                                                          \
			reaches_ = (at) + (size) <= pkt_data_end(pkt);                                                \
		}                                                                                                     \
		reaches_;                                                                                             \
	})

#ifdef HOVER_XDP

static __always_inline __u32 hover_length(void *pkt)
{
	return bpf_xdp_get_buff_len(pkt);
}

static __always_inline int hover_pull(void *pkt, __u32 length)
{
	void *at;

	return HOVER_REACHES(pkt, length, 0, at) ? 0 : -ENOMEM;
}

static __always_inline int hover_load_bytes(void *pkt, __u32 offset, void *to, __u32 size)
{
	return bpf_xdp_load_bytes(pkt, offset, to, size);
}

static __always_inline int hover_store_bytes(void *pkt, __u32 offset, const void *from, __u32 size)
{
	void *at;

	if (__builtin_constant_p(size) && HOVER_REACHES(pkt, offset, size, at)) {
		__builtin_memcpy(__builtin_assume_aligned(at, 8), from, size);
		return 0;
	}
	return bpf_xdp_store_bytes(pkt, offset, (void *)from, size);
}

// There is no checksum beside the packet at this hook.
static __always_inline int hover_store_accounted(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return hover_store_bytes(pkt, offset, from, size);
}

static __always_inline bool hover_hidden_tag(void *pkt, struct hover_tag *tag)
{
	return false;
}

static __always_inline int hover_insert_tag(void *pkt, struct hover_tag tag)
{
	__u32 addresses[3];
	int error;

	error = bpf_xdp_adjust_head(pkt, -(int)sizeof(tag));
	if (error)
		return error;
	// Neither fails now: the kernel has checked that the first piece holds an Ethernet header.
	error = hover_load_bytes(pkt, sizeof(tag), addresses, sizeof(addresses));
	error = error ?: hover_store_bytes(pkt, 0, addresses, sizeof(addresses));
	return error ?: hover_store_bytes(pkt, sizeof(addresses), &tag, sizeof(tag));
}

static __always_inline int hover_remove_tag(void *pkt)
{
	__u32 addresses[3];
	int error;

	error = hover_load_bytes(pkt, 0, addresses, sizeof(addresses));
	error = error ?: hover_store_bytes(pkt, sizeof(struct hover_tag), addresses, sizeof(addresses));
	return error ?: bpf_xdp_adjust_head(pkt, sizeof(struct hover_tag));
}

#else

static __always_inline __u32 hover_length(void *pkt)
{
	return ((struct __sk_buff *)pkt)->len;
}

static __always_inline int hover_pull(void *pkt, __u32 length)
{
	return bpf_skb_pull_data(pkt, length);
}

static __always_inline int hover_load_bytes(void *pkt, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes(pkt, offset, to, size);
}

static __always_inline int hover_store_bytes(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return bpf_skb_store_bytes(pkt, offset, from, size, 0);
}

// A device may have summed all that is behind the Ethernet header (CHECKSUM_COMPLETE): the sum has to follow.
static __always_inline int hover_store_accounted(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return bpf_skb_store_bytes(pkt, offset, from, size, offset >= ETH_HLEN ? BPF_F_RECOMPUTE_CSUM : 0);
}

// The kernel takes the outer tag out of a received frame, and keeps it beside the packet.
static __always_inline bool hover_hidden_tag(void *pkt, struct hover_tag *tag)
{
	struct __sk_buff *skb = pkt;

	if (!skb->vlan_present)
		return false;
	tag->protocol = skb->vlan_proto;
	tag->control = bpf_htons(skb->vlan_tci);
	return true;
}

static __always_inline int hover_insert_tag(void *pkt, struct hover_tag tag)
{
	return bpf_skb_vlan_push(pkt, tag.protocol, bpf_ntohs(tag.control));
}

static __always_inline int hover_remove_tag(void *pkt)
{
	return bpf_skb_vlan_pop(pkt);
}

#endif

// The length of the whole frame in bytes, with what cannot be read in place; a GSO packet's whole length.
//
//	if (pkt_length(pkt) > 1514)
//		return RX_DROP;
static __always_inline __u32 pkt_length(void *pkt)
{
	return hover_length(pkt);
}

// Makes the first `length` bytes readable in place, from pkt_data on. Returns 0, or a negative error number if the
// packet is shorter. xdp cannot move bytes: there it also fails where the first piece of a fragmented frame is
// shorter, which pkt_load reaches all the same.
//
//	if (pkt_pull(pkt, 54) < 0)
//		return RX_DROP;
static __always_inline int pkt_pull(void *pkt, __u32 length)
{
	return hover_pull(pkt, length);
}

// Copies `size` bytes (a constant, or bounded and above 0) of the packet from byte `offset` on. Returns 0, or a
// negative error number if the packet ends before.
//
//	__be16 type;
//	if (pkt_load(pkt, 12, &type, sizeof(type)) < 0) return RX_DROP;
static __always_inline int pkt_load(void *pkt, __u32 offset, void *to, __u32 size)
{
	void *at;

	if (__builtin_constant_p(size) && HOVER_REACHES(pkt, offset, size, at)) {
		__builtin_memcpy(to, __builtin_assume_aligned(at, 8), size);
		return 0;
	}
	return hover_load_bytes(pkt, offset, to, size);
}

// Overwrites `size` bytes (a constant, or bounded and above 0) of the packet from byte `offset` on; checksums in the
// packet stay as they are (hover/checksum.h replaces fields under checksums). Returns 0, or a negative error number if
// the packet ends before.
//
//	__u8 hop_limit = 64;
//	pkt_store(pkt, headers.l3_offset + 7, &hop_limit, sizeof(hop_limit));
static __always_inline int pkt_store(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return hover_store_accounted(pkt, offset, from, size);
}
