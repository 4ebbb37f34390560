// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// An Ethernet switch (IEEE 802.1Q, clause 8). Frames are forwarded and flooded here alone, with or without hoverd.
#include "fdb.h"
#include "security.h"
#include "storm.h"
#include "switch.h"
#include "vlans.h"

// The addresses that no bridge forwards (IEEE 802.1Q, 8.6.3) but for their last four bits, as a frame's first eight bytes
// hold them.
#define LINK_LOCAL 0x000000c28001ULL
#define LINK_LOCAL_MASK 0xf0ffffffffffULL
#define BROADCAST 0xffffffffffffULL
#define GROUP_BIT 1
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "addresses are compared as little-endian numbers");

static __always_inline struct fdb_key fdb_key_of(__u64 address, __u16 vlan)
{
	__u64 packed = address | (__u64)vlan << 48;
	struct fdb_key key;

	__builtin_memcpy(&key, &packed, sizeof(key));
	return key;
}

// Where a frame that came by a port is flooded to.
static __always_inline port_set flood_ports(__u32 port, port_set members)
{
	port_set ports = members & ~set_of(port);

	if (mirror_port)
		ports &= ~set_of(mirror_port);
	if (contains(isolated_ports, port))
		ports &= ~isolated_ports;
	return ports;
}

static __always_inline int drop_storm(__u32 port, enum flood kind)
{
	switch (kind) {
	case FLOOD_BROADCAST:
		return DROP(port, storm_broadcast);
	case FLOOD_MULTICAST:
		return DROP(port, storm_multicast);
	default:
		return DROP(port, storm_unknown);
	}
}

static __always_inline int drop_change(__u32 port, int error)
{
	return error == -EPERM ? DROP(port, vlan) : DROP(port, failed);
}

// Goes on with a flood that has to reach ports with and without tags: the tagged copies are made, and the frame is.
HOVER_STAGE(1, flood_untagged)
static int flood_untagged(void *pkt, struct metadata *md)
{
	struct frame frame = { .tag = TAG_VLAN };
	__u32 port = md->in_ifc;
	struct hover_vlan tag;
	struct vlan members;
	int error;

	if (port == 0 || port > LAST_PORT)
		return RX_ERROR;
	if (!has_tag(pkt, &tag))
		return DROP(port, failed);
	members = members_of(tag.id);
	error = remove_tag(pkt, &frame);
	if (error)
		return drop_change(port, error);
	return pkt_flood_mask(pkt, md, flood_ports(port, members.ports) & ~members.tagged);
}

// Floods a frame to tagged and untagged ports.
static __always_inline int flood_vlan(void *pkt, struct metadata *md, const struct frame *frame, port_set ports)
{
	port_set tagged = ports & frame->members.tagged;
	__u32 port = md->in_ifc;
	int error;

	if (!tagged) {
		error = remove_tag(pkt, frame);
		return error ? drop_change(port, error) : pkt_flood_mask(pkt, md, ports);
	}
	error = add_tag(pkt, frame);
	if (error)
		return drop_change(port, error);
	pkt_flood_mask(pkt, md, tagged);
	return tagged == ports ? RX_FLOOD : pkt_copy_and_continue(pkt, md, 1);
}

static __always_inline int flood(void *pkt, struct metadata *md, const struct frame *frame, enum flood kind)
{
	__u32 port = md->in_ifc;
	port_set ports = flood_ports(port, vlan_aware ? frame->members.ports : ~0ULL);

	if (contains(storm_ports, port) && !storm_passes(port, kind, frames_of(pkt)))
		return drop_storm(port, kind);
	if (kind == FLOOD_BROADCAST)
		COUNT(port, broadcast);
	else if (kind == FLOOD_MULTICAST)
		COUNT(port, multicast);
	else
		COUNT(port, unknown);
	if (ports & mirrored_sent)
		pkt_mirror(pkt, md, mirror_port);
	return vlan_aware ? flood_vlan(pkt, md, frame, ports) : pkt_flood_mask(pkt, md, ports);
}

// Sends a frame to the one port that its destination is behind.
static __always_inline int forward(void *pkt, struct metadata *md, const struct frame *frame, __u32 out)
{
	__u32 port = md->in_ifc;
	int error;

	if (out == port)
		return DROP(port, same_port);
	if (contains(isolated_ports, port) && contains(isolated_ports, out))
		return DROP(port, isolated);
	if (mirrored_sent && contains(mirrored_sent, out))
		pkt_mirror(pkt, md, mirror_port);
	if (!vlan_aware)
		return pkt_redirect(pkt, md, out);
	if (!contains(frame->members.ports, out))
		return DROP(port, vlan);
	error = contains(frame->members.tagged, out) ? add_tag(pkt, frame) : remove_tag(pkt, frame);
	return error ? drop_change(port, error) : pkt_redirect(pkt, md, out);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	const __u64 *start = pkt_data(pkt);
	const __u64 *from_source = pkt_data(pkt) + ETH_ALEN;
	struct fdb_key source_key, destination_key;
	struct cached_pair *pair;
	enum sight sight;
	__u64 source, destination;
	struct frame frame = {};
	__u32 port = md->in_ifc, out;
	__u64 stamp = cache_stamp();

	if (port == 0 || port > LAST_PORT)
		return RX_ERROR;
	// Reading both addresses as eight bytes reads no more than the header.
	if ((void *)(from_source + 1) > pkt_data_end(pkt))
		return DROP(port, too_short);
	destination = *start & BROADCAST;
	source = *from_source & BROADCAST;

	if (port == mirror_port)
		return DROP(port, mirror_port);
	if (contains(mirrored_received, port))
		pkt_mirror(pkt, md, mirror_port);
	if ((source & GROUP_BIT) || !source)
		return DROP(port, bad_source);
	if (!forwards_link_local && (destination & LINK_LOCAL_MASK) == LINK_LOCAL)
		return DROP(port, link_local);
	if (vlan_aware && !classify(pkt, port, &frame))
		return DROP(port, vlan);
	source_key = fdb_key_of(source, frame.vlan);
	destination_key = fdb_key_of(destination, frame.vlan);
	if (contains(mac_security_ports, port) && !mac_is_allowed(&source_key.mac, port))
		return DROP(port, mac_not_allowed);
	if (contains(address_security_ports, port) && !address_is_allowed(pkt, port))
		return DROP(port, address_not_allowed);
	pair = pair_at(&source_key, &destination_key);
	if (is_cached(pair, &source_key, &destination_key, port, stamp)) {
		out = pair->out;
	} else {
		sight = fdb_see(&source_key, port);
		if (sight == SIGHT_REFUSED)
			return DROP(port, mac_limit);
		out = destination & GROUP_BIT ? 0 : fdb_find(&destination_key);
		// A station that the table does not have is looked at each time, and a destination.
		if (pair && sight == SIGHT_KNOWN && (out || destination & GROUP_BIT))
			*pair = (struct cached_pair){ source_key, destination_key, stamp, port, out };
	}

	if (destination & GROUP_BIT)
		return flood(pkt, md, &frame, destination == BROADCAST ? FLOOD_BROADCAST : FLOOD_MULTICAST);
	return out ? forward(pkt, md, &frame, out) : flood(pkt, md, &frame, FLOOD_UNKNOWN);
}
