// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A program for each helper.
#include "program.h"

OPERATION(load)
{
	switch (given->size) {
	case 2:
		return pkt_load(pkt, given->offset, &found->value, 2);
	case 4:
		return pkt_load(pkt, given->offset, &found->value, 4);
	default:
		// A size that only the kernel knows.
		return pkt_load(pkt, given->offset, &found->headers, (given->size & 7) + 1);
	}
}

OPERATION(store)
{
	__u32 value = given->value;

	return given->size == 2 ? pkt_store(pkt, given->offset, &value, 2) : pkt_store(pkt, given->offset, &value, 4);
}

OPERATION(length)
{
	found->value = pkt_length(pkt);
	return 0;
}

// Reads a byte in place, of 60.
OPERATION(pull)
{
	const __u8 *bytes;
	int error;

	error = pkt_pull(pkt, given->size);
	bytes = pkt_data(pkt);
	if ((void *)(bytes + 60) <= pkt_data_end(pkt))
		found->value = bytes[59];
	return error;
}

OPERATION(parse)
{
	found->parsed = pkt_parse(pkt, &found->headers);
	return found->parsed;
}

OPERATION(parse_at)
{
	return pkt_parse_at(pkt, given->offset, given->value, &found->headers);
}

OPERATION(parse_quoted)
{
	found->parsed = pkt_parse(pkt, &found->headers);
	return pkt_parse_quoted(pkt, &found->headers, &found->quoted);
}

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

// What each does with a packet that was parsed, or with one that it quotes.
#define ON_PACKET(name, call)                                                                                         \
	OPERATION(name)                                                                                               \
	{                                                                                                             \
		struct hover_headers *headers = &found->headers;                                                      \
		__u32 value = given->value;                                                                           \
                                                                                                                      \
		(void)value;                                                                                          \
		if (pkt_parse(pkt, headers) != HOVER_PARSE_OK)                                                        \
			return -EBADMSG;                                                                              \
		return call;                                                                                          \
	}

#define ON_QUOTED(name, call)                                                                                         \
	OPERATION(name)                                                                                               \
	{                                                                                                             \
		struct hover_headers *headers = &found->quoted;                                                       \
                                                                                                                      \
		if (pkt_parse(pkt, &found->headers) != HOVER_PARSE_OK ||                                              \
		    pkt_parse_quoted(pkt, &found->headers, headers) != HOVER_PARSE_OK)                                \
			return -EBADMSG;                                                                              \
		return call;                                                                                          \
	}

ON_PACKET(source, set_source(pkt, headers, given))
ON_PACKET(destination, set_destination(pkt, headers, given))
ON_PACKET(source_port, pkt_set_source_port(pkt, headers, given->source_port))
ON_PACKET(destination_port, pkt_set_destination_port(pkt, headers, given->destination_port))
ON_PACKET(icmp_id, pkt_set_icmp_id(pkt, headers, given->icmp_id))
ON_PACKET(ip_byte, pkt_replace_ip(pkt, headers, given->offset, &value, 1))
ON_PACKET(ip_word, pkt_replace_ip(pkt, headers, given->offset, &value, 2))
ON_PACKET(l4_byte, pkt_replace_l4(pkt, headers, given->offset, &value, 1))
ON_PACKET(l4_word, pkt_replace_l4(pkt, headers, given->offset, &value, 2))
ON_PACKET(l4_long, pkt_replace_l4(pkt, headers, given->offset, &value, 4))
ON_PACKET(compute_ipv4, pkt_compute_ipv4_checksum(pkt, headers->l3_offset))
ON_PACKET(compute_l4, pkt_compute_l4_checksum(pkt, headers))
ON_QUOTED(quoted_source, set_source(pkt, headers, given))
ON_QUOTED(quoted_destination, set_destination(pkt, headers, given))
ON_QUOTED(quoted_source_port, pkt_set_source_port(pkt, headers, given->source_port))
ON_QUOTED(quoted_destination_port, pkt_set_destination_port(pkt, headers, given->destination_port))

// As a NAT does: both at once.
ON_PACKET(translate, set_source(pkt, headers, given) ?: pkt_set_source_port(pkt, headers, given->source_port))

static __always_inline void note_vlan(struct results *found, const struct hover_vlan *vlan)
{
	found->vlan_protocol = vlan->protocol;
	found->vlan_id = vlan->id;
	found->vlan_priority = vlan->priority;
	found->vlan_drop_eligible = vlan->drop_eligible;
}

OPERATION(vlan_get)
{
	struct hover_vlan vlan = {};
	int error;

	error = pkt_vlan_get(pkt, &vlan);
	note_vlan(found, &vlan);
	return error;
}

OPERATION(vlan_get_inner)
{
	struct hover_vlan vlan = {};
	int error;

	error = pkt_vlan_get_inner(pkt, &vlan);
	note_vlan(found, &vlan);
	return error;
}

OPERATION(vlan_push)
{
	struct hover_vlan vlan = {
		.protocol = given->vlan_protocol,
		.id = given->vlan_id,
		.priority = given->vlan_priority,
	};

	return pkt_vlan_push(pkt, &vlan);
}

OPERATION(vlan_pop)
{
	return pkt_vlan_pop(pkt);
}

OPERATION(vlan_pop_both)
{
	return pkt_vlan_pop(pkt) ?: pkt_vlan_pop(pkt);
}

OPERATION(vlan_set_id)
{
	return pkt_vlan_set_id(pkt, given->vlan_id);
}

OPERATION(vlan_set_priority)
{
	return pkt_vlan_set_priority(pkt, given->vlan_priority);
}
