// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// VLAN tags (IEEE 802.1Q), of which a frame has none, one, or two (QinQ: ETH_P_8021AD outside, ETH_P_8021Q inside). At
// tc the kernel keeps the outer tag beside the packet, at xdp it is in the frame: to these functions it is the same.
//
// All but pkt_vlan_get and pkt_vlan_get_inner change offsets in the packet, and make pointers into it invalid: parse
// it again. They return 0, or a negative error number: -ENOENT where the tag is not there, -EINVAL for values that no
// tag can have; others are the kernel's, and the packet should then be dropped.
#pragma once

#include <hover/packet.h>

// 4095 is reserved (IEEE 802.1Q, table 9-2).
#define HOVER_VLAN_LAST 4094

// A VLAN tag.
struct hover_vlan {
	// ETH_P_8021Q or ETH_P_8021AD, in network order.
	__be16 protocol;
	// 1 to 4094; 0 in a tag that has a priority only.
	__u16 id;
	// 0 to 7.
	__u8 priority;
	// Whether the frame is among the first to be dropped where there is no room.
	bool drop_eligible;
};

static __always_inline void hover_unpack_tag(struct hover_tag tag, struct hover_vlan *vlan)
{
	__u16 control = bpf_ntohs(tag.control);

	vlan->protocol = tag.protocol;
	vlan->id = control & 0x0fff;
	vlan->priority = control >> 13;
	vlan->drop_eligible = control >> 12 & 1;
}

static __always_inline __be16 hover_pack_tag(const struct hover_vlan *vlan)
{
	return bpf_htons(vlan->priority << 13 | vlan->drop_eligible << 12 | vlan->id);
}

// A tag of the frame, and the EtherType behind it, without which it is none.
static __always_inline int hover_load_tag(void *pkt, __u32 offset, struct hover_tag *tag)
{
	struct {
		struct hover_tag tag;
		__be16 ethertype;
	} there;

	if (pkt_load(pkt, offset, &there, sizeof(there)) < 0 || !hover_is_tag(there.tag.protocol))
		return -ENOENT;
	*tag = there.tag;
	return 0;
}

// Puts another control field into the outer tag.
static __always_inline int hover_replace_tag(void *pkt, const struct hover_vlan *vlan)
{
	struct hover_tag tag = { .protocol = vlan->protocol, .control = hover_pack_tag(vlan) }, hidden;
	int error;

	if (!hover_hidden_tag(pkt, &hidden))
		return pkt_store(pkt, ETH_HLEN, &tag.control, sizeof(tag.control));
	error = hover_remove_tag(pkt);
	return error ?: hover_insert_tag(pkt, tag);
}

// Reads the frame's tag, the outer one if there are two. Returns 0, or -ENOENT.
//
//	struct hover_vlan vlan;
//	__u16 id = pkt_vlan_get(pkt, &vlan) == 0 ? vlan.id : native_vlan;
static __always_inline int pkt_vlan_get(void *pkt, struct hover_vlan *vlan)
{
	struct hover_tag tag;

	if (!hover_hidden_tag(pkt, &tag) && hover_load_tag(pkt, 12, &tag) < 0)
		return -ENOENT;
	hover_unpack_tag(tag, vlan);
	return 0;
}

// Reads the inner tag of a frame that has two. Returns 0, or -ENOENT.
//
//	struct hover_vlan customer;
//	if (pkt_vlan_get_inner(pkt, &customer) == 0) ...
static __always_inline int pkt_vlan_get_inner(void *pkt, struct hover_vlan *vlan)
{
	__u32 offset = 12;
	struct hover_tag tag;

	if (!hover_hidden_tag(pkt, &tag)) {
		if (hover_load_tag(pkt, offset, &tag) < 0)
			return -ENOENT;
		offset += sizeof(tag);
	}
	if (hover_load_tag(pkt, offset, &tag) < 0)
		return -ENOENT;
	hover_unpack_tag(tag, vlan);
	return 0;
}

// Puts a tag before what the frame has. Returns 0, or a negative error number.
//
//	struct hover_vlan vlan = { .protocol = bpf_htons(ETH_P_8021Q), .id = 100 };
//	if (pkt_vlan_push(pkt, &vlan) < 0) return RX_DROP;
static __always_inline int pkt_vlan_push(void *pkt, const struct hover_vlan *vlan)
{
	struct hover_tag tag = { .protocol = vlan->protocol, .control = hover_pack_tag(vlan) };

	if (!hover_is_tag(vlan->protocol) || vlan->id > HOVER_VLAN_LAST || vlan->priority > 7)
		return -EINVAL;
	return hover_insert_tag(pkt, tag);
}

// Takes off the frame's tag, the outer one if there are two. Returns 0, or a negative error number.
//
//	if (pkt_vlan_pop(pkt) < 0)
//		return RX_DROP;
static __always_inline int pkt_vlan_pop(void *pkt)
{
	struct hover_vlan vlan;

	return pkt_vlan_get(pkt, &vlan) ?: hover_remove_tag(pkt);
}

// Puts another VLAN id into the frame's tag, the outer one if there are two. Returns 0, or a negative error number.
//
//	if (pkt_vlan_set_id(pkt, 200) < 0)
//		return RX_DROP;
static __always_inline int pkt_vlan_set_id(void *pkt, __u16 id)
{
	struct hover_vlan vlan;

	if (id > HOVER_VLAN_LAST)
		return -EINVAL;
	if (pkt_vlan_get(pkt, &vlan) < 0)
		return -ENOENT;
	vlan.id = id;
	return hover_replace_tag(pkt, &vlan);
}

// Puts another priority, 0 to 7, into the frame's tag, the outer one if there are two. Returns 0, or a negative error
// number.
//
//	if (pkt_vlan_set_priority(pkt, 5) < 0)
//		return RX_DROP;
static __always_inline int pkt_vlan_set_priority(void *pkt, __u8 priority)
{
	struct hover_vlan vlan;

	if (priority > 7)
		return -EINVAL;
	if (pkt_vlan_get(pkt, &vlan) < 0)
		return -ENOENT;
	vlan.priority = priority;
	return hover_replace_tag(pkt, &vlan);
}
