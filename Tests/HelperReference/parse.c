// SPDX-License-Identifier: Apache-2.0
#include "reference.h"

// The part of a frame that may be looked at.
struct window {
	const uint8_t *bytes;
	// Where it ends.
	uint32_t end;
	// Where the datagram ends by its own account; never smaller than what was checked.
	uint32_t claimed;
	bool is_quoted;
};

static bool is_extension(unsigned int type)
{
	switch (type) {
	case 0:
	case 43:
	case 44:
	case 51:
	case 60:
		return true;
	default:
		return false;
	}
}

// What can be said of `size` bytes of a header at `offset`.
static int look(const struct window *window, uint32_t offset, uint32_t size)
{
	if (offset + size > window->claimed)
		return HOVER_PARSE_MALFORMED;
	return offset + size > window->end ? HOVER_PARSE_TRUNCATED : HOVER_PARSE_OK;
}

static void set_ports(struct hover_headers *headers, const uint8_t *at)
{
	headers->source_port = (uint16_t)(at[0] | at[1] << 8);
	headers->destination_port = (uint16_t)(at[2] | at[3] << 8);
}

static int parse_tcp(const struct window *window, struct hover_headers *headers)
{
	const uint8_t *tcp = window->bytes + headers->l4_offset;
	int status = look(window, headers->l4_offset, 8);

	if (status)
		return status;
	set_ports(headers, tcp);
	headers->payload_offset = headers->l4_offset + 8;
	if (window->is_quoted)
		return HOVER_PARSE_OK;
	status = look(window, headers->l4_offset, 20);
	if (status)
		return status;
	if (tcp[12] < 0x50 || headers->l4_offset + (tcp[12] / 16) * 4u > window->claimed)
		return HOVER_PARSE_MALFORMED;
	headers->tcp_flags = tcp[13];
	headers->payload_offset = headers->l4_offset + (tcp[12] / 16) * 4;
	return HOVER_PARSE_OK;
}

static int parse_udp(const struct window *window, struct hover_headers *headers)
{
	const uint8_t *udp = window->bytes + headers->l4_offset;
	int status = look(window, headers->l4_offset, 8);
	uint32_t length, room = window->claimed - headers->l4_offset;

	if (status)
		return status;
	set_ports(headers, udp);
	headers->payload_offset = headers->l4_offset + 8;
	length = udp[4] * 256u + udp[5];
	if (window->is_quoted || headers->fragment != HOVER_FRAGMENT_NONE)
		return HOVER_PARSE_OK;
	if (length == 0 && room > 65535)
		return HOVER_PARSE_OK;
	return length < 8 || length > room ? HOVER_PARSE_MALFORMED : HOVER_PARSE_OK;
}

static int parse_sctp(const struct window *window, struct hover_headers *headers)
{
	uint32_t size = window->is_quoted ? 8 : 12;
	int status = look(window, headers->l4_offset, size);

	if (status)
		return status;
	set_ports(headers, window->bytes + headers->l4_offset);
	headers->payload_offset = headers->l4_offset + size;
	return HOVER_PARSE_OK;
}

static int parse_icmp(const struct window *window, struct hover_headers *headers)
{
	const uint8_t *icmp = window->bytes + headers->l4_offset;
	int status = look(window, headers->l4_offset, 8);

	if (status)
		return status;
	headers->icmp_type = icmp[0];
	headers->icmp_code = icmp[1];
	headers->icmp_id = (uint16_t)(icmp[4] | icmp[5] << 8);
	headers->payload_offset = headers->l4_offset + 8;
	return HOVER_PARSE_OK;
}

static int parse_l4(const struct window *window, struct hover_headers *headers)
{
	unsigned int protocol = headers->l4_protocol;

	if (protocol == 6)
		return parse_tcp(window, headers);
	if (protocol == 17)
		return parse_udp(window, headers);
	if (protocol == 132)
		return parse_sctp(window, headers);
	if ((protocol == 1 && headers->version == 4) || (protocol == 58 && headers->version == 6))
		return parse_icmp(window, headers);
	headers->payload_offset = headers->l4_offset;
	return headers->l4_offset > window->end ? HOVER_PARSE_TRUNCATED : HOVER_PARSE_OK;
}

// Sets where the datagram ends.
static int take_length(struct window *window, struct hover_headers *headers, uint32_t length, bool is_zero)
{
	uint32_t there = window->end - headers->l3_offset;

	if (is_zero && there > 65535)
		length = there;
	window->claimed = headers->l3_offset + length;
	headers->total_length = length > there ? there : length;
	return length > there && !window->is_quoted ? HOVER_PARSE_TRUNCATED : HOVER_PARSE_OK;
}

static void take_fragment(struct hover_headers *headers, uint32_t offset, bool more, __be32 id)
{
	if (offset == 0 && !more)
		return;
	headers->fragment_id = id;
	if (offset == 0)
		headers->fragment = HOVER_FRAGMENT_FIRST;
	else
		headers->fragment = more ? HOVER_FRAGMENT_MIDDLE : HOVER_FRAGMENT_LAST;
}

static int parse_ipv4(struct window *window, struct hover_headers *headers)
{
	const uint8_t *ip = window->bytes + headers->l3_offset;
	uint32_t header, length;
	int status;

	if (window->end < headers->l3_offset + 20u)
		return HOVER_PARSE_TRUNCATED;
	if (ip[0] < 0x45 || ip[0] > 0x4f)
		return HOVER_PARSE_MALFORMED;
	headers->version = 4;
	header = (ip[0] - 0x40) * 4;
	length = ip[2] * 256 + ip[3];
	status = take_length(window, headers, length, length == 0);
	if (status)
		return status;
	status = look(window, headers->l3_offset, header);
	if (status)
		return status;
	headers->l4_protocol = ip[9];
	take_fragment(headers, (ip[6] % 32) * 256 + ip[7], ip[6] / 32 % 2, (__be32)(ip[4] | ip[5] << 8));
	if (headers->fragment == HOVER_FRAGMENT_MIDDLE || headers->fragment == HOVER_FRAGMENT_LAST)
		return HOVER_PARSE_OK;
	headers->l4_offset = headers->l3_offset + header;
	return parse_l4(window, headers);
}

// One extension header at *offset, of a type that is one. Moves on to the next.
static int parse_extension(const struct window *window, struct hover_headers *headers, uint32_t *offset)
{
	const uint8_t *header = window->bytes + *offset;
	uint32_t size;
	int status = look(window, *offset, 8);

	if (status)
		return status;
	switch (headers->l4_protocol) {
	case 44:
		size = 8;
		take_fragment(headers, header[2] * 256 + header[3] - header[3] % 8, header[3] % 2,
			      (__be32)(header[4] | header[5] << 8 | header[6] << 16 | (uint32_t)header[7] << 24));
		break;
	case 51:
		size = 4 * (header[1] + 2);
		if (size < 12)
			return HOVER_PARSE_MALFORMED;
		break;
	default:
		size = 8 * (header[1] + 1);
	}
	if (headers->l4_protocol == 43 && header[3] != 0)
		headers->rerouted = true;
	*offset += size;
	if (*offset > window->claimed)
		return HOVER_PARSE_MALFORMED;
	headers->l4_protocol = header[0];
	return HOVER_PARSE_OK;
}

static int parse_ipv6(struct window *window, struct hover_headers *headers)
{
	const uint8_t *ip = window->bytes + headers->l3_offset;
	uint32_t offset = headers->l3_offset + 40, count = 0;
	int status;

	if (window->end < offset)
		return HOVER_PARSE_TRUNCATED;
	if (ip[0] / 16 != 6)
		return HOVER_PARSE_MALFORMED;
	headers->version = 6;
	headers->l4_protocol = 0;
	status = take_length(window, headers, ip[4] * 256 + ip[5] + 40, ip[4] == 0 && ip[5] == 0);
	if (status)
		return status;
	headers->l4_protocol = ip[6];
	while (is_extension(headers->l4_protocol)) {
		if (++count > 8 || (headers->l4_protocol == 0 && count > 1))
			return HOVER_PARSE_MALFORMED;
		if (headers->l4_protocol == 44 && headers->fragment == HOVER_FRAGMENT_FIRST)
			return HOVER_PARSE_MALFORMED;
		status = parse_extension(window, headers, &offset);
		if (status)
			return status;
		if (headers->fragment == HOVER_FRAGMENT_MIDDLE || headers->fragment == HOVER_FRAGMENT_LAST)
			return HOVER_PARSE_OK;
	}
	headers->l4_offset = offset;
	return parse_l4(window, headers);
}

static int parse_arp(const struct window *window, const struct hover_headers *headers)
{
	static const uint8_t beginning[6] = { 0, 1, 8, 0, 6, 4 };
	const uint8_t *arp = window->bytes + headers->l3_offset;

	if (window->end < headers->l3_offset + 28u)
		return HOVER_PARSE_TRUNCATED;
	for (int index = 0; index < 6; index++) {
		if (arp[index] != beginning[index])
			return HOVER_PARSE_MALFORMED;
	}
	return HOVER_PARSE_NOT_IP;
}

static int parse_l3(struct window *window, struct hover_headers *headers, uint16_t ethertype)
{
	int status;

	if (ethertype == 0x0806)
		return parse_arp(window, headers);
	if (ethertype == 0x0800)
		status = parse_ipv4(window, headers);
	else if (ethertype == 0x86dd)
		status = parse_ipv6(window, headers);
	else
		return HOVER_PARSE_NOT_IP;
	if (status) {
		headers->l4_offset = 0;
		headers->payload_offset = 0;
	}
	return status;
}

int reference_parse(const struct frame *frame, struct hover_headers *headers)
{
	struct window window = { .bytes = frame->bytes, .end = frame->size };
	uint32_t offset = 14;
	uint16_t ethertype;

	*headers = (struct hover_headers){};
	if (frame->size < 14)
		return HOVER_PARSE_TRUNCATED;
	ethertype = word_at(frame, 12);
	while (is_tag(ethertype) && headers->tags < 2) {
		if (frame->size < offset + 4) {
			*headers = (struct hover_headers){};
			return HOVER_PARSE_TRUNCATED;
		}
		headers->tag[headers->tags] = word_at(frame, offset);
		headers->tags += 1;
		ethertype = word_at(frame, offset + 2);
		offset += 4;
	}
	headers->l3_offset = offset;
	headers->ethertype = (uint16_t)(ethertype << 8 | ethertype >> 8);
	return parse_l3(&window, headers, ethertype);
}

int reference_parse_quoted(const struct frame *frame, const struct hover_headers *error, struct hover_headers *headers)
{
	struct window window = { .bytes = frame->bytes, .is_quoted = true };
	bool quotes = false;

	*headers = (struct hover_headers){};
	if (error->l4_offset && error->version == 4 && error->l4_protocol == 1)
		quotes = error->icmp_type == 3 || error->icmp_type == 4 || error->icmp_type == 5 ||
			 error->icmp_type == 11 || error->icmp_type == 12;
	if (error->l4_offset && error->version == 6 && error->l4_protocol == 58)
		quotes = error->icmp_type >= 1 && error->icmp_type <= 4;
	if (!quotes)
		return HOVER_PARSE_NOT_IP;
	window.end = error->l3_offset + error->total_length;
	headers->l3_offset = error->l4_offset + 8;
	headers->icmp_offset = error->l4_offset;
	headers->ethertype = error->ethertype;
	return parse_l3(&window, headers, error->version == 4 ? 0x0800 : 0x86dd);
}
