// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Which sources a port may send from: Ethernet addresses and IP addresses.
#pragma once

#include <hover/parse.h>

#include "switch.h"

struct allowed_mac {
	mac_addr_t mac;
	__u16 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct allowed_mac);
	__type(value, __u8);
} allowed_macs SEC(".maps") __attribute__((btf_decl_tag("hover:configured")));

// The first `length` bits of a port's number and an address.
struct allowed_address4 {
	__u32 length;
	__be32 port;
	ipv4_addr_t address;
};

struct allowed_address6 {
	__u32 length;
	__be32 port;
	ipv6_addr_t address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct allowed_address4);
	__type(value, __u8);
} allowed_addresses4 SEC(".maps") __attribute__((btf_decl_tag("hover:configured")));

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct allowed_address6);
	__type(value, __u8);
} allowed_addresses6 SEC(".maps") __attribute__((btf_decl_tag("hover:configured")));

static __always_inline bool mac_is_allowed(const mac_addr_t *mac, __u32 port)
{
	struct allowed_mac key = { .mac = *mac, .port = port };

	return bpf_map_lookup_elem(&allowed_macs, &key);
}

static __always_inline bool is_allowed4(ipv4_addr_t address, __u32 port)
{
	struct allowed_address4 key = { 64, bpf_htonl(port), address };

	return bpf_map_lookup_elem(&allowed_addresses4, &key);
}

static __always_inline bool is_allowed6(const ipv6_addr_t *address, __u32 port)
{
	struct allowed_address6 key = { 160, bpf_htonl(port), *address };

	return bpf_map_lookup_elem(&allowed_addresses6, &key);
}

static __always_inline bool is_unspecified6(const ipv6_addr_t *address)
{
	__u64 halves[2];

	__builtin_memcpy(halves, address, sizeof(halves));
	return !halves[0] && !halves[1];
}

// RFC 826. An address that somebody probes for is to become the sender's own (RFC 5227, section 2.1.1): what is asked for
// has to be allowed then.
static __always_inline bool arp_is_allowed(void *pkt, const struct hover_headers *headers, __u32 port)
{
	struct {
		__u16 mac[3];
		__u16 address[2];
	} sender;
	ipv4_addr_t address, target;
	__u16 source[3];

	if (pkt_load(pkt, headers->l3_offset + 8, &sender, sizeof(sender)) < 0 ||
	    pkt_load(pkt, headers->l3_offset + 24, &target, sizeof(target)) < 0 ||
	    pkt_load(pkt, ETH_ALEN, source, sizeof(source)) < 0)
		return false;
	if (source[0] != sender.mac[0] || source[1] != sender.mac[1] || source[2] != sender.mac[2])
		return false;
	__builtin_memcpy(&address, sender.address, sizeof(address));
	return is_allowed4(address ?: target, port);
}

// A host that has no address yet asks for one by DHCP (RFC 2131, section 4.1).
static __always_inline bool is_dhcp_request(const struct hover_headers *headers)
{
	return headers->l4_protocol == IPPROTO_UDP && headers->l4_offset && headers->source_port == bpf_htons(68) &&
	       headers->destination_port == bpf_htons(67);
}

static __always_inline bool ipv4_is_allowed(void *pkt, const struct hover_headers *headers, __u32 port)
{
	ipv4_addr_t source;

	if (pkt_load(pkt, headers->l3_offset + 12, &source, sizeof(source)) < 0)
		return false;
	return source ? is_allowed4(source, port) : is_dhcp_request(headers);
}

// ICMPv6 types (RFC 4861, RFC 2710, RFC 3810).
enum {
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ROUTER_SOLICITATION = 133,
	NEIGHBOUR_SOLICITATION = 135,
	NEIGHBOUR_ADVERTISEMENT = 136,
	REDIRECT = 137,
	MLD2_REPORT = 143,
};

// Neighbour discovery names addresses in the message itself: the target of an advertisement is the sender's, and that of
// a solicitation without a source is to become it (RFC 4862, section 5.4.2).
static __always_inline bool ipv6_is_allowed(void *pkt, const struct hover_headers *headers, __u32 port)
{
	bool is_icmp = headers->l4_protocol == IPPROTO_ICMPV6 && headers->l4_offset;
	__u8 type = is_icmp ? headers->icmp_type : 0;
	ipv6_addr_t source, target;
	bool is_unspecified;

	if (pkt_load(pkt, headers->l3_offset + 8, &source, sizeof(source)) < 0)
		return false;
	is_unspecified = is_unspecified6(&source);
	if (!is_unspecified && !is_allowed6(&source, port))
		return false;
	// In fragments it need not have the target that is read here, and nobody has a right to send it so (RFC 6980).
	if (headers->fragment && type >= ROUTER_SOLICITATION && type <= REDIRECT)
		return false;
	if (type == NEIGHBOUR_ADVERTISEMENT || (is_unspecified && type == NEIGHBOUR_SOLICITATION))
		return pkt_load(pkt, headers->l4_offset + 8, &target, sizeof(target)) == 0 &&
		       is_allowed6(&target, port);
	return !is_unspecified || type == ROUTER_SOLICITATION || type == MLD_REPORT || type == MLD_DONE ||
	       type == MLD2_REPORT;
}

// Whether all source addresses that a frame names may be sent by the port. What is not IP, and not ARP, names none.
//
// Not static: the verifier then looks at it once, by itself, instead of at all that follows it once for each way through.
__noinline int address_is_allowed(struct __sk_buff *pkt, __u32 port)
{
	struct hover_headers headers;

	switch (pkt_parse(pkt, &headers)) {
	case HOVER_PARSE_OK:
		return headers.version == 4 ? ipv4_is_allowed(pkt, &headers, port)
					    : ipv6_is_allowed(pkt, &headers, port);
	case HOVER_PARSE_NOT_IP:
		// A third tag could hide anything.
		if (hover_is_tag(headers.ethertype))
			return false;
		return headers.ethertype != bpf_htons(ETH_P_ARP) || arp_is_allowed(pkt, &headers, port);
	default:
		return false;
	}
}
