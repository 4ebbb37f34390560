// SPDX-License-Identifier: Apache-2.0
#include "reference.h"

// Sums up 16-bit words; an odd last byte has a zero behind it.
static uint64_t sum_up(const struct frame *frame, uint32_t first, uint32_t end)
{
	uint64_t sum = 0;

	for (uint32_t offset = first; offset < end; offset++)
		sum += (uint64_t)frame->bytes[offset] << ((offset - first) % 2 ? 0 : 8);
	return sum;
}

struct covered ipv4_header_sum(const struct frame *frame, const struct hover_headers *headers)
{
	struct covered covered = { .kind = SUM_NONE };

	if (headers->version != 4)
		return covered;
	covered.kind = SUM_PLAIN;
	covered.first = headers->l3_offset;
	covered.end = headers->l3_offset + frame->bytes[headers->l3_offset] % 16 * 4;
	covered.place = headers->l3_offset + 10;
	return covered;
}

static uint64_t pseudo_header(const struct frame *frame, const struct hover_headers *headers)
{
	uint32_t addresses = headers->l3_offset + (headers->version == 4 ? 12 : 8);
	uint32_t size = headers->version == 4 ? 4 : 16;
	uint64_t sum = headers->l4_protocol;

	sum += headers->l3_offset + headers->total_length - headers->l4_offset;
	sum += sum_up(frame, addresses, addresses + size);
	// The last destination is in the routing header, where it stays.
	if (!headers->rerouted)
		sum += sum_up(frame, addresses + size, addresses + 2 * size);
	return sum;
}

struct covered l4_sum(const struct frame *frame, const struct hover_headers *headers)
{
	struct covered covered = {
		.kind = SUM_NONE,
		.first = headers->l4_offset,
		.end = headers->l3_offset + headers->total_length,
	};
	uint32_t place;

	if (!headers->l4_offset)
		return covered;
	if (headers->l4_protocol == 6)
		place = 16;
	else if (headers->l4_protocol == 17)
		place = 6;
	else if (headers->l4_protocol == 1 && headers->version == 4)
		place = 2;
	else if (headers->l4_protocol == 58 && headers->version == 6)
		place = 2;
	else
		return covered;
	// What an ICMP error quotes can end before.
	if (covered.first + place + 2 > covered.end)
		return covered;
	covered.place = covered.first + place;
	covered.kind = headers->l4_protocol == 17 ? SUM_UDP : SUM_PLAIN;
	if (headers->l4_protocol != 1)
		covered.pseudo = pseudo_header(frame, headers);
	return covered;
}

// What a checksum covers, without itself.
uint64_t total_of(const struct frame *frame, const struct covered *covered)
{
	return covered->pseudo + sum_up(frame, covered->first, covered->end) - word_at(frame, covered->place);
}

// The checksum for a total (RFC 1071): what is missing to a multiple of 0xffff.
void fill_sum(struct frame *frame, const struct covered *covered)
{
	uint16_t sum;

	if (covered->kind == SUM_NONE)
		return;
	sum = (0xffff - total_of(frame, covered) % 0xffff) % 0xffff;
	if (covered->kind == SUM_UDP && sum == 0)
		sum = 0xffff;
	set_word(frame, covered->place, sum);
}

static bool is_right(const struct frame *frame, const struct covered *covered)
{
	uint16_t sum = word_at(frame, covered->place);

	if (covered->kind == SUM_NONE || (covered->kind == SUM_UDP && sum == 0))
		return true;
	return (total_of(frame, covered) + sum) % 0xffff == 0;
}

bool sums_are_right(const struct frame *frame)
{
	struct hover_headers headers, quoted;
	struct covered ipv4, l4;

	if (reference_parse(frame, &headers) != HOVER_PARSE_OK)
		return true;
	ipv4 = ipv4_header_sum(frame, &headers);
	l4 = l4_sum(frame, &headers);
	if (!is_right(frame, &ipv4))
		return false;
	if (headers.fragment == HOVER_FRAGMENT_NONE && !headers.rerouted && !is_right(frame, &l4))
		return false;
	if (reference_parse_quoted(frame, &headers, &quoted) != HOVER_PARSE_OK)
		return true;
	ipv4 = ipv4_header_sum(frame, &quoted);
	return is_right(frame, &ipv4);
}
