// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Puts a session's addresses and ports into packets.
#pragma once

#include "session.h"

// The packet goes back to where it came from: who sent it to the gateway gets it from there. Without that a switch, or
// the router's own check, would not take it.
static __always_inline int swap_stations(void *pkt)
{
	struct {
		mac_addr_t destination;
		mac_addr_t source;
	} from, to;

	if (pkt_load(pkt, 0, &from, sizeof(from)) < 0)
		return -EFAULT;
	to.destination = from.source;
	to.source = from.destination;
	return hover_store_bytes(pkt, 0, &to, sizeof(to));
}

static __always_inline int replace_ports(void *pkt, const struct hover_headers *headers, const struct session *session)
{
	int error;

	if (!session->port_difference)
		return 0;
	if (headers->l4_protocol == IPPROTO_ICMP)
		return pkt_set_icmp_id(pkt, headers,
				       headers->icmp_type == 8 ? session->source_port : session->destination_port);
	error = pkt_set_source_port(pkt, headers, session->source_port);
	return error ?: pkt_set_destination_port(pkt, headers, session->destination_port);
}

// Any IPv4 packet whose headers were found; of a fragment without L4 header, the addresses.
static __noinline int translate(void *pkt, const struct hover_headers *headers, const struct session *session)
{
	int error;

	error = pkt_set_ipv4_source(pkt, headers, session->source);
	error = error ?: pkt_set_ipv4_destination(pkt, headers, session->destination);
	if (error || !headers->l4_offset)
		return error;
	return replace_ports(pkt, headers, session);
}

// An ICMP error that quotes a packet. `session` is what an answer to the quoted packet would belong to: so the quoted
// one's source is where that leads to.
static __noinline int translate_error(void *pkt, const struct hover_headers *headers,
				      const struct hover_headers *quoted, const struct session *session,
				      bool from_inside)
{
	struct session reverse = *session;
	int error = 0;

	// Routers on the way send errors, too. Those inside are not to be seen outside.
	if (from_inside)
		error = pkt_set_ipv4_source(pkt, headers, session->source);
	error = error ?: pkt_set_ipv4_destination(pkt, headers, session->destination);
	reverse.source = session->destination;
	reverse.destination = session->source;
	reverse.source_port = session->destination_port;
	reverse.destination_port = session->source_port;
	return error ?: translate(pkt, quoted, &reverse);
}
