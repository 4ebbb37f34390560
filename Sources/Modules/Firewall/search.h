// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Finds the first rule that a packet matches.
#pragma once

#include <hover/bucket.h>
#include <hover/conntrack.h>
#include <hover/log.h>

#include "counters.h"
#include "rules.h"

// The set in force: its version, and flags in the bits of a page number. One word, so that it changes at once.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ruleset SEC(".maps") __attribute__((btf_decl_tag("hover:configured")))
__attribute__((btf_decl_tag("hover:internal")));

// By section and number of the page.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, struct firewall_page);
} pages SEC(".maps") __attribute__((btf_decl_tag("hover:configured"))) __attribute__((btf_decl_tag("hover:internal")));

// Of rules with a rate, by their ids: all CPUs take from one.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * FIREWALL_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct hover_bucket);
} rule_limits SEC(".maps");

// A packet as rules see it.
struct firewall_packet {
	__u64 version;
	// Ethernet addresses as numbers.
	__u64 mac;
	__u64 destination_mac;
	ipv6_addr_t source;
	ipv6_addr_t destination;
	__u32 length;
	__u32 is_egress;
	// Host order. ICMP: 65536 and up, by type and code.
	__u32 source_port;
	__u32 destination_port;
	// An enum hover_conntrack.
	__u8 state;
	// 4 or 6.
	__u8 ip;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 dscp;
	// Not the first fragment of a datagram.
	__u8 is_fragment;
	__u16 vlan;
	bool has_ports;
};

// Rules that log, and that one packet meets, at most.
#define FIREWALL_MOST_LOGS 4

// What was found.
struct firewall_match {
	__u64 rule;
	// The rules that log it, by their place.
	__u16 logs[FIREWALL_MOST_LOGS];
	__u32 log_count;
	// An enum firewall_action; FIREWALL_NONE until a rule decides.
	__u8 action;
	bool is_cacheable;
	// The rules were exchanged meanwhile, or something is not there.
	bool is_lost;
};

struct firewall_vector {
	const struct firewall_page *page;
	__u64 at;
};

struct firewall_search {
	struct firewall_packet *packet;
	const struct firewall_header *header;
	struct firewall_vector vectors[FIREWALL_FIELDS];
	// Blocks that are still to be looked at.
	__u64 blocks[FIREWALL_SUMMARY];
	// Rules of the present block that are.
	__u64 bits;
	__u64 block;
	struct firewall_match *match;
};

static __always_inline const struct firewall_page *firewall_page(__u64 section, __u32 number)
{
	__u64 key = section | (number & ((1 << FIREWALL_PAGE_BITS) - 1));

	return bpf_map_lookup_elem(&pages, &key);
}

// 1 where one is not above the other, both below 1 << 63; without a branch, of which the verifier would follow both ways.
static __always_inline __u64 firewall_reaches(__u64 one, __u64 other)
{
	__u64 difference = other - one;

	asm volatile("" : "+r"(difference));
	return ~difference >> 63;
}

// Where the interval of a value leads: a reference to a vector; all ones if a page is not there. Not static: the verifier
// checks it once, for all callers.
__noinline __u32 firewall_search4(__u64 section, __u32 page, __u32 levels, __u32 value)
{
#pragma clang loop unroll(disable)
	for (int level = 0; level < 2; level++) {
		const struct firewall_page *keys;
		__u64 place = 0;

		if (level >= levels)
			break;
		keys = firewall_page(section, page);
		if (!keys)
			return ~0U;
#pragma clang loop unroll(full)
		for (__u64 step = FIREWALL_KEYS4 / 2; step; step /= 2) {
			__u64 next = (place + step) & (FIREWALL_KEYS4 - 1);

			place += step * firewall_reaches(keys->keys4[next].key, value);
			place &= FIREWALL_KEYS4 - 1;
		}
		page = keys->keys4[place].to;
	}
	return page;
}

// The same with a value of 128 bits.
__noinline __u32 firewall_search6(__u64 section, __u32 page, __u32 levels, __u64 high, __u64 low)
{
#pragma clang loop unroll(disable)
	for (int level = 0; level < 3; level++) {
		const struct firewall_page *keys;
		__u64 place = 0;

		if (level >= levels)
			break;
		keys = firewall_page(section, page);
		if (!keys)
			return ~0U;
#pragma clang loop unroll(full)
		for (__u64 step = FIREWALL_KEYS6 / 2; step; step /= 2) {
			__u64 next = (place + step) & (FIREWALL_KEYS6 - 1), borrow, kept;

			kept = keys->keys6[next].low;
			// Whether the value is less: what its subtraction borrows.
			borrow = ((~low & kept) | (~(low ^ kept) & (low - kept))) >> 63;
			kept = keys->keys6[next].high;
			borrow = ((~high & kept) | (~(high ^ kept) & (high - kept - borrow))) >> 63;
			asm volatile("" : "+r"(borrow));
			place += step * (1 - borrow);
			place &= FIREWALL_KEYS6 - 1;
		}
		page = keys->keys6[place].to;
	}
	return page;
}

static __always_inline __u64 firewall_ones(__u64 word)
{
	word -= word >> 1 & 0x5555555555555555;
	word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return word * 0x0101010101010101 >> 56;
}

static __always_inline __u64 firewall_lowest(__u64 word)
{
	return firewall_ones((word & -word) - 1);
}

// A word of a vector. A vector is a summary, the numbers of blocks before each of its words, and the blocks.
static __always_inline __u64 firewall_word(const struct firewall_vector *vector, __u64 index)
{
	return vector->page->words[(vector->at + index) & (FIREWALL_WORDS - 1)];
}

// The bits of a block, those of `open` apart. Not static: inline, six of it would take too much of the stack.
__noinline __u64 firewall_block(const struct firewall_page *page, __u64 at, __u64 block)
{
	const struct firewall_vector vector = { page, at };
	__u64 word, before, place, bit = block & 63;

	if (!page)
		return 0;
	word = firewall_word(&vector, block >> 6 & 3);
	before = firewall_word(&vector, FIREWALL_SUMMARY) >> (block >> 6 & 3) * 16 & 0xffff;
	place = FIREWALL_SUMMARY + 1 + before + firewall_ones(word & ((1ULL << bit) - 1));
	return firewall_word(&vector, place) & -(word >> bit & 1);
}

// Goes to the next block that all fields have. Returns false if there is none.
static __always_inline bool firewall_next_block(struct firewall_search *search)
{
	const struct firewall_page *open;
	__u64 bits = ~0ULL, block = 0, word = 0;

#pragma clang loop unroll(full)
	for (int index = FIREWALL_SUMMARY - 1; index >= 0; index--) {
		if (search->blocks[index]) {
			word = search->blocks[index];
			block = index * 64;
		}
	}
	if (!word)
		return false;
	block += firewall_lowest(word);
	word &= word - 1;
#pragma clang loop unroll(full)
	for (int index = 0; index < FIREWALL_SUMMARY; index++) {
		if (block >> 6 == index)
			search->blocks[index] = word;
	}
	open = firewall_page(search->header->open, block / 64);
	if (!open) {
		search->match->is_lost = true;
		return false;
	}
#pragma clang loop unroll(full)
	for (int field = 0; field < FIREWALL_FIELDS; field++)
		bits &= open->words[((block & 63) * 8 + field) & (FIREWALL_WORDS - 1)] |
			firewall_block(search->vectors[field].page, search->vectors[field].at, block);
	search->bits = bits;
	search->block = block;
	return true;
}

static __always_inline bool firewall_rule_is_for(const struct firewall_rule *rule,
						 const struct firewall_packet *packet)
{
	if (!(rule->states >> (packet->state & 7) & 1))
		return false;
	// Fragments behind the first have no flags.
	if ((packet->tcp_flags & rule->tcp_mask) != rule->tcp_flags || (rule->tcp_mask && !packet->has_ports))
		return false;
	if (rule->flags & FIREWALL_HAS_VLAN && rule->vlan != packet->vlan)
		return false;
	if (rule->flags & FIREWALL_HAS_DSCP && rule->dscp != packet->dscp)
		return false;
	if (rule->flags & FIREWALL_HAS_DESTINATION_MAC && rule->destination_mac != packet->destination_mac)
		return false;
	return !(rule->flags & FIREWALL_HAS_FRAGMENTS) ||
	       !(rule->flags & FIREWALL_IS_FRAGMENT) == !packet->is_fragment;
}

// Not static, as above.
__noinline int firewall_is_within(struct hover_bucket *limit, __u32 rate, __u32 burst)
{
	return limit && hover_bucket_take(limit, rate, burst, 1, bpf_ktime_get_ns());
}

static __always_inline struct hover_bucket *firewall_limit(__u64 rule)
{
	struct hover_bucket *limit = bpf_map_lookup_elem(&rule_limits, &rule), none = {};

	if (limit)
		return limit;
	bpf_map_update_elem(&rule_limits, &rule, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&rule_limits, &rule);
}

// Looks at one rule that all fields lead to. Returns whether it decides.
static __always_inline bool firewall_take(struct firewall_search *search, const struct firewall_rule *rule, __u32 rank)
{
	struct firewall_packet *packet = search->packet;
	struct firewall_match *match = search->match;

	if (rule->flags & FIREWALL_PER_PACKET)
		match->is_cacheable = false;
	if (!firewall_rule_is_for(rule, packet))
		return false;
	if (rule->flags & FIREWALL_HAS_LIMIT && !firewall_is_within(firewall_limit(rule->id), rule->rate, rule->burst))
		return false;
	firewall_count(rule->id, packet->length);
	if (rule->flags & FIREWALL_LOGS && match->log_count < FIREWALL_MOST_LOGS)
		match->logs[match->log_count++ & (FIREWALL_MOST_LOGS - 1)] = rank;
	if (rule->action == FIREWALL_COUNT)
		return false;
	match->rule = rule->id;
	match->action = rule->action;
	return true;
}

// One step, for bpf_loop: a rule of the present block, or the next block.
static long firewall_step(__u32 index, struct firewall_search *search)
{
	const struct firewall_page *rules;
	__u64 bit;

	if (!search->bits)
		return !firewall_next_block(search);
	bit = firewall_lowest(search->bits);
	// Clang knows that it is below 64, and the verifier does not.
	asm volatile("" : "+r"(bit));
	bit &= 63;
	search->bits &= search->bits - 1;
	rules = firewall_page(search->header->rules, search->block);
	if (!rules) {
		search->match->is_lost = true;
		return 1;
	}
	return firewall_take(search, (const struct firewall_rule *)&rules->words[bit * 8], search->block * 64 + bit);
}

// The vector that a field leads to.
static __always_inline bool firewall_lead(struct firewall_search *search, enum firewall_field field, __u64 section,
					  __u32 reference)
{
	const struct firewall_page *page = firewall_page(section, reference >> FIREWALL_AT_BITS);

	if (!page)
		return false;
	search->vectors[field].page = page;
	search->vectors[field].at = reference & (FIREWALL_WORDS - 1);
	return true;
}

static __always_inline __u64 firewall_half(const ipv6_addr_t *address, int half)
{
	const __be64 *halves = __builtin_assume_aligned(address, 8);

	return bpf_be64_to_cpu(halves[half]);
}

static __always_inline bool firewall_lead_of_address(struct firewall_search *search, enum firewall_field field,
						     const struct firewall_tree *narrow,
						     const struct firewall_tree *wide, const ipv6_addr_t *address)
{
	if (search->packet->ip == 4)
		return firewall_lead(
			search, field, narrow->section,
			firewall_search4(narrow->section, narrow->page, narrow->levels, firewall_half(address, 1)));
	return firewall_lead(search, field, wide->section,
			     firewall_search6(wide->section, wide->page, wide->levels, firewall_half(address, 0),
					      firewall_half(address, 1)));
}

static __always_inline bool firewall_lead_of_port(struct firewall_search *search, enum firewall_field field,
						  const struct firewall_tree *tree, __u32 port)
{
	__u32 reference = FIREWALL_EMPTY;

	if (search->packet->has_ports)
		reference = firewall_search4(tree->section, tree->page, tree->levels, port);
	return firewall_lead(search, field, tree->section, reference);
}

// Finds the vectors of all fields. Each way through here is one more that the verifier follows: so what is not there ends
// the search at once, and what is seldom asked for is one condition.
static __always_inline bool firewall_lead_all(struct firewall_search *search, const struct firewall_header *header,
					      const struct firewall_packet *packet)
{
	const struct firewall_tree *trees = header->trees;
	__u32 kind = packet->is_egress << 9 | (packet->ip == 6) << 8 | packet->protocol;
	const struct firewall_page *kinds = firewall_page(header->kinds, header->kinds_page);

	// Masked as a whole: the verifier of Linux 6.1 does not see the bounds of parts that clang masks one by one.
	asm volatile("" : "+r"(kind));
	if (!kinds ||
	    !firewall_lead(search, FIREWALL_KIND, header->kinds, kinds->numbers[kind & (2 * FIREWALL_WORDS - 1)]))
		return false;
	if (!firewall_lead_of_address(search, FIREWALL_SOURCE, &trees[FIREWALL_SOURCE4], &trees[FIREWALL_SOURCE6],
				      &packet->source) ||
	    !firewall_lead_of_address(search, FIREWALL_DESTINATION, &trees[FIREWALL_DESTINATION4],
				      &trees[FIREWALL_DESTINATION6], &packet->destination) ||
	    !firewall_lead_of_port(search, FIREWALL_DESTINATION_PORT, &trees[FIREWALL_DESTINATION_PORTS],
				   packet->destination_port))
		return false;
	if (!trees[FIREWALL_SOURCE_PORTS].levels && !trees[FIREWALL_MACS].levels) {
		// No rule has such a bit but in `open`, where all have it.
		search->vectors[FIREWALL_SOURCE_PORT] = search->vectors[FIREWALL_KIND];
		search->vectors[FIREWALL_MAC] = search->vectors[FIREWALL_KIND];
		return true;
	}
	if (trees[FIREWALL_MACS].levels)
		search->match->is_cacheable = false;
	return firewall_lead_of_port(search, FIREWALL_SOURCE_PORT, &trees[FIREWALL_SOURCE_PORTS],
				     packet->source_port) &&
	       firewall_lead(search, FIREWALL_MAC, trees[FIREWALL_MACS].section,
			     firewall_search6(trees[FIREWALL_MACS].section, trees[FIREWALL_MACS].page,
					      trees[FIREWALL_MACS].levels, 0, packet->mac));
}

// Finds the rule that decides on a packet, counts and logs. The answer is in `match`. Not static, as above.
__noinline int firewall_classify(struct firewall_packet *packet, struct firewall_match *match)
{
	struct firewall_search search = { .packet = packet, .match = match };
	const struct firewall_header *header;
	const struct firewall_page *first;

	if (!packet || !match)
		return -EINVAL;
	first = firewall_page(packet->version, 0);
	*match = (struct firewall_match){ .is_cacheable = true };
	if (!first) {
		match->is_lost = true;
		return 0;
	}
	header = (const struct firewall_header *)first;
	search.header = header;
	if (!firewall_lead_all(&search, header, packet)) {
		match->is_lost = true;
		return 0;
	}
#pragma clang loop unroll(full)
	for (int index = 0; index < FIREWALL_SUMMARY; index++) {
		__u64 blocks = ~0ULL;

#pragma clang loop unroll(full)
		for (int field = 0; field < FIREWALL_FIELDS; field++)
			blocks &= header->open_summary[field][index] | firewall_word(&search.vectors[field], index);
		search.blocks[index] = blocks;
	}
	search.bits = hover_unknown_zero();
	search.block = hover_unknown_zero();
	bpf_loop(FIREWALL_RULES + FIREWALL_BLOCKS + 1, firewall_step, &search, 0);
	if (match->action == FIREWALL_NONE)
		match->action = header->initial[packet->is_egress & 1];
	return 0;
}

// Not literals: clang would give them a section of their own, which cannot be pinned.
static const char firewall_directions[2][8] = { "ingress", "egress" };
static const char firewall_verdicts[8][8] = { "", "accept", "drop", "reject", "count" };

// Not static, as above.
__noinline int firewall_log(const struct firewall_rule *rule, const struct firewall_packet *packet)
{
	const char *direction, *verdict;

	if (!rule || !packet)
		return -EINVAL;
	direction = firewall_directions[packet->is_egress & 1];
	verdict = firewall_verdicts[rule->action & 7];
	if (packet->ip == 4)
		hover_log("%s %s: rule %s: protocol %d, %pI4 port %d to %pI4 port %d", verdict, direction, rule->name,
			  packet->protocol, &packet->source.bytes[12], packet->source_port,
			  &packet->destination.bytes[12], packet->destination_port & 0xffff);
	else
		hover_log("%s %s: rule %s: protocol %d, %pI6 to %pI6 port %d", verdict, direction, rule->name,
			  packet->protocol, &packet->source, &packet->destination, packet->destination_port & 0xffff);
	return 0;
}

// Has the rules that log do so.
static __always_inline void firewall_log_all(const struct firewall_packet *packet, const struct firewall_match *match)
{
	const struct firewall_page *first = firewall_page(packet->version, 0);

	if (!first)
		return;
#pragma clang loop unroll(disable)
	for (int index = 0; index < FIREWALL_MOST_LOGS && index < match->log_count; index++) {
		__u32 rank = match->logs[index];
		const struct firewall_page *rules;

		rules = firewall_page(((const struct firewall_header *)first)->rules, rank / 64);
		if (!rules)
			return;
		firewall_log((const struct firewall_rule *)&rules->words[(rank & 63) * 8], packet);
	}
}
