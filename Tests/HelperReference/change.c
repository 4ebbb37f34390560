// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "reference.h"

// The checksums that a change is to be made up for in, in this order, and what they were before.
struct sums {
	struct covered covered[3];
	uint64_t totals[3];
	int count;
};

static void note(struct sums *sums, const struct frame *frame, struct covered covered)
{
	if (covered.kind == SUM_NONE || (covered.kind == SUM_UDP && word_at(frame, covered.place) == 0))
		return;
	sums->covered[sums->count] = covered;
	// Of the whole, with the checksum: what must not change, modulo 0xffff.
	sums->totals[sums->count] = total_of(frame, &covered) + word_at(frame, covered.place);
	sums->count += 1;
}

// Sets one checksum so that the whole sums up to what it did before.
static void make_up(struct frame *frame, const struct covered *covered, uint64_t before)
{
	uint64_t now = total_of(frame, covered);
	uint16_t sum = (before % 0xffff + 0xffff - now % 0xffff) % 0xffff;

	if (covered->kind == SUM_UDP && sum == 0)
		sum = 0xffff;
	set_word(frame, covered->place, sum);
}

enum place { ADDRESS, LAST_ADDRESS, IP_FIELD, L4_FIELD };

// Overwrites bytes, and makes up for it in the checksums that cover them.
static void change(struct frame *frame, const struct hover_headers *headers, const struct hover_headers *error,
		   enum place place, uint32_t offset, const void *bytes, uint32_t size)
{
	bool in_l4 = place == L4_FIELD || place == ADDRESS || (place == LAST_ADDRESS && !headers->rerouted);
	struct sums sums = {};
	struct covered covered;

	if (place != L4_FIELD)
		note(&sums, frame, ipv4_header_sum(frame, headers));
	covered = l4_sum(frame, headers);
	if (in_l4 && !(covered.pseudo == 0 && place != L4_FIELD))
		note(&sums, frame, covered);
	if (error)
		note(&sums, frame, l4_sum(frame, error));
	memcpy(frame->bytes + offset, bytes, size);
	for (int index = 0; index < sums.count; index++) {
		covered = sums.covered[index];
		// The addresses may be others now.
		if (covered.pseudo && covered.first == headers->l4_offset)
			covered.pseudo = l4_sum(frame, headers).pseudo;
		make_up(frame, &covered, sums.totals[index]);
	}
}

static int set_address(struct frame *frame, const struct hover_headers *headers, const struct hover_headers *error,
		       bool is_source, const uint8_t *address)
{
	uint32_t size = headers->version == 4 ? 4 : 16;
	uint32_t offset = headers->l3_offset + (headers->version == 4 ? 12 : 8);

	if (is_source)
		change(frame, headers, error, ADDRESS, offset, address, size);
	else
		change(frame, headers, error, LAST_ADDRESS, offset + size, address, size);
	return 0;
}

static int set_port(struct frame *frame, const struct hover_headers *headers, const struct hover_headers *error,
		    uint32_t place, __be16 port)
{
	unsigned int protocol = headers->l4_protocol;

	if (!headers->l4_offset || (protocol != 6 && protocol != 17 && protocol != 132))
		return -EINVAL;
	if (protocol == 132)
		return -EOPNOTSUPP;
	change(frame, headers, error, L4_FIELD, headers->l4_offset + place, &port, sizeof(port));
	return 0;
}

static int set_icmp_id(struct frame *frame, const struct hover_headers *headers, __be16 id)
{
	if (!headers->l4_offset || headers->l4_protocol != (headers->version == 4 ? 1 : 58))
		return -EINVAL;
	change(frame, headers, NULL, L4_FIELD, headers->l4_offset + 4, &id, sizeof(id));
	return 0;
}

static int set_field(struct frame *frame, const struct hover_headers *headers, const struct arguments *given)
{
	uint32_t offset = headers->l4_offset + given->offset;

	if (!headers->l4_offset || offset + given->size > headers->l3_offset + headers->total_length)
		return -EINVAL;
	if (headers->l4_protocol == 132)
		return -EOPNOTSUPP;
	change(frame, headers, NULL, L4_FIELD, offset, &given->value, given->size);
	return 0;
}

static int compute_l4(struct frame *frame, const struct hover_headers *headers)
{
	struct covered covered = l4_sum(frame, headers);

	if (!headers->l4_offset || headers->fragment != HOVER_FRAGMENT_NONE)
		return -EINVAL;
	if (covered.end - covered.first > 1536)
		return -E2BIG;
	if (covered.kind == SUM_NONE || headers->rerouted)
		return -EOPNOTSUPP;
	fill_sum(frame, &covered);
	return 0;
}

static void change_packet(struct frame *frame, const struct arguments *given, struct results *found)
{
	const struct hover_headers *headers = &found->headers;
	struct covered covered;

	if (given->steps & 1 << STEP_SOURCE)
		found->returned[STEP_SOURCE] = set_address(frame, headers, NULL, true, given->source);
	if (given->steps & 1 << STEP_DESTINATION)
		found->returned[STEP_DESTINATION] = set_address(frame, headers, NULL, false, given->destination);
	if (given->steps & 1 << STEP_SOURCE_PORT)
		found->returned[STEP_SOURCE_PORT] = set_port(frame, headers, NULL, 0, given->source_port);
	if (given->steps & 1 << STEP_DESTINATION_PORT)
		found->returned[STEP_DESTINATION_PORT] = set_port(frame, headers, NULL, 2, given->destination_port);
	if (given->steps & 1 << STEP_ICMP_ID)
		found->returned[STEP_ICMP_ID] = set_icmp_id(frame, headers, given->icmp_id);
	if (given->steps & 1 << STEP_HOP_LIMIT) {
		covered.place = headers->l3_offset + (headers->version == 4 ? 8 : 7);
		change(frame, headers, NULL, IP_FIELD, covered.place, &given->hop_limit, 1);
	}
	if (given->steps & 1 << STEP_FIELD)
		found->returned[STEP_FIELD] = set_field(frame, headers, given);
}

static void change_quoted(struct frame *frame, const struct arguments *given, struct results *found)
{
	const struct hover_headers *error = &found->headers, *quoted = &found->quoted;

	if (given->steps & 1 << STEP_QUOTED_SOURCE)
		set_address(frame, quoted, error, true, given->source);
	if (given->steps & 1 << STEP_QUOTED_DESTINATION)
		set_address(frame, quoted, error, false, given->destination);
	if (given->steps & 1 << STEP_QUOTED_SOURCE_PORT)
		found->returned[STEP_QUOTED_SOURCE_PORT] = set_port(frame, quoted, error, 0, given->source_port);
	if (given->steps & 1 << STEP_QUOTED_DESTINATION_PORT)
		found->returned[STEP_QUOTED_DESTINATION_PORT] =
			set_port(frame, quoted, error, 2, given->destination_port);
}

static bool has_tag(const struct frame *frame)
{
	return frame->size >= 18 && is_tag(word_at(frame, 12));
}

static int push(struct frame *frame, const struct arguments *given)
{
	uint16_t protocol = given->vlan_protocol << 8 | given->vlan_protocol >> 8;

	if (!is_tag(protocol) || given->vlan_id > 4094 || given->vlan_priority > 7)
		return -EINVAL;
	memmove(frame->bytes + 16, frame->bytes + 12, frame->size - 12);
	frame->size += 4;
	set_word(frame, 12, protocol);
	set_word(frame, 14, given->vlan_priority * 8192 + given->vlan_id);
	return 0;
}

static int pop(struct frame *frame)
{
	if (!has_tag(frame))
		return -ENOENT;
	memmove(frame->bytes + 12, frame->bytes + 16, frame->size - 16);
	frame->size -= 4;
	return 0;
}

static int set_tag(struct frame *frame, bool is_valid, uint16_t kept, uint16_t bits)
{
	if (!is_valid)
		return -EINVAL;
	if (!has_tag(frame))
		return -ENOENT;
	set_word(frame, 14, (word_at(frame, 14) & kept) | bits);
	return 0;
}

static void change_tags(struct frame *frame, const struct arguments *given, struct results *found)
{
	if (given->steps & 1 << STEP_VLAN_ID)
		found->returned[STEP_VLAN_ID] = set_tag(frame, given->vlan_id < 4095, 0xf000, given->vlan_id);
	if (given->steps & 1 << STEP_VLAN_PRIORITY)
		found->returned[STEP_VLAN_PRIORITY] =
			set_tag(frame, given->vlan_priority < 8, 0x1fff, given->vlan_priority << 13);
	if (given->steps & 1 << STEP_VLAN_POP)
		found->returned[STEP_VLAN_POP] = pop(frame);
	if (given->steps & 1 << STEP_VLAN_PUSH)
		found->returned[STEP_VLAN_PUSH] = push(frame, given);
}

void reference_steps(struct frame *frame, const struct arguments *given, struct results *found)
{
	struct covered covered;

	memset(found, 0, sizeof(*found));
	found->parsed = reference_parse(frame, &found->headers);
	found->parsed_quoted = HOVER_PARSE_NOT_IP;
	if (found->parsed == HOVER_PARSE_OK) {
		found->parsed_quoted = reference_parse_quoted(frame, &found->headers, &found->quoted);
		change_packet(frame, given, found);
		if (found->parsed_quoted == HOVER_PARSE_OK)
			change_quoted(frame, given, found);
		if (given->steps & 1 << STEP_COMPUTE_IPV4) {
			covered = ipv4_header_sum(frame, &found->headers);
			fill_sum(frame, &covered);
		}
		if (given->steps & 1 << STEP_COMPUTE_L4)
			found->returned[STEP_COMPUTE_L4] = compute_l4(frame, &found->headers);
	}
	change_tags(frame, given, found);
	found->parsed_again = reference_parse(frame, &found->again);
}
