// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// All helpers on one packet. Tests/HelperReference does the same in its own way.
#include "program.h"

#define TAKES(step) (given->steps & (1 << (step)))

static __always_inline int set_source(void *pkt, const struct hover_headers *headers, const struct arguments *given)
{
	ipv6_addr_t address;
	__be32 ipv4;

	__builtin_memcpy(&address, given->source, sizeof(address));
	__builtin_memcpy(&ipv4, given->source, sizeof(ipv4));
	return headers->version == 6 ? pkt_set_ipv6_source(pkt, headers, &address)
				     : pkt_set_ipv4_source(pkt, headers, ipv4);
}

static __always_inline int set_destination(void *pkt, const struct hover_headers *headers,
					   const struct arguments *given)
{
	ipv6_addr_t address;
	__be32 ipv4;

	__builtin_memcpy(&address, given->destination, sizeof(address));
	__builtin_memcpy(&ipv4, given->destination, sizeof(ipv4));
	return headers->version == 6 ? pkt_set_ipv6_destination(pkt, headers, &address)
				     : pkt_set_ipv4_destination(pkt, headers, ipv4);
}

static __always_inline int set_field(void *pkt, const struct hover_headers *headers, const struct arguments *given)
{
	__u32 offset = headers->l4_offset + given->offset, value = given->value;

	switch (given->size) {
	case 1:
		return pkt_replace_l4(pkt, headers, offset, &value, 1);
	case 2:
		return pkt_replace_l4(pkt, headers, offset, &value, 2);
	default:
		return pkt_replace_l4(pkt, headers, offset, &value, 4);
	}
}

static __noinline int change_packet(void *pkt, const struct arguments *given, struct results *found)
{
	struct hover_headers *headers = &found->headers;
	__u8 hop_limit = given->hop_limit;

	if (TAKES(STEP_SOURCE))
		found->returned[STEP_SOURCE] = set_source(pkt, headers, given);
	if (TAKES(STEP_DESTINATION))
		found->returned[STEP_DESTINATION] = set_destination(pkt, headers, given);
	if (TAKES(STEP_SOURCE_PORT))
		found->returned[STEP_SOURCE_PORT] = pkt_set_source_port(pkt, headers, given->source_port);
	if (TAKES(STEP_DESTINATION_PORT))
		found->returned[STEP_DESTINATION_PORT] =
			pkt_set_destination_port(pkt, headers, given->destination_port);
	if (TAKES(STEP_ICMP_ID))
		found->returned[STEP_ICMP_ID] = pkt_set_icmp_id(pkt, headers, given->icmp_id);
	if (TAKES(STEP_HOP_LIMIT))
		found->returned[STEP_HOP_LIMIT] = pkt_replace_ip(
			pkt, headers, headers->l3_offset + (headers->version == 4 ? 8 : 7), &hop_limit, 1);
	if (TAKES(STEP_FIELD))
		found->returned[STEP_FIELD] = set_field(pkt, headers, given);
	return 0;
}

static __noinline int change_quoted(void *pkt, const struct arguments *given, struct results *found)
{
	struct hover_headers *quoted = &found->quoted;

	if (TAKES(STEP_QUOTED_SOURCE))
		found->returned[STEP_QUOTED_SOURCE] = set_source(pkt, quoted, given);
	if (TAKES(STEP_QUOTED_DESTINATION))
		found->returned[STEP_QUOTED_DESTINATION] = set_destination(pkt, quoted, given);
	if (TAKES(STEP_QUOTED_SOURCE_PORT))
		found->returned[STEP_QUOTED_SOURCE_PORT] = pkt_set_source_port(pkt, quoted, given->source_port);
	if (TAKES(STEP_QUOTED_DESTINATION_PORT))
		found->returned[STEP_QUOTED_DESTINATION_PORT] =
			pkt_set_destination_port(pkt, quoted, given->destination_port);
	return 0;
}

static __noinline int change_tags(void *pkt, const struct arguments *given, struct results *found)
{
	struct hover_vlan vlan = {
		.protocol = given->vlan_protocol,
		.id = given->vlan_id,
		.priority = given->vlan_priority,
	};

	if (TAKES(STEP_VLAN_ID))
		found->returned[STEP_VLAN_ID] = pkt_vlan_set_id(pkt, given->vlan_id);
	if (TAKES(STEP_VLAN_PRIORITY))
		found->returned[STEP_VLAN_PRIORITY] = pkt_vlan_set_priority(pkt, given->vlan_priority);
	if (TAKES(STEP_VLAN_POP))
		found->returned[STEP_VLAN_POP] = pkt_vlan_pop(pkt);
	if (TAKES(STEP_VLAN_PUSH))
		found->returned[STEP_VLAN_PUSH] = pkt_vlan_push(pkt, &vlan);
	return 0;
}

OPERATION(fuzz)
{
	found->parsed = pkt_parse(pkt, &found->headers);
	found->parsed_quoted = HOVER_PARSE_NOT_IP;
	if (found->parsed == HOVER_PARSE_OK) {
		found->parsed_quoted = pkt_parse_quoted(pkt, &found->headers, &found->quoted);
		change_packet(pkt, given, found);
		if (found->parsed_quoted == HOVER_PARSE_OK)
			change_quoted(pkt, given, found);
		if (TAKES(STEP_COMPUTE_IPV4) && found->headers.version == 4)
			found->returned[STEP_COMPUTE_IPV4] = pkt_compute_ipv4_checksum(pkt, found->headers.l3_offset);
		if (TAKES(STEP_COMPUTE_L4))
			found->returned[STEP_COMPUTE_L4] = pkt_compute_l4_checksum(pkt, &found->headers);
	}
	change_tags(pkt, given, found);
	found->parsed_again = pkt_parse(pkt, &found->again);
	return found->returned[STEP_SOURCE];
}
