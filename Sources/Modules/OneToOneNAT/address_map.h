// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Which address stands for which. All tables are the configuration's, and there is no state.
#pragma once

#include <hover/checksum.h>
#include <hover/set.h>

// A module has these ports, and each address is on one of these sides.
enum side {
	inside = 1,
	outside = 2,
};

// What there is of the tables below: what is not there is not looked for.
const volatile bool has_entries = false;
const volatile bool has_prefixes4 = false;
const volatile bool has_prefixes6 = false;
// What becomes of packets that nothing stands for.
const volatile bool passes_unmatched = true;

struct entry_key {
	ipv4_addr_t address;
	// The side that the address is of, an enum side.
	__u32 side;
};

// The address on the other side.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct entry_key);
	__type(value, ipv4_addr_t);
} entries SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// What stands for a prefix of IPv4: this, and the address's own bits behind.
struct other4 {
	ipv4_addr_t network;
	// 1 where the address keeps its bits.
	__be32 host_mask;
};

HOVER_PREFIX_TABLE4(inside_prefixes4, struct other4, 65536);
HOVER_PREFIX_TABLE4(outside_prefixes4, struct other4, 65536);

// The same of IPv6. `adjustment` is what makes up for the difference of the two prefixes in a one's complement sum, in
// network order: checksums stay as they are (RFC 6296, 3.1).
struct other6 {
	__be32 network[2];
	__be32 host_mask[2];
	__u16 adjustment;
	// Whether the prefix has up to 48 bits.
	bool is_short;
	__u8 reserved[5];
};

HOVER_PREFIX_TABLE6(inside_prefixes6, struct other6, 65536);
HOVER_PREFIX_TABLE6(outside_prefixes6, struct other6, 65536);

enum mapped {
	// Nothing stands for the address.
	mapped_none,
	mapped_yes,
	// Something would, but the address has no bits left that make up for the prefix (RFC 6296, 3.5, 3.7).
	mapped_impossible,
};

// Puts what stands for an address in its place.
static __always_inline enum mapped map_ipv4(ipv4_addr_t *address, enum side side)
{
	if (has_entries) {
		struct entry_key key = { *address, side };
		const ipv4_addr_t *other = bpf_map_lookup_elem(&entries, &key);

		if (other) {
			*address = *other;
			return mapped_yes;
		}
	}
	if (has_prefixes4) {
		const struct other4 *other =
			side == inside ? inside_prefixes4_lookup(*address) : outside_prefixes4_lookup(*address);

		if (other) {
			*address = other->network | (*address & other->host_mask);
			return mapped_yes;
		}
	}
	return mapped_none;
}

// An IPv6 address, whole or in 16-bit words.
union address6 {
	ipv6_addr_t whole;
	__be32 words[4];
	__u16 halves[8];
};

// Adds to a half. One's complement has two zeros; 0xffff may not come of it.
static __always_inline void adjust(__u16 *half, __u16 adjustment)
{
	__u32 sum = (__u32)*half + adjustment;

	sum = (sum & 0xffff) + (sum >> 16);
	*half = sum == 0xffff ? 0 : sum;
}

static __always_inline enum mapped map_ipv6(union address6 *address, enum side side)
{
	const struct other6 *other;

	if (!has_prefixes6)
		return mapped_none;
	other = side == inside ? inside_prefixes6_lookup(&address->whole) : outside_prefixes6_lookup(&address->whole);
	if (!other)
		return mapped_none;
	address->words[0] = other->network[0] | (address->words[0] & other->host_mask[0]);
	address->words[1] = other->network[1] | (address->words[1] & other->host_mask[1]);
	if (other->is_short) {
		if (address->halves[3] == 0xffff)
			return mapped_impossible;
		adjust(&address->halves[3], other->adjustment);
		return mapped_yes;
	}
#pragma clang loop unroll(full)
	for (int half = 4; half < 8; half++) {
		if (address->halves[half] != 0xffff) {
			adjust(&address->halves[half], other->adjustment);
			return mapped_yes;
		}
	}
	return mapped_impossible;
}
