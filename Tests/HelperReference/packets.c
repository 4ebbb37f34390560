// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "reference.h"

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
static uint64_t random_number(struct generator *generator)
{
	uint64_t number = generator->state += 0x9e3779b97f4a7c15;

	number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
	number = (number ^ number >> 27) * 0x94d049bb133111eb;
	return number ^ number >> 31;
}

uint32_t random_below(struct generator *generator, uint32_t limit)
{
	return (uint32_t)(random_number(generator) >> 32) % limit;
}

static bool chance(struct generator *generator, uint32_t percent)
{
	return random_below(generator, 100) < percent;
}

static void random_bytes(struct generator *generator, void *bytes, uint32_t count)
{
	for (uint32_t index = 0; index < count; index++)
		((uint8_t *)bytes)[index] = random_number(generator);
}

// Appends random bytes, and returns where they begin.
static uint32_t append(struct generator *generator, struct frame *frame, uint32_t count)
{
	uint32_t offset = frame->size;

	random_bytes(generator, frame->bytes + offset, count);
	frame->size += count;
	return offset;
}

static void append_tcp(struct generator *generator, struct frame *frame)
{
	uint32_t options = chance(generator, 50) ? 0 : random_below(generator, 11);
	uint32_t tcp = append(generator, frame, 20 + 4 * options);

	frame->bytes[tcp + 12] = (5 + options) << 4;
	append(generator, frame, random_below(generator, 60));
}

static void append_udp(struct generator *generator, struct frame *frame)
{
	uint32_t size = 8 + random_below(generator, chance(generator, 90) ? 60 : 1000);
	uint32_t udp = append(generator, frame, size);

	set_word(frame, udp + 4, size);
}

static uint32_t append_l3(struct generator *generator, struct frame *frame, int version, bool quoted);

// An echo, or an error that quotes a packet, or part of it.
static void append_icmp(struct generator *generator, struct frame *frame, int version, bool quoted)
{
	static const uint8_t errors[2][5] = { { 3, 4, 5, 11, 12 }, { 1, 2, 3, 4, 1 } };
	uint32_t icmp = append(generator, frame, 8), start = frame->size, size;

	if (quoted || chance(generator, 40)) {
		frame->bytes[icmp] = version == 4 ? 8 : 128;
		append(generator, frame, random_below(generator, 40));
		return;
	}
	frame->bytes[icmp] = errors[version == 6][random_below(generator, 5)];
	append_l3(generator, frame, version, true);
	size = frame->size - start;
	if (size > 28 && chance(generator, 60))
		frame->size = start + 28 + random_below(generator, size - 28);
}

static uint8_t append_l4(struct generator *generator, struct frame *frame, int version, bool quoted)
{
	uint32_t kind = random_below(generator, 100);

	if (kind < 30) {
		append_tcp(generator, frame);
		return 6;
	}
	if (kind < 60) {
		append_udp(generator, frame);
		return 17;
	}
	if (kind < 85) {
		append_icmp(generator, frame, version, quoted);
		return version == 4 ? 1 : 58;
	}
	append(generator, frame, 12 + random_below(generator, 40));
	// What the other IP version has is only a number here; 59 is "no next header".
	if (kind < 92)
		return 132;
	return kind < 95 ? 59 : kind < 97 ? (version == 4 ? 58 : 1) : 200 + random_below(generator, 50);
}

// Fills in the checksums of what was just built.
static void fill_sums(struct generator *generator, struct frame *frame, uint32_t l3, int version)
{
	struct hover_headers headers;
	struct covered covered;
	// An Ethernet frame as far as the parser is concerned.
	struct frame alone = { .size = frame->size - l3 + 14 };

	memcpy(alone.bytes + 14, frame->bytes + l3, frame->size - l3);
	set_word(&alone, 12, version == 4 ? 0x0800 : 0x86dd);
	if (reference_parse(&alone, &headers) != HOVER_PARSE_OK)
		return;
	covered = ipv4_header_sum(&alone, &headers);
	fill_sum(&alone, &covered);
	covered = l4_sum(&alone, &headers);
	fill_sum(&alone, &covered);
	if (covered.kind == SUM_UDP && chance(generator, 25))
		set_word(&alone, covered.place, 0);
	memcpy(frame->bytes + l3, alone.bytes + 14, frame->size - l3);
}

static void append_ipv4(struct generator *generator, struct frame *frame, bool quoted)
{
	uint32_t options = chance(generator, 70) ? 0 : random_below(generator, 11);
	uint32_t ip = append(generator, frame, 20 + 4 * options);

	frame->bytes[ip] = 0x45 + options;
	frame->bytes[ip + 9] = append_l4(generator, frame, 4, quoted);
	set_word(frame, ip + 2, frame->size - ip);
	set_word(frame, ip + 6, 0x4000);
	if (chance(generator, 15))
		set_word(frame, ip + 6, chance(generator, 50) ? 0x2000 : random_below(generator, 0x4000));
	fill_sums(generator, frame, ip, 4);
}

static void append_ipv6(struct generator *generator, struct frame *frame, bool quoted)
{
	static const uint8_t types[] = { 43, 44, 51, 60, 60 };
	uint32_t ip = append(generator, frame, 40), next = ip + 6;
	uint32_t count = chance(generator, 60) ? 0 : random_below(generator, 11);
	bool fragmented = false;

	frame->bytes[ip] = 0x60;
	for (uint32_t index = 0; index < count; index++) {
		uint8_t type = types[random_below(generator, 5)];
		uint32_t units = random_below(generator, 3), header;

		if (index == 0 && chance(generator, 40))
			type = 0;
		// Most chains have one fragment header at most.
		if (type == 44 && (fragmented || chance(generator, 50)) && chance(generator, 90))
			type = 60;
		header = append(generator, frame, type == 44 ? 8 : 8 + 8 * units);
		frame->bytes[next] = type;
		frame->bytes[header + 1] = type == 51 ? 2 * units : units;
		if (type == 43 && chance(generator, 60))
			frame->bytes[header + 3] = 0;
		if (type == 44) {
			fragmented = true;
			set_word(frame, header + 2, chance(generator, 40) ? 0 : chance(generator, 60) ? 1 : 0x1239);
		}
		next = header;
	}
	frame->bytes[next] = append_l4(generator, frame, 6, quoted);
	set_word(frame, ip + 4, frame->size - ip - 40);
	fill_sums(generator, frame, ip, 6);
}

static uint32_t append_l3(struct generator *generator, struct frame *frame, int version, bool quoted)
{
	if (version == 4)
		append_ipv4(generator, frame, quoted);
	else
		append_ipv6(generator, frame, quoted);
	return version == 4 ? 0x0800 : 0x86dd;
}

static void mutate(struct generator *generator, struct frame *frame)
{
	// Lengths, versions and numbers that mean something.
	static const uint8_t numbers[] = {
		0, 1, 4, 5, 6, 8, 17, 43, 44, 51, 58, 60, 0x45, 0x4f, 0x60, 0x81, 0x88, 0xff
	};
	uint32_t reach = frame->size < 110 ? frame->size : 110;

	switch (random_below(generator, 6)) {
	case 0:
		frame->bytes[random_below(generator, reach)] ^= 1 << random_below(generator, 8);
		break;
	case 1:
		frame->bytes[random_below(generator, reach)] = numbers[random_below(generator, sizeof(numbers))];
		break;
	case 2:
		frame->size = 14 + random_below(generator, frame->size - 13);
		break;
	case 3:
		append(generator, frame, 1 + random_below(generator, 30));
		break;
	case 4:
		// Where the lengths usually are.
		frame->bytes[14 + random_below(generator, 60)] += random_below(generator, 2) ? 1 : 0xff;
		break;
	default:
		random_bytes(generator, frame->bytes + 12, 1 + random_below(generator, 20));
	}
}

bool random_frame(struct generator *generator, struct frame *frame)
{
	uint32_t tags = chance(generator, 55) ? 0 : random_below(generator, 4), place;
	uint32_t kind = random_below(generator, 100), ethertype;

	*frame = (struct frame){};
	append(generator, frame, 14);
	place = 12;
	for (uint32_t index = 0; index < tags; index++) {
		set_word(frame, place, chance(generator, 50) ? 0x8100 : 0x88a8);
		place = append(generator, frame, 4) + 2;
	}
	if (kind < 45) {
		ethertype = append_l3(generator, frame, 4, false);
	} else if (kind < 92) {
		ethertype = append_l3(generator, frame, 6, false);
	} else if (kind < 97) {
		ethertype = 0x0806;
		memcpy(frame->bytes + append(generator, frame, 28), "\0\1\10\0\6\4", 6);
	} else {
		ethertype = random_below(generator, 0x10000);
		append(generator, frame, random_below(generator, 60));
	}
	set_word(frame, place, ethertype);
	if (chance(generator, 20))
		append(generator, frame, 1 + random_below(generator, 20));
	if (chance(generator, 40))
		return true;
	for (uint32_t count = 1 + random_below(generator, 4); count > 0; count--)
		mutate(generator, frame);
	return false;
}

void random_arguments(struct generator *generator, struct arguments *arguments)
{
	static const uint32_t sizes[] = { 1, 2, 4 };

	*arguments = (struct arguments){};
	random_bytes(generator, arguments->source, sizeof(arguments->source));
	random_bytes(generator, arguments->destination, sizeof(arguments->destination));
	arguments->source_port = random_number(generator);
	arguments->destination_port = random_number(generator);
	arguments->icmp_id = random_number(generator);
	arguments->vlan_protocol = chance(generator, 50) ? 0x0081 : chance(generator, 95) ? 0xa888 : 0x0008;
	arguments->vlan_id = random_below(generator, chance(generator, 95) ? 4095 : 5000);
	arguments->vlan_priority = random_below(generator, chance(generator, 95) ? 8 : 10);
	arguments->hop_limit = random_number(generator);
	arguments->offset = random_below(generator, 40);
	arguments->size = sizes[random_below(generator, 3)];
	arguments->value = random_number(generator);
	arguments->hides_tag = random_below(generator, 2);
	// Half of the steps, on average; seldom those that make up for all others.
	arguments->steps = random_number(generator) & ((1u << STEPS) - 1);
	if (chance(generator, 70))
		arguments->steps &= ~(1u << STEP_COMPUTE_IPV4 | 1u << STEP_COMPUTE_L4);
}
