// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// VLANs: which one a frame belongs to, and which form it has on a port.
#pragma once

#include "switch.h"

// The ports of a VLAN, and which of them have its frames tagged.
struct vlan {
	port_set ports;
	port_set tagged;
};

// By VLAN id. Without VLANs it has one entry.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct vlan);
} vlans SEC(".maps") __attribute__((btf_decl_tag("hover:configured")));

// Only tags of IEEE 802.1Q count; one of a provider (802.1ad) is part of what is carried.
enum tag {
	TAG_NONE,
	// With VLAN id 0: the frame has a priority, and no VLAN (IEEE 802.1Q, 6.9.1).
	TAG_PRIORITY,
	TAG_VLAN,
};

struct frame {
	__u16 vlan;
	enum tag tag;
	struct vlan members;
};

static __always_inline bool has_tag(void *pkt, struct hover_vlan *tag)
{
	return pkt_vlan_get(pkt, tag) == 0 && tag->protocol == bpf_htons(ETH_P_8021Q);
}

// A VLAN that no port names is on the trunks that have all.
static __always_inline struct vlan members_of(__u32 vlan)
{
	struct vlan *found = bpf_map_lookup_elem(&vlans, &vlan);

	return found && found->ports ? *found : (struct vlan){ trunks_of_all, trunks_of_all };
}

// Finds the VLAN of a frame. Returns false for one that the port does not take.
static __always_inline bool classify(void *pkt, __u32 port, struct frame *frame)
{
	struct hover_vlan tag = {};

	frame->tag = !has_tag(pkt, &tag) ? TAG_NONE : tag.id ? TAG_VLAN : TAG_PRIORITY;
	frame->vlan = frame->tag == TAG_VLAN ? tag.id : OF_PORT(untagged_vlan, port);
	if (frame->vlan == 0 || frame->vlan > HOVER_VLAN_LAST)
		return false;
	if (frame->tag == TAG_VLAN && !contains(trunk_ports, port))
		return false;
	frame->members = members_of(frame->vlan);
	return contains(frame->members.ports, port);
}

// Gives a frame its VLAN's tag. Returns 0, or a negative error number.
static __always_inline int add_tag(void *pkt, const struct frame *frame)
{
	struct hover_vlan tag = { .protocol = bpf_htons(ETH_P_8021Q), .id = frame->vlan };

	switch (frame->tag) {
	case TAG_NONE:
		return pkt_vlan_push(pkt, &tag);
	case TAG_PRIORITY:
		return pkt_vlan_set_id(pkt, frame->vlan);
	default:
		return 0;
	}
}

// Takes the tag off a frame. Returns 0, or a negative error number: -EPERM where another tag is behind it, which would
// put the frame into another VLAN from there on.
static __always_inline int remove_tag(void *pkt, const struct frame *frame)
{
	struct hover_vlan inner;
	int error;

	if (frame->tag == TAG_NONE)
		return 0;
	error = pkt_vlan_pop(pkt);
	if (!error && has_tag(pkt, &inner))
		return -EPERM;
	return error;
}
