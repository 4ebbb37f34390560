// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "HelperReference.h"
#include "reference.h"

// One packet: as it went in, what the program and the reference made of it.
struct round {
	struct frame frame;
	struct frame ours;
	struct frame reference;
	struct arguments arguments;
	struct results found;
	struct results expected;
	bool was_valid;
	// The outer tag was beside the packet: offsets in it are less by 4.
	bool hides_tag;
};

static int run_program(const struct fuzz_program *program, struct round *round)
{
	// The kernel takes where the first piece ends from the context, a struct xdp_md.
	struct xdp_md context = { .data_end = program->first_piece };
	union bpf_attr attributes = {};

	attributes.test.prog_fd = program->program;
	attributes.test.data_in = (uintptr_t)round->frame.bytes;
	attributes.test.data_size_in = round->frame.size;
	attributes.test.data_out = (uintptr_t)round->ours.bytes;
	attributes.test.data_size_out = sizeof(round->ours.bytes);
	attributes.test.repeat = 1;
	if (program->first_piece && program->first_piece < round->frame.size) {
		attributes.test.ctx_in = (uintptr_t)&context;
		attributes.test.ctx_size_in = sizeof(context);
	}
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes)) != 0)
		return -errno;
	round->ours.size = attributes.test.data_size_out;
	return 0;
}

// Puts a tag that is beside the packet back into the frame.
static void restore_tag(struct round *round)
{
	struct frame *frame = &round->ours;

	if (!round->found.has_hidden_tag)
		return;
	memmove(frame->bytes + 16, frame->bytes + 12, frame->size - 12);
	memcpy(frame->bytes + 12, &round->found.hidden_protocol, 2);
	memcpy(frame->bytes + 14, &round->found.hidden_control, 2);
	frame->size += 4;
}

// Offsets as they are where all tags are in the frame.
static void restore_offsets(struct hover_headers *headers)
{
	uint16_t *offsets[] = { &headers->l3_offset, &headers->l4_offset, &headers->payload_offset,
				&headers->icmp_offset };

	for (int index = 0; index < 4; index++) {
		if (*offsets[index])
			*offsets[index] += 4;
	}
}

static const char *compare_headers(const struct hover_headers *ours, const struct hover_headers *reference)
{
	static char text[200];

#define DIFFERS(field)                                                                                                \
	if (ours->field != reference->field) {                                                                        \
		snprintf(text, sizeof(text), #field " is %u, and should be %u", (unsigned int)ours->field,            \
			 (unsigned int)reference->field);                                                             \
		return text;                                                                                          \
	}
	DIFFERS(total_length)
	DIFFERS(fragment_id)
	DIFFERS(ethertype)
	DIFFERS(tag[0])
	DIFFERS(tag[1])
	DIFFERS(l3_offset)
	DIFFERS(l4_offset)
	DIFFERS(payload_offset)
	DIFFERS(icmp_offset)
	DIFFERS(source_port)
	DIFFERS(destination_port)
	DIFFERS(version)
	DIFFERS(tags)
	DIFFERS(fragment)
	DIFFERS(l4_protocol)
	DIFFERS(tcp_flags)
	DIFFERS(rerouted)
#undef DIFFERS
	return NULL;
}

static bool differs(struct fuzz_report *report, const char *what, const char *how)
{
	if (how)
		snprintf(report->difference, sizeof(report->difference), "%s: %s", what, how);
	return how != NULL;
}

static bool compare_numbers(struct fuzz_report *report, const char *what, int ours, int reference)
{
	char text[100];

	snprintf(text, sizeof(text), "%d, and should be %d", ours, reference);
	return differs(report, what, ours == reference ? NULL : text);
}

static bool compare_frames(struct fuzz_report *report, const struct round *round)
{
	char text[100];

	if (compare_numbers(report, "bytes of the packet", round->ours.size, round->reference.size))
		return true;
	for (uint32_t index = 0; index < round->ours.size; index++) {
		if (round->ours.bytes[index] == round->reference.bytes[index])
			continue;
		snprintf(text, sizeof(text), "0x%02x, and should be 0x%02x (steps 0x%x)", round->ours.bytes[index],
			 round->reference.bytes[index], round->arguments.steps);
		snprintf(report->difference, sizeof(report->difference), "byte %u of the packet: %s", index, text);
		return true;
	}
	return false;
}

static bool compare(struct fuzz_report *report, struct round *round)
{
	char what[40];

	if (round->hides_tag) {
		restore_offsets(&round->found.headers);
		restore_offsets(&round->found.quoted);
	}
	if (round->found.has_hidden_tag)
		restore_offsets(&round->found.again);
	restore_tag(round);
	if (compare_numbers(report, "pkt_parse", round->found.parsed, round->expected.parsed) ||
	    compare_numbers(report, "pkt_parse_quoted", round->found.parsed_quoted, round->expected.parsed_quoted) ||
	    compare_numbers(report, "pkt_parse at the end", round->found.parsed_again, round->expected.parsed_again) ||
	    differs(report, "headers", compare_headers(&round->found.headers, &round->expected.headers)) ||
	    differs(report, "quoted headers", compare_headers(&round->found.quoted, &round->expected.quoted)) ||
	    differs(report, "headers at the end", compare_headers(&round->found.again, &round->expected.again)))
		return true;
	for (int step = 0; step < STEPS; step++) {
		snprintf(what, sizeof(what), "step %d returned", step);
		if (compare_numbers(report, what, round->found.returned[step], round->expected.returned[step]))
			return true;
		if (round->arguments.steps & 1u << step) {
			report->done += round->found.returned[step] == 0;
			report->refused += round->found.returned[step] != 0;
		}
	}
	if (compare_frames(report, round))
		return true;
	return differs(report, "checksums",
		       round->was_valid && !sums_are_right(&round->ours) ? "were right before, and are not now"
									 : NULL);
}

// Leaves out what has no defined outcome.
static void limit_steps(struct round *round)
{
	struct hover_headers headers, quoted;
	struct arguments *given = &round->arguments;
	uint32_t place;

	if (reference_parse(&round->frame, &headers) != HOVER_PARSE_OK)
		return;
	place = l4_sum(&round->frame, &headers).place - headers.l4_offset;
	// A field that is a checksum, or that may make what is quoted another packet.
	if ((given->offset + given->size > place && given->offset < place + 2) ||
	    reference_parse_quoted(&round->frame, &headers, &quoted) != HOVER_PARSE_NOT_IP)
		given->steps &= ~(1u << STEP_FIELD);
}

// The kernel fails halfway where the tag that is next is cut (skb_vlan_pop, net/core/skbuff.c).
static bool has_cut_tag(const struct frame *frame)
{
	return frame->size >= 18 && frame->size < 22 && is_tag(word_at(frame, 12)) && is_tag(word_at(frame, 16));
}

// At tc BPF_PROG_TEST_RUN refuses IP packets that are shorter than an IP header (net/bpf/test_run.c). Behind a VLAN tag
// they pass.
static bool is_refused(const struct fuzz_program *program, const struct frame *frame)
{
	uint16_t ethertype = word_at(frame, 12);

	return !program->is_xdp &&
	       ((ethertype == 0x0800 && frame->size < 34) || (ethertype == 0x86dd && frame->size < 54));
}

static void make_round(struct round *round, const struct fuzz_program *program, uint64_t seed, uint64_t number)
{
	struct generator generator = { .state = seed ^ number * 0xd1342543de82ef95 };

	round->was_valid = random_frame(&generator, &round->frame);
	random_arguments(&generator, &round->arguments);
	if (round->frame.size > 1400)
		round->frame.size = 1400;
	limit_steps(round);
	if (has_cut_tag(&round->frame))
		round->arguments.steps &= ~(1u << STEP_VLAN_POP);
	round->hides_tag = !program->is_xdp && round->arguments.hides_tag && round->frame.size >= 18 &&
			   is_tag(word_at(&round->frame, 12)) && !has_cut_tag(&round->frame);
	round->reference = round->frame;
	reference_steps(&round->reference, &round->arguments, &round->expected);
}

void fuzz(const struct fuzz_program *program, uint64_t seed, uint64_t first, uint64_t count,
	  struct fuzz_report *report)
{
	// A map's memory is mapped by whole pages.
	const size_t page = 4096;
	struct arguments *arguments = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, program->arguments, 0);
	struct results *results = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, program->results, 0);
	struct round round;
	int error;

	memset(report, 0, sizeof(*report));
	if (arguments == MAP_FAILED || results == MAP_FAILED) {
		snprintf(report->difference, sizeof(report->difference), "the maps cannot be mapped: %s",
			 strerror(errno));
		return;
	}
	for (uint64_t number = first; report->packets < count && !report->difference[0]; number++) {
		make_round(&round, program, seed, number);
		if (is_refused(program, &round.frame))
			continue;
		*arguments = round.arguments;
		memset(results, 0, sizeof(*results));
		error = run_program(program, &round);
		round.found = *results;
		report->packets += 1;
		report->parsed += round.expected.parsed == HOVER_PARSE_OK;
		report->quoting += round.expected.parsed_quoted == HOVER_PARSE_OK;
		if (error)
			snprintf(report->difference, sizeof(report->difference), "the program does not run: %s",
				 strerror(-error));
		else
			compare(report, &round);
		if (!report->difference[0])
			continue;
		report->number = number;
		report->size = round.frame.size;
		memcpy(report->packet, round.frame.bytes, round.frame.size);
	}
	munmap(arguments, page);
	munmap(results, page);
}
