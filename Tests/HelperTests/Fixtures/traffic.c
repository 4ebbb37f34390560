// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// To a client, the server 10.0.1.2 or fd01::2, port 5201, is 10.0.0.9 or fd00::9, port 9000: the one program is for
// packets to it, the other for packets from it.
#include <linux/pkt_cls.h>

#include <hover/checksum.h>

static const ipv6_addr_t server = { .bytes = { 0xfd, 1, [15] = 2 } };
static const ipv6_addr_t shown = { .bytes = { 0xfd, 0, [15] = 9 } };

static __always_inline bool is_wanted(void *pkt, struct hover_headers *headers)
{
	return pkt_parse(pkt, headers) == HOVER_PARSE_OK &&
	       (headers->l4_protocol == IPPROTO_TCP || headers->l4_protocol == IPPROTO_UDP);
}

SEC("tc") int to_server(struct __sk_buff *pkt)
{
	struct hover_headers headers;
	ipv6_addr_t address = server;
	int error;

	if (!is_wanted(pkt, &headers) || headers.destination_port != bpf_htons(9000))
		return TC_ACT_UNSPEC;
	if (headers.version == 4)
		error = pkt_set_ipv4_destination(pkt, &headers, bpf_htonl(0x0a000102));
	else
		error = pkt_set_ipv6_destination(pkt, &headers, &address);
	error = error ?: pkt_set_destination_port(pkt, &headers, bpf_htons(5201));
	return error ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc") int from_server(struct __sk_buff *pkt)
{
	struct hover_headers headers;
	ipv6_addr_t address = shown;
	int error;

	if (!is_wanted(pkt, &headers) || headers.source_port != bpf_htons(5201))
		return TC_ACT_UNSPEC;
	if (headers.version == 4)
		error = pkt_set_ipv4_source(pkt, &headers, bpf_htonl(0x0a000009));
	else
		error = pkt_set_ipv6_source(pkt, &headers, &address);
	error = error ?: pkt_set_source_port(pkt, &headers, bpf_htons(9000));
	return error ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char program_license[] SEC("license") = "GPL";
