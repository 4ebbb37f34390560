// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"

#define LARGEST_PACKET 2048

// A frame as it is on the wire: all tags are in it.
struct frame {
	uint8_t bytes[LARGEST_PACKET];
	uint32_t size;
};

static inline uint16_t word_at(const struct frame *frame, uint32_t offset)
{
	return frame->bytes[offset] << 8 | frame->bytes[offset + 1];
}

static inline void set_word(struct frame *frame, uint32_t offset, uint16_t word)
{
	frame->bytes[offset] = word >> 8;
	frame->bytes[offset + 1] = word & 0xff;
}

static inline bool is_tag(uint16_t ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88a8;
}

// parse.c: what the helpers of hover/parse.h should find.
int reference_parse(const struct frame *frame, struct hover_headers *headers);
int reference_parse_quoted(const struct frame *frame, const struct hover_headers *error,
			   struct hover_headers *headers);

// sums.c: checksums, over everything that they cover.
enum sum_kind { SUM_NONE, SUM_PLAIN, SUM_UDP };
struct covered {
	// Where the checksum is.
	uint32_t place;
	// The bytes that it covers, itself among them.
	uint32_t first;
	uint32_t end;
	// Sum of the pseudo header.
	uint64_t pseudo;
	enum sum_kind kind;
};
struct covered ipv4_header_sum(const struct frame *frame, const struct hover_headers *headers);
struct covered l4_sum(const struct frame *frame, const struct hover_headers *headers);
uint64_t total_of(const struct frame *frame, const struct covered *covered);
void fill_sum(struct frame *frame, const struct covered *covered);
bool sums_are_right(const struct frame *frame);

// change.c: what all the steps of Fixtures/fuzz.c should make of a frame, but for results.hidden_…
void reference_steps(struct frame *frame, const struct arguments *given, struct results *found);

// packets.c
struct generator {
	uint64_t state;
};
uint32_t random_below(struct generator *generator, uint32_t limit);
// Fills a frame; returns whether it was left as it was built: valid, with right checksums.
bool random_frame(struct generator *generator, struct frame *frame);
void random_arguments(struct generator *generator, struct arguments *arguments);
