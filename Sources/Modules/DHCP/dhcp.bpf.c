// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Lets what is for a DHCP server up to its slow path, answers ARP for the server's addresses, and drops all else.
#include <hover/bucket.h>
#include <hover/parse.h>

// Why a packet goes up (PacketReason in Frames.swift).
enum reason {
	reason_dhcp = 1,
	reason_dhcpv6,
	reason_arp,
	reason_neighbour,
	reason_echo,
	reason_kinds,
};

// Why a packet is dropped. The names are those of the state's counts.
enum drop {
	// The Ethernet destination is another station, or a group that the server is not in.
	other_station,
	// It has a VLAN tag.
	tagged,
	truncated,
	malformed,
	// DHCP fits into one packet, and clients that send fragments are none.
	fragment,
	// Neither ARP nor what the server speaks.
	other_protocol,
	// For an IP address that is not the server's.
	other_address,
	// More of a kind than a port may send up.
	rate_limit,
	drop_kinds,
};

const volatile mac_addr_t server_mac;
// The link-local address of server_mac.
const volatile ipv6_addr_t server_ipv6;
const volatile bool has_ipv6 = false;
// Packets a second of one kind from one port, and at once.
const volatile __u32 rate = 100;
const volatile __u32 burst = 100;

#define PORTS 16

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, drop_kinds);
	__type(key, enum drop);
	__type(value, __u64);
} refused SEC(".maps");

// The IPv4 addresses of the server.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, ipv4_addr_t);
	__type(value, __u32);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PORTS *reason_kinds);
	__type(key, __u32);
	__type(value, struct hover_bucket);
} limits SEC(".maps");

struct arp {
	mac_addr_t destination;
	mac_addr_t source;
	__be16 ether_type;
	__be16 types[2];
	__be16 lengths;
	__be16 operation;
	mac_addr_t sender;
	ipv4_addr_t sender_address;
	mac_addr_t target;
	ipv4_addr_t target_address;
} __attribute__((packed));

static int refuse(enum drop why)
{
	__u64 *count = bpf_map_lookup_elem(&refused, &why);

	if (count)
		(*count)++;
	return RX_DROP;
}

// One port's storm, or one kind's, leaves the others their part of the slow path.
static __always_inline int send_up(void *pkt, struct metadata *md, enum reason reason)
{
	__u32 place = (md->in_ifc & (PORTS - 1)) * reason_kinds + reason;
	struct hover_bucket *bucket = bpf_map_lookup_elem(&limits, &place);

	if (!bucket || !hover_bucket_take(bucket, rate, burst, 1, bpf_ktime_get_ns()))
		return refuse(rate_limit);
	return pkt_controller(pkt, md, reason);
}

static __always_inline bool is_own_address(ipv4_addr_t address)
{
	return bpf_map_lookup_elem(&addresses, &address);
}

static __always_inline mac_addr_t own_mac(void)
{
	mac_addr_t own;

	for (int i = 0; i < 6; i++)
		own.bytes[i] = server_mac.bytes[i];
	return own;
}

static __always_inline bool is_server_mac(const __u8 *bytes)
{
	bool same = true;

	for (int i = 0; i < 6; i++)
		same &= bytes[i] == server_mac.bytes[i];
	return same;
}

static __always_inline bool is_broadcast(const __u8 *bytes)
{
	return (bytes[0] & bytes[1] & bytes[2] & bytes[3] & bytes[4] & bytes[5]) == 0xff;
}

// The groups of all DHCPv6 servers (ff02::1:2) and of the server's own solicited nodes (RFC 4291, 2.7.1), as Ethernet
// carries them (RFC 2464, 7).
static __always_inline bool is_own_group(const __u8 *bytes)
{
	if (!has_ipv6 || bytes[0] != 0x33 || bytes[1] != 0x33)
		return false;
	if (bytes[2] == 0x00 && bytes[3] == 0x01 && bytes[4] == 0x00 && bytes[5] == 0x02)
		return true;
	return bytes[2] == 0xff && bytes[3] == server_ipv6.bytes[13] && bytes[4] == server_ipv6.bytes[14] &&
	       bytes[5] == server_ipv6.bytes[15];
}

static __always_inline bool is_server_ipv6(const ipv6_addr_t *address)
{
	bool same = true;

	for (int i = 0; i < 16; i++)
		same &= address->bytes[i] == server_ipv6.bytes[i];
	return same;
}

static int answer_arp(void *pkt, struct metadata *md, struct arp *arp)
{
	ipv4_addr_t asked = arp->target_address;

	arp->destination = arp->sender;
	arp->target = arp->sender;
	arp->target_address = arp->sender_address;
	arp->source = own_mac();
	arp->sender = arp->source;
	arp->sender_address = asked;
	arp->operation = bpf_htons(2);
	if (pkt_store(pkt, 0, arp, sizeof(*arp)) < 0)
		return RX_ERROR;
	return pkt_redirect(pkt, md, md->in_ifc);
}

// Requests for the server's addresses are answered here; replies to the server are answers to its own questions, whether
// an address is taken.
static __always_inline int handle_arp(void *pkt, struct metadata *md)
{
	struct arp arp;

	if (pkt_load(pkt, 0, &arp, sizeof(arp)) < 0)
		return refuse(truncated);
	if (arp.operation == bpf_htons(1))
		return is_own_address(arp.target_address) ? answer_arp(pkt, md, &arp) : refuse(other_address);
	if (arp.operation != bpf_htons(2))
		return refuse(malformed);
	return is_server_mac(arp.target.bytes) ? send_up(pkt, md, reason_arp) : refuse(other_address);
}

static __always_inline int handle_ipv4(void *pkt, struct metadata *md, const struct hover_headers *headers)
{
	bool is_dhcp = headers->l4_protocol == IPPROTO_UDP && headers->destination_port == bpf_htons(67);
	ipv4_addr_t to;

	if (pkt_load(pkt, headers->l3_offset + 16, &to, sizeof(to)) < 0)
		return refuse(truncated);
	if (!is_own_address(to) && !(is_dhcp && to == bpf_htonl(INADDR_BROADCAST)))
		return refuse(other_address);
	if (is_dhcp)
		return send_up(pkt, md, reason_dhcp);
	if (headers->l4_protocol == IPPROTO_ICMP && headers->icmp_type == 8)
		return send_up(pkt, md, reason_echo);
	return refuse(other_protocol);
}

static __always_inline int handle_ipv6(void *pkt, struct metadata *md, const struct hover_headers *headers)
{
	ipv6_addr_t to;

	if (!has_ipv6)
		return refuse(other_protocol);
	if (headers->l4_protocol == IPPROTO_ICMPV6 && headers->icmp_type == 135) {
		// What the solicitation asks for.
		if (pkt_load(pkt, headers->l4_offset + 8, &to, sizeof(to)) < 0)
			return refuse(truncated);
		return is_server_ipv6(&to) ? send_up(pkt, md, reason_neighbour) : refuse(other_address);
	}
	if (headers->l4_protocol == IPPROTO_UDP && headers->destination_port == bpf_htons(547))
		return send_up(pkt, md, reason_dhcpv6);
	if (headers->l4_protocol != IPPROTO_ICMPV6 || headers->icmp_type != 128)
		return refuse(other_protocol);
	if (pkt_load(pkt, headers->l3_offset + 24, &to, sizeof(to)) < 0)
		return refuse(truncated);
	return is_server_ipv6(&to) ? send_up(pkt, md, reason_echo) : refuse(other_address);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	struct hover_headers headers;
	__u8 to[6];
	int result;

	if (pkt_load(pkt, 0, to, sizeof(to)) < 0)
		return refuse(truncated);
	if (!is_server_mac(to) && !is_broadcast(to) && !is_own_group(to))
		return refuse(other_station);
	result = pkt_parse(pkt, &headers);
	if (headers.tags)
		return refuse(tagged);
	if (result == HOVER_PARSE_TRUNCATED)
		return refuse(truncated);
	if (result == HOVER_PARSE_MALFORMED)
		return refuse(malformed);
	if (result == HOVER_PARSE_NOT_IP)
		return headers.ethertype == bpf_htons(ETH_P_ARP) ? handle_arp(pkt, md) : refuse(other_protocol);
	if (headers.fragment)
		return refuse(fragment);
	return headers.version == 4 ? handle_ipv4(pkt, md, &headers) : handle_ipv6(pkt, md, &headers);
}
