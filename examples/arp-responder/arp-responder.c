// SPDX-License-Identifier: Apache-2.0
//
// Answers ARP requests (RFC 826) for the IPv4 addresses in a table, and asks its slow path about the others. All other
// packets go from one port to the other.

#include <hover/packet.h>
#include <hover/vlan.h>

// linux/if_arp.h needs the C library.
enum {
	ARPHRD_ETHER = 1,
	ARPOP_REQUEST = 1,
	ARPOP_REPLY = 2,
};

// Why a packet goes to the slow path.
enum {
	UNKNOWN_ADDRESS = 1,
};

struct arp_frame {
	mac_addr_t destination;
	mac_addr_t source;
	__be16 ether_type;
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	mac_addr_t sender;
	ipv4_addr_t sender_address;
	mac_addr_t target;
	ipv4_addr_t target_address;
} __attribute__((packed));

BPF_TABLE("hash", ipv4_addr_t, mac_addr_t, stations, 1024);

static int forward(void *pkt, struct metadata *md)
{
	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
}

// Reads the frame, and says whether it asks for an IPv4 address.
static bool is_request(void *pkt, struct arp_frame *frame)
{
	struct hover_vlan vlan;

	if (pkt_load(pkt, 0, frame, sizeof(*frame)) < 0 || frame->ether_type != bpf_htons(ETH_P_ARP) ||
	    frame->operation != bpf_htons(ARPOP_REQUEST))
		return false;
	// The table knows no VLANs. At tc a frame's tag is not in the frame.
	if (pkt_vlan_get(pkt, &vlan) == 0)
		return false;
	return frame->hardware == bpf_htons(ARPHRD_ETHER) && frame->protocol == bpf_htons(ETH_P_IP) &&
	       frame->hardware_length == sizeof(mac_addr_t) && frame->protocol_length == sizeof(ipv4_addr_t);
}

// Makes the request the reply, and sends it back.
static int answer(void *pkt, struct metadata *md, struct arp_frame *frame, const mac_addr_t *station)
{
	ipv4_addr_t asked = frame->target_address;

	frame->destination = frame->sender;
	frame->source = *station;
	frame->operation = bpf_htons(ARPOP_REPLY);
	frame->target = frame->sender;
	frame->target_address = frame->sender_address;
	frame->sender = *station;
	frame->sender_address = asked;
	if (pkt_store(pkt, 0, frame, sizeof(*frame)) < 0)
		return RX_ERROR;
	return pkt_redirect(pkt, md, md->in_ifc);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	__u32 for_slow_path[3] = {};
	struct arp_frame frame;
	mac_addr_t *station;
	ipv4_addr_t asked;

	if (!is_request(pkt, &frame))
		return forward(pkt, md);
	asked = frame.target_address;
	station = stations.lookup(&asked);
	if (!station) {
		for_slow_path[0] = asked;
		pkt_set_metadata(pkt, for_slow_path);
		return pkt_controller(pkt, md, UNKNOWN_ADDRESS);
	}
	// Who asks for its own address announces it, or wants to know whether another has it (RFC 5227).
	if (!__builtin_memcmp(&frame.sender, station, sizeof(*station)))
		return forward(pkt, md);
	return answer(pkt, md, &frame, station);
}
