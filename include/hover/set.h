// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Sets, and tables by address prefix.
//
//	#include <hover/set.h>
//
//	HOVER_SET(blocked, mac_addr_t, 1024);
//	HOVER_PREFIX_TABLE4(routes, struct next_hop, 4096);
//
//	if (blocked_has(&source))
//		return RX_DROP;
//	struct next_hop *hop = routes_lookup(destination);
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <hover/types.h>

// The first `length` bits of an address, up to 32; shown as "10.0.0.0/8".
struct hover_prefix4 {
	__u32 length;
	ipv4_addr_t address;
} __attribute__((btf_decl_tag("hover:prefix4")));

// The first `length` bits of an address, up to 128; shown as "2001:db8::/32".
struct hover_prefix6 {
	__u32 length;
	ipv6_addr_t address;
} __attribute__((btf_decl_tag("hover:prefix6")));

// Declares a set of up to `most_entries` keys, which user space fills, as does the module:
//
//	bool name_has(const key_type *key)
//	int name_add(const key_type *key)
//		Returns 0, also when it was in it; -E2BIG if the set is full.
//	int name_remove(const key_type *key)
//		Returns 0, or -ENOENT.
#define HOVER_SET(name, key_type, most_entries)                                                                       \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                      \
		__uint(max_entries, most_entries);                                                                    \
		__type(key, key_type);                                                                                \
		__type(value, __u8);                                                                                  \
	} name SEC(".maps");                                                                                          \
	static __always_inline bool name##_has(const __typeof__(key_type) *key)                                       \
	{                                                                                                             \
		__u32 is_in = bpf_map_lookup_elem(&name, key) != NULL;                                                \
                                                                                                                      \
		/* Otherwise clang may combine it with another pointer, which the verifier refuses. */                \
		asm volatile("" : "+r"(is_in));                                                                       \
		return is_in;                                                                                         \
	}                                                                                                             \
	static __always_inline int name##_add(const __typeof__(key_type) *key)                                        \
	{                                                                                                             \
		__u8 is_in = 1;                                                                                       \
                                                                                                                      \
		return bpf_map_update_elem(&name, key, &is_in, BPF_ANY);                                              \
	}                                                                                                             \
	static __always_inline int name##_remove(const __typeof__(key_type) *key)                                     \
	{                                                                                                             \
		return bpf_map_delete_elem(&name, key);                                                               \
	}

#define HOVER_PREFIX_MAP(name, key_type, value_type, most_entries)                                                    \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                                  \
		__uint(max_entries, most_entries);                                                                    \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                 \
		__type(key, key_type);                                                                                \
		__type(value, value_type);                                                                            \
	} name SEC(".maps")

// Declares a table by IPv4 prefix of up to `most_entries`; a set is one whose value is __u8.
//
//	value_type *name_lookup(ipv4_addr_t address)
//		The value of the longest prefix that the address lies in; NULL if it lies in none.
#define HOVER_PREFIX_TABLE4(name, value_type, most_entries)                                                           \
	HOVER_PREFIX_MAP(name, struct hover_prefix4, value_type, most_entries);                                       \
	static __always_inline __typeof__(value_type) *name##_lookup(ipv4_addr_t address)                             \
	{                                                                                                             \
		struct hover_prefix4 key = { 32, address };                                                           \
                                                                                                                      \
		return bpf_map_lookup_elem(&name, &key);                                                              \
	}

// The same by IPv6 prefix:
//
//	value_type *name_lookup(const ipv6_addr_t *address)
#define HOVER_PREFIX_TABLE6(name, value_type, most_entries)                                                           \
	HOVER_PREFIX_MAP(name, struct hover_prefix6, value_type, most_entries);                                       \
	static __always_inline __typeof__(value_type) *name##_lookup(const ipv6_addr_t *address)                      \
	{                                                                                                             \
		struct hover_prefix6 key = { 128, *address };                                                         \
                                                                                                                      \
		return bpf_map_lookup_elem(&name, &key);                                                              \
	}
