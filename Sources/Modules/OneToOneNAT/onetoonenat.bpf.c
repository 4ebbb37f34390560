// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// One address for another: single ones and prefixes of IPv4, and prefixes of IPv6 (NPTv6, RFC 6296). Port 1 is inside,
// port 2 outside. The module keeps no state, and is transparent: a router behind port 1 answers ARP and decides the way;
// what nothing stands for passes.
#include "address_map.h"

// Why packets were dropped.
enum reason {
	// Headers that contradict themselves, or are not there as a whole.
	malformed,
	// Nothing stands for the address.
	unmatched,
	// An IPv6 address that has no bits to make up for the prefix.
	unmappable,
	// The kernel could not change the packet.
	failed,
	reasons,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, reasons);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

static __always_inline int drop_because(enum reason reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &index);

	if (count)
		++*count;
	return RX_DROP;
}

// The packet goes back to where it came from: who sent it to the gateway gets it from there.
static __always_inline int swap_stations(void *pkt)
{
	struct {
		mac_addr_t destination;
		mac_addr_t source;
	} from, to;

	if (pkt_load(pkt, 0, &from, sizeof(from)) < 0)
		return -EFAULT;
	to.destination = from.source;
	to.source = from.destination;
	return hover_store_bytes(pkt, 0, &to, sizeof(to));
}

// Sends the packet on after its source and destination were looked for. From inside, a destination that stands for an
// inside one leads back.
static __always_inline int leave(void *pkt, struct metadata *md, bool source, bool destination)
{
	if (md->in_ifc == outside || !destination) {
		if (!source && !destination && !passes_unmatched)
			return drop_because(unmatched);
		return pkt_redirect(pkt, md, md->in_ifc == inside ? outside : inside);
	}
	return swap_stations(pkt) < 0 ? drop_because(failed) : pkt_redirect(pkt, md, inside);
}

struct plain4 {
	struct ethhdr eth;
	__u8 version_size;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 sum;
	ipv4_addr_t source;
	ipv4_addr_t destination;
	// TCP's or UDP's ports, and what is behind; of ICMP the type.
	__u8 type;
	__u8 l4[7];
} __attribute__((packed));

#define UDP_SUM (ETH_HLEN + 20 + 6)
#define TCP_SUM (ETH_HLEN + 20 + 16)

// Whether a datagram that has so many bytes behind its IP header by its own account is in the frame as a whole, and has
// an L4 header. pkt_parse says of others what is wrong.
static __always_inline bool is_whole(const struct metadata *md, __u32 header, __u32 length, __u8 protocol)
{
	return ETH_HLEN + header + length <= md->pktlen && length >= (protocol == IPPROTO_TCP ? 20 : 8);
}

// Whether the packet has no options, is no fragment, and quotes no other.
static __always_inline bool is_plain4(const struct metadata *md, const struct plain4 *plain)
{
	__u32 length = bpf_ntohs(plain->length);

	if (plain->version_size != 0x45 || plain->fragment & bpf_htons(0x3fff) || length < 20 ||
	    !is_whole(md, 20, length - 20, plain->protocol))
		return false;
	if (plain->protocol == IPPROTO_ICMP)
		return plain->type == 0 || plain->type == 8;
	return true;
}

static __always_inline int translate_plain4(void *pkt, struct metadata *md, struct plain4 *plain)
{
	ipv4_addr_t source = plain->source, destination = plain->destination;
	bool from, to = map_ipv4(&destination, outside) == mapped_yes;
	__u8 protocol = plain->protocol;
	__u32 difference;
	int error = 0;

	from = md->in_ifc == inside && map_ipv4(&source, inside) == mapped_yes;
	if (from || to) {
		difference = hover_add_sums(~plain->source, source);
		difference = hover_add_sums(difference, ~plain->destination);
		difference = hover_add_sums(difference, destination);
		plain->source = source;
		plain->destination = destination;
		plain->sum = hover_changed_sum(plain->sum, difference);
		if (protocol == IPPROTO_TCP)
			error = hover_update_l4_sum(pkt, TCP_SUM, difference, HOVER_SUM_PSEUDO);
		// No checksum stays none.
		else if (protocol == IPPROTO_UDP && (plain->l4[5] || plain->l4[6]))
			error = hover_update_l4_sum(pkt, UDP_SUM, difference, HOVER_SUM_PSEUDO | HOVER_SUM_UDP);
	}
	return error ? drop_because(failed) : leave(pkt, md, from, to);
}

struct plain6 {
	struct ethhdr eth;
	__be32 version_flow;
	__be16 length;
	__u8 next;
	__u8 hop_limit;
	union address6 source;
	union address6 destination;
	__u8 type;
} __attribute__((packed));

// Neighbour discovery (RFC 4861) is the router's.
static __always_inline bool is_neighbour_discovery(__u8 protocol, __u8 type)
{
	return protocol == IPPROTO_ICMPV6 && type >= 133 && type <= 137;
}

// An ICMPv6 error quotes a packet, which is translated as well.
static __always_inline bool is_error6(__u8 protocol, __u8 type)
{
	return protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

// Maps the addresses of a packet. Returns 0, or -1 where one cannot be.
static __always_inline int map_ends6(int in_ifc, union address6 *source, union address6 *destination, bool *from,
				     bool *to)
{
	enum mapped one = mapped_none, other = map_ipv6(destination, outside);

	if (in_ifc == inside)
		one = map_ipv6(source, inside);
	*from = one == mapped_yes;
	*to = other == mapped_yes;
	return one == mapped_impossible || other == mapped_impossible ? -1 : 0;
}

// The same of IPv6.
static __always_inline bool is_plain6(const struct metadata *md, const struct plain6 *plain)
{
	if (plain->next != IPPROTO_TCP && plain->next != IPPROTO_UDP && plain->next != IPPROTO_ICMPV6)
		return false;
	return (plain->version_flow & bpf_htonl(0xf0000000)) == bpf_htonl(0x60000000) &&
	       is_whole(md, 40, bpf_ntohs(plain->length), plain->next);
}

static __always_inline int translate_plain6(void *pkt, struct metadata *md, struct plain6 *plain)
{
	union address6 source, destination;
	bool from, to;

	__builtin_memcpy(&source, &plain->source, sizeof(source));
	__builtin_memcpy(&destination, &plain->destination, sizeof(destination));
	if (map_ends6(md->in_ifc, &source, &destination, &from, &to) < 0)
		return drop_because(unmappable);
	if (from)
		__builtin_memcpy(&plain->source, &source, sizeof(source));
	if (to)
		__builtin_memcpy(&plain->destination, &destination, sizeof(destination));
	return leave(pkt, md, from, to);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	struct plain4 *plain4 = pkt_data(pkt);
	struct plain6 *plain6 = pkt_data(pkt);
	void *end = pkt_data_end(pkt);

	if (md->in_ifc != inside && md->in_ifc != outside)
		return RX_ERROR;
	if ((void *)(plain4 + 1) > end)
		return pkt_continue(pkt, md, 1);
	if (plain4->eth.h_proto == bpf_htons(ETH_P_IP) && is_plain4(md, plain4))
		return translate_plain4(pkt, md, plain4);
	if (plain4->eth.h_proto != bpf_htons(ETH_P_IPV6) || (void *)(plain6 + 1) > end)
		return pkt_continue(pkt, md, 1);
	if (is_plain6(md, plain6)) {
		if (is_neighbour_discovery(plain6->next, plain6->type))
			return leave(pkt, md, true, false);
		if (!is_error6(plain6->next, plain6->type))
			return translate_plain6(pkt, md, plain6);
	}
	return pkt_continue(pkt, md, 1);
}

// Any IPv4 packet whose headers were found. `from` and `to`: which of its addresses is to be looked for, and then which
// was found. A quoted packet went the other way: it was translated already.
static __noinline int translate4(void *pkt, const struct hover_headers *headers, enum side source_side,
				 enum side destination_side)
{
	ipv4_addr_t ends[2], source, destination;
	int found = 0;

	if (pkt_load(pkt, headers->l3_offset + 12, ends, sizeof(ends)) < 0)
		return -EFAULT;
	source = ends[0];
	destination = ends[1];
	if (source_side && map_ipv4(&source, source_side) == mapped_yes) {
		found |= 1;
		if (pkt_set_ipv4_source(pkt, headers, source) < 0)
			return -EFAULT;
	}
	if (destination_side && map_ipv4(&destination, destination_side) == mapped_yes) {
		found |= 2;
		if (pkt_set_ipv4_destination(pkt, headers, destination) < 0)
			return -EFAULT;
	}
	return found;
}

// The same of IPv6: no checksum changes, that of a packet that is quoted included.
static __noinline int translate6(void *pkt, const struct hover_headers *headers, enum side source_side,
				 enum side destination_side)
{
	enum mapped mapped;
	union address6 ends[2];
	int found = 0;

	if (pkt_load(pkt, headers->l3_offset + 8, ends, sizeof(ends)) < 0)
		return -EFAULT;
	if (source_side) {
		mapped = map_ipv6(&ends[0], source_side);
		if (mapped == mapped_impossible)
			return -EDOM;
		found |= mapped == mapped_yes;
	}
	if (destination_side) {
		mapped = map_ipv6(&ends[1], destination_side);
		if (mapped == mapped_impossible)
			return -EDOM;
		found |= (mapped == mapped_yes) << 1;
	}
	if (found && hover_store_bytes(pkt, headers->l3_offset + 8, ends, sizeof(ends)) < 0)
		return -EFAULT;
	return found;
}

static __always_inline int translate(void *pkt, const struct hover_headers *headers, enum side source_side,
				     enum side destination_side)
{
	if (headers->version == 4)
		return translate4(pkt, headers, source_side, destination_side);
	return translate6(pkt, headers, source_side, destination_side);
}

// The packet that an error quotes went the other way, and is shown as it was before: its destination to who is outside,
// its source to who is inside.
static __always_inline int translate_quoted(void *pkt, const struct hover_headers *headers, bool from_inside,
					    bool is_back)
{
	struct hover_headers quoted;

	if (pkt_parse_quoted(pkt, headers, &quoted) != HOVER_PARSE_OK)
		return -EINVAL;
	if (!from_inside)
		return translate(pkt, &quoted, outside, 0);
	return translate(pkt, &quoted, is_back ? outside : 0, inside);
}

// Packets that are not plain.
HOVER_STAGE(1, translate_any)
static int translate_any(void *pkt, struct metadata *md)
{
	struct hover_headers headers;
	bool from_inside = md->in_ifc == inside;
	int result, found;

	result = pkt_parse(pkt, &headers);
	if (headers.ethertype != bpf_htons(ETH_P_IP) && headers.ethertype != bpf_htons(ETH_P_IPV6))
		return pkt_redirect(pkt, md, from_inside ? outside : inside);
	if (result)
		return drop_because(malformed);
	if (headers.version == 6 && is_neighbour_discovery(headers.l4_protocol, headers.icmp_type))
		return pkt_redirect(pkt, md, from_inside ? outside : inside);
	found = translate(pkt, &headers, from_inside ? inside : 0, outside);
	if (found >= 0 && pkt_quotes(&headers) && translate_quoted(pkt, &headers, from_inside, found & 2) < 0)
		return drop_because(malformed);
	if (found < 0)
		return drop_because(found == -EDOM ? unmappable : failed);
	return leave(pkt, md, found & 1, found & 2);
}
