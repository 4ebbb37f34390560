// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The packet by offset, alike at tc and at xdp. Beside hover/hook.h, this is the one header that knows for which hook
// the module is compiled (HOVER_XDP); every other helper stands on it.
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

#include <hover/hook.h>

#ifdef HOVER_XDP
#define hover_load_far_bytes(pkt, offset, to, size) bpf_xdp_load_bytes(pkt, offset, to, size)
#define hover_store_far_bytes(pkt, offset, from, size) bpf_xdp_store_bytes(pkt, offset, (void *)(from), size)
#else
#define hover_load_far_bytes(pkt, offset, to, size) bpf_skb_load_bytes(pkt, offset, to, size)
#define hover_store_far_bytes(pkt, offset, from, size) bpf_skb_store_bytes(pkt, offset, from, size, 0)
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

// Bytes up to this offset are reached in place. The verifier wants a bound for what is added to a pointer into the
// packet (MAX_PACKET_OFF, 64 KiB, include/linux/bpf_verifier.h). Tests set 0, to have all go through the kernel.
#ifndef HOVER_IN_PLACE
#define HOVER_IN_PLACE 0x7fff
#endif

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
	return hover_load_far_bytes(pkt, offset, to, size);
}

// A VLAN tag as it lies behind the two addresses of a frame, in network order.
struct hover_tag {
	// ETH_P_8021Q or ETH_P_8021AD.
	__be16 protocol;
	// Priority (3 bits), drop eligible (1 bit), VLAN id (12 bits): IEEE 802.1Q, 9.6.
	__be16 control;
};

static __always_inline bool hover_is_tag(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

// What an L4 checksum is, and which part of what it covers has changed.
enum {
	// The pseudo header: an address.
	HOVER_SUM_PSEUDO = 1,
	// Of IPv6.
	HOVER_SUM_IPV6 = 2,
	// UDP: 0 means that there is no checksum, and a checksum of 0 is sent as 0xffff (RFC 768).
	HOVER_SUM_UDP = 4,
};

// One's complement sums of 16-bit words, added up.
static __always_inline __u32 hover_add_sums(__u32 one, __u32 other)
{
	__u64 sum = (__u64)one + other;

	return (__u32)sum + (sum >> 32);
}

// An Internet checksum, after what it covers changed by `difference`, a one's complement sum of 16-bit words
// (RFC 1624, equation 3).
static __always_inline __u16 hover_changed_sum(__u16 sum, __u32 difference)
{
	__u32 total = hover_add_sums(~(__u32)sum, difference);

	total = (total & 0xffff) + (total >> 16);
	total = (total & 0xffff) + (total >> 16);
	return ~total;
}

// For a field under a checksum that is updated too, and for what is before the L3 header: no sum beside the packet has
// to know. That a program writes in place makes the kernel see to it, before the program runs, that the head of the
// packet is its own (bpf_unclone_prologue, net/core/filter.c).
static __always_inline int hover_store_bytes(void *pkt, __u32 offset, const void *from, __u32 size)
{
	void *at;

	if (__builtin_constant_p(size) && HOVER_REACHES(pkt, offset, size, at)) {
		__builtin_memcpy(__builtin_assume_aligned(at, 8), from, size);
		return 0;
	}
	return hover_store_far_bytes(pkt, offset, from, size);
}

static __always_inline int hover_update_sum(void *pkt, __u32 offset, __u32 difference, bool udp)
{
	__u16 sum;

	if (pkt_load(pkt, offset, &sum, sizeof(sum)) < 0)
		return -EFAULT;
	sum = hover_changed_sum(sum, difference);
	if (udp && !sum)
		sum = 0xffff;
	return hover_store_bytes(pkt, offset, &sum, sizeof(sum));
}

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

static __always_inline int hover_store_accounted(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return hover_store_bytes(pkt, offset, from, size);
}

static __always_inline int hover_update_l4_sum(void *pkt, __u32 offset, __u32 difference, __u32 kind)
{
	return hover_update_sum(pkt, offset, difference, kind & HOVER_SUM_UDP);
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
	error = pkt_load(pkt, sizeof(tag), addresses, sizeof(addresses));
	error = error ?: hover_store_bytes(pkt, 0, addresses, sizeof(addresses));
	return error ?: hover_store_bytes(pkt, sizeof(addresses), &tag, sizeof(tag));
}

static __always_inline int hover_remove_tag(void *pkt)
{
	__u32 addresses[3];
	int error;

	error = pkt_load(pkt, 0, addresses, sizeof(addresses));
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

// A device may have summed all that is behind the Ethernet header (CHECKSUM_COMPLETE): that sum has to follow.
static __always_inline int hover_store_accounted(void *pkt, __u32 offset, const void *from, __u32 size)
{
	if (__builtin_constant_p(offset + size) && offset + size <= ETH_HLEN)
		return hover_store_bytes(pkt, offset, from, size);
	return bpf_skb_store_bytes(pkt, offset, from, size, offset >= ETH_HLEN ? BPF_F_RECOMPUTE_CSUM : 0);
}

// Where the checksum is still to be made by the device (CHECKSUM_PARTIAL, which GSO packets are too), the packet holds
// the sum of the pseudo header alone: the kernel then updates it for addresses, and not for the rest.
static __always_inline int hover_update_l4_sum(void *pkt, __u32 offset, __u32 difference, __u32 kind)
{
	// BPF_F_IPV6 (Linux 6.16, and stable versions since): as no header checksum makes up for the change of an IPv6
	// address, a CHECKSUM_COMPLETE sum is right as it is. Older kernels refuse it; their sum is then wrong, which they
	// notice, and check the packet themselves.
	const __u64 ipv6_flag = 1 << 7;
	__u64 flags = 0;
	int error;

	if (kind & HOVER_SUM_UDP)
		flags |= BPF_F_MARK_MANGLED_0;
	if (kind & HOVER_SUM_PSEUDO)
		flags |= BPF_F_PSEUDO_HDR;
	if ((kind & HOVER_SUM_PSEUDO) && (kind & HOVER_SUM_IPV6)) {
		error = bpf_l4_csum_replace(pkt, offset, 0, difference, flags | ipv6_flag);
		if (error != -EINVAL)
			return error;
	}
	return bpf_l4_csum_replace(pkt, offset, 0, difference, flags);
}

// The kernel takes the outer tag out of a frame that it receives, and keeps it beside the packet.
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

// Overwrites `size` bytes (a constant, or bounded and above 0) of the packet from byte `offset` on; checksums in the
// packet stay as they are (hover/checksum.h replaces fields under checksums). Returns 0, or a negative error number if
// the packet ends before.
//
//	__u8 mac[6] = { 2, 0, 0, 0, 0, 1 };
//	pkt_store(pkt, 0, mac, sizeof(mac));
static __always_inline int pkt_store(void *pkt, __u32 offset, const void *from, __u32 size)
{
	return hover_store_accounted(pkt, offset, from, size);
}
