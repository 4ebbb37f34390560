// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Types for the keys, values and configuration of a module. Each carries a tag in the object's BTF that tells Hover how
// people write the value: as "10.0.0.1", "2001:db8::1" or "02:00:00:00:00:01". Numbers in network order need no type
// of their own: Hover knows __be16, __be32 and __be64.
#pragma once

#include <linux/types.h>

// The names that the original Hover's sources use.
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

// An IPv4 address in network order.
typedef __be32 ipv4_addr_t __attribute__((btf_decl_tag("hover:ipv4")));

// An IPv6 address in network order.
typedef struct {
	__u8 bytes[16];
} ipv6_addr_t __attribute__((btf_decl_tag("hover:ipv6")));

// An Ethernet address, in the order on the wire.
typedef struct {
	__u8 bytes[6];
} mac_addr_t __attribute__((btf_decl_tag("hover:mac")));
