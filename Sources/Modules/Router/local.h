// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Packets for the router itself: it answers echoes, and has nobody who listens to anything else.
#pragma once

#include <hover/checksum.h>
#include <hover/parse.h>

#include "arp.h"
#include "discovery.h"

#define ECHO_REQUEST 8
#define ECHO6_REQUEST 128
#define ECHO6_REPLY 129

static __always_inline int return_to_sender(void *pkt, struct metadata *md)
{
	struct {
		mac_addr_t destination, source;
	} came, goes;

	if (pkt_load(pkt, 0, &came, sizeof(came)) < 0)
		return drop(DROP_TRUNCATED);
	goes.destination = came.source;
	goes.source = came.destination;
	if (pkt_store(pkt, 0, &goes, sizeof(goes)) < 0)
		return drop(DROP_TRUNCATED);
	return pkt_redirect(pkt, md, md->in_ifc);
}

// Source and destination change places, which no checksum notices. Options stay.
static __always_inline int answer_echo4(void *pkt, struct metadata *md, const struct hover_headers *headers)
{
	__be32 came[2], goes[2];
	__u8 type = 0, ttl = 64;

	if (pkt_load(pkt, ETH_HLEN + 12, came, sizeof(came)) < 0)
		return drop(DROP_TRUNCATED);
	goes[0] = came[1];
	goes[1] = came[0];
	if (pkt_store(pkt, ETH_HLEN + 12, goes, sizeof(goes)) < 0 ||
	    pkt_replace_ip(pkt, headers, ETH_HLEN + 8, &ttl, 1) < 0 ||
	    pkt_replace_l4(pkt, headers, headers->l4_offset, &type, 1) < 0)
		return drop(DROP_BAD_HEADER);
	return return_to_sender(pkt, md);
}

static __always_inline int answer_echo6(void *pkt, struct metadata *md, const struct hover_headers *headers)
{
	ipv6_addr_t came[2], goes[2];
	__u8 type = ECHO6_REPLY, hop_limit = 64;

	if (pkt_load(pkt, ETH_HLEN + 8, came, sizeof(came)) < 0)
		return drop(DROP_TRUNCATED);
	goes[0] = came[1];
	goes[1] = came[0];
	if (pkt_store(pkt, ETH_HLEN + 8, goes, sizeof(goes)) < 0 || pkt_store(pkt, ETH_HLEN + 7, &hop_limit, 1) < 0 ||
	    pkt_replace_l4(pkt, headers, headers->l4_offset, &type, 1) < 0)
		return drop(DROP_BAD_HEADER);
	return return_to_sender(pkt, md);
}

// Nobody listens here (RFC 1122, 3.2.2.1; RFC 4443, 3.1). ICMP gets no such answers.
static __always_inline int refuse(void *pkt, struct metadata *md, const struct hover_headers *headers)
{
	switch (headers->l4_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return error(pkt, md, DROP_NO_LISTENER, REASON_PORT_UNREACHABLE);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return drop(DROP_IGNORED);
	default:
		return error(pkt, md, DROP_NO_LISTENER, REASON_PROTOCOL_UNREACHABLE);
	}
}

// Sends a packet for an address of the NAT behind another port there, which turns it round (RFC 4787, 6): so from itself
// to itself.
static __always_inline int send_to_nat(void *pkt, struct metadata *md, const struct ipv4 *ip, __u32 port)
{
	const struct port_state *state = port_state(port);
	__u32 length = bpf_ntohs(ip->length) ?: md->pktlen - ETH_HLEN;
	struct neighbour self = {};
	struct hop hop = {};

	if (ip->ttl == 1)
		return error(pkt, md, DROP_TTL_EXCEEDED, REASON_TIME_EXCEEDED);
	if (!state)
		return drop(DROP_NO_ROUTE);
	self.mac = state->mac;
	fill_hop(&hop, &self, port);
	if (length > hop.mtu && !segments_fit(pkt, (ip->version_size & 0x0f) << 2, ip->protocol, hop.mtu))
		return too_big4(pkt, md, ip, hop.mtu);
	return send4(pkt, md, &hop);
}

static int local_ipv4(void *pkt, struct metadata *md)
{
	const struct route *route, *back;
	struct hover_headers headers;
	struct ipv4 ip;
	bool is_echo;

	if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK || pkt_load(pkt, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return drop(DROP_BAD_HEADER);
	back = find_route4(ip.source);
	if (back && (back->type == ROUTE_LOCAL || back->type == ROUTE_BROADCAST))
		return drop(DROP_MARTIAN_SOURCE);
	is_echo = headers.l4_protocol == IPPROTO_ICMP && headers.icmp_type == ECHO_REQUEST && !headers.icmp_code;
	route = find_route4(ip.destination);
	if (route && route->type == ROUTE_TRANSLATED)
		return route->port == md->in_ifc ? drop(DROP_NOT_FOR_US) : send_to_nat(pkt, md, &ip, route->port);
	if (!is_echo && route && route->port != md->in_ifc && is_translated(route->port))
		return send_to_nat(pkt, md, &ip, route->port);
	if (headers.fragment)
		return drop(DROP_FRAGMENT_FOR_US);
	return is_echo ? answer_echo4(pkt, md, &headers) : refuse(pkt, md, &headers);
}

// Whether it is for a DHCPv6 client (RFC 8415, 7.2): servers answer at the link-local address.
static __always_inline bool is_for_dhcp6(void *pkt, const struct hover_headers *headers, __u32 port)
{
	ipv6_addr_t destination;

	return headers->l4_protocol == IPPROTO_UDP && headers->destination_port == bpf_htons(546) &&
	       has_provider(port) && !pkt_load(pkt, ETH_HLEN + 24, &destination, sizeof(destination)) &&
	       is_link_local6(&destination);
}

static int local_ipv6(void *pkt, struct metadata *md)
{
	struct hover_headers headers;
	ipv6_addr_t source;

	if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK || pkt_load(pkt, ETH_HLEN + 8, &source, sizeof(source)) < 0)
		return drop(DROP_BAD_HEADER);
	if (headers.fragment)
		return drop(DROP_FRAGMENT_FOR_US);
	if (is_own6(&source, md->in_ifc))
		return drop(DROP_MARTIAN_SOURCE);
	// Segments left in a routing header that is for us (RFC 5095; RFC 8200, 4.4).
	if (headers.rerouted)
		return drop(DROP_SOURCE_ROUTE);
	// Neighbour Discovery is never behind extension headers that we need (RFC 6980).
	if (headers.l4_protocol == IPPROTO_ICMPV6 && headers.icmp_type >= 133 && headers.icmp_type <= 137)
		return drop(DROP_ND_INVALID);
	if (headers.l4_protocol == IPPROTO_ICMPV6 && headers.icmp_type == ECHO6_REQUEST && !headers.icmp_code)
		return answer_echo6(pkt, md, &headers);
	if (is_for_dhcp6(pkt, &headers, md->in_ifc))
		return to_slow_path(pkt, md, REASON_DHCP);
	return refuse(pkt, md, &headers);
}

// Broadcast, multicast, and what is not for the router's address.
static __always_inline int other_ipv4(void *pkt, struct metadata *md, const struct ethhdr *eth, bool is_for_us)
{
	struct ipv4 ip;

	if (is_for_us)
		return pkt_continue(pkt, md, STAGE_IPV4);
	if (!(eth->h_dest[0] & 1))
		return drop(DROP_NOT_FOR_US);
	if (pkt_load(pkt, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return drop(DROP_TRUNCATED);
	if (is_for_dhcp(pkt, &ip, md->in_ifc))
		return to_slow_path(pkt, md, REASON_DHCP);
	return drop(eth->h_dest[0] == 0xff ? DROP_BROADCAST : DROP_MULTICAST);
}

static int handle_other(void *pkt, struct metadata *md)
{
	struct port_state *state = port_state(md->in_ifc);
	struct hover_tag tag;
	struct ethhdr eth;
	bool is_for_us;

	if (!state || pkt_load(pkt, 0, &eth, sizeof(eth)) < 0)
		return drop(DROP_TRUNCATED);
	if (hover_hidden_tag(pkt, &tag) || hover_is_tag(eth.h_proto))
		return drop(DROP_TAGGED);
	if (eth.h_source[0] & 1)
		return drop(DROP_MARTIAN_SOURCE);
	is_for_us = is_same(eth.h_dest, &state->mac, 6);
	if (!is_for_us && !(eth.h_dest[0] & 1))
		return drop(DROP_NOT_FOR_US);
	switch (eth.h_proto) {
	case bpf_htons(ETH_P_ARP):
		return handle_arp(pkt, md, state);
	case bpf_htons(ETH_P_IP):
		return other_ipv4(pkt, md, &eth, is_for_us);
	case bpf_htons(ETH_P_IPV6):
		return pkt_continue(pkt, md, is_for_us ? STAGE_IPV6 : STAGE_DISCOVERY);
	default:
		return drop(DROP_NOT_IP);
	}
}
