// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What hover/parse.h finds out about a packet.
#pragma once

#include <stdbool.h>

#include <linux/types.h>

// What became of parsing. Where it is not HOVER_PARSE_OK, the fields of struct hover_headers that were found before
// are filled, and l4_offset is 0.
enum hover_parse_result {
	// The packet is IP, and its headers are found: to the L4 header, or to where it would be (see l4_offset).
	HOVER_PARSE_OK,
	// The packet is not IP; ethertype tells. ARP is checked to be for IPv4 over Ethernet and to be there as a whole
	// (28 bytes, RFC 826).
	HOVER_PARSE_NOT_IP,
	// The frame ends within a header, or before the end of its IP datagram.
	HOVER_PARSE_TRUNCATED,
	// The headers contradict themselves: a wrong version, a header that is too short or goes on behind the datagram's
	// end, extension headers in a forbidden order or too many.
	HOVER_PARSE_MALFORMED,
};

// Which part of an IP datagram the packet holds.
enum hover_fragment {
	// All of it; also when an IPv6 fragment header says so (an atomic fragment, RFC 6946).
	HOVER_FRAGMENT_NONE,
	// The beginning. It has the L4 header.
	HOVER_FRAGMENT_FIRST,
	// Neither beginning nor end. It has no L4 header.
	HOVER_FRAGMENT_MIDDLE,
	// The end. It has no L4 header.
	HOVER_FRAGMENT_LAST,
};

// Where the headers of a packet are. Offsets are in bytes from the packet's first one.
struct hover_headers {
	// Bytes of the IP datagram that are there, from the IP header on; Ethernet padding does not count.
	__u32 total_length;
	// IPv4: in the lower 16 bits. What the fragments of a datagram have in common; 0 in a packet that is none.
	__be32 fragment_id;
	// Of the EtherType before the L3 header: ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, …, in network order.
	__be16 ethertype;
	// Priority, drop eligible bit and VLAN id of the tags, the outer one first; host order. 0 where there is none.
	// hover/vlan.h takes them apart.
	__u16 tag[2];
	// The L3 header, also of packets that are not IP.
	__u16 l3_offset;
	// What follows the IP header with its options or extension headers: the L4 header. 0 where there is none, as in a
	// fragment that is not the first.
	__u16 l4_offset;
	// What follows the L4 header: TCP's with its options, UDP's, SCTP's common header, 8 bytes of ICMP and ICMPv6. For
	// other protocols, l4_offset.
	__u16 payload_offset;
	// In a packet that an ICMP error quotes: the ICMP header of the error. 0 otherwise.
	__u16 icmp_offset;
	union {
		// TCP, UDP, SCTP.
		__be16 source_port;
		// ICMP, ICMPv6.
		struct {
			__u8 icmp_type;
			__u8 icmp_code;
		};
	};
	union {
		// TCP, UDP, SCTP.
		__be16 destination_port;
		// ICMP, ICMPv6: bytes 4 and 5 of the message, in an echo its identifier.
		__be16 icmp_id;
	};
	// 4, 6, or 0 where the packet is not IP.
	__u8 version;
	// VLAN tags before the L3 header: 0, 1 or 2. At tc the outer one usually lies beside the frame: offsets are then
	// less by 4 than at xdp.
	__u8 tags;
	// An enum hover_fragment.
	__u8 fragment;
	// IPPROTO_TCP, IPPROTO_UDP, …. In a fragment that is not the first: what the fragment header says.
	__u8 l4_protocol;
	// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 (RFC 9293, 3.1).
	__u8 tcp_flags;
	// An IPv6 routing header will put another destination into the IP header on the way: checksums hold that one
	// (RFC 8200, 8.1).
	bool rerouted;
};
