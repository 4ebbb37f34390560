// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Answers for packets that are rejected: a RST for TCP (RFC 9293, 3.10.7.1), an ICMP error "port unreachable" for the
// rest (RFC 792; RFC 4443, 3.1). The packet itself is made into the answer, and sent to where it came from.
#pragma once

#include <hover/bucket.h>
#include <hover/compute.h>
#include <hover/vlan.h>

#include "reasons.h"
#include "search.h"

// Of the packet that an ICMP error is about, at most; at least its IP header and 8 bytes (RFC 792).
#define FIREWALL_QUOTED 128

struct firewall_answers {
	struct hover_bucket bucket;
	__u64 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct firewall_answers);
} answers SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct firewall_answer {
	mac_addr_t macs[2];
	__u8 ip[40];
	__u8 quoted[FIREWALL_QUOTED];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct firewall_answer);
} answer SEC(".maps") __attribute__((btf_decl_tag("hover:internal"))) __attribute__((btf_decl_tag("hover:temporary")));

#ifndef HOVER_XDP

// Sends the packet to where it came from: out of the interface that it came in by, or to the host itself.
static __always_inline int firewall_send_back(struct __sk_buff *skb)
{
	if (skb->ifindex == HOVER_DEVICE)
		return -ENODEV;
	if (skb->ingress_ifindex)
		return bpf_clone_redirect(skb, skb->ingress_ifindex, 0);
	return bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
}

// Writes the IP header of an answer with `length` bytes behind it.
static __always_inline int firewall_store_ip(void *pkt, const struct hover_headers *headers,
					     const struct firewall_packet *packet, __u8 protocol, __u32 length)
{
	if (headers->version == 4) {
		struct {
			__u8 version;
			__u8 tos;
			__be16 length;
			__be32 fragment;
			__u8 ttl;
			__u8 protocol;
			__be16 sum;
			__be32 source;
			__be32 destination;
		} ip = {
			.version = 0x45,
			.length = bpf_htons(20 + length),
			.ttl = 64,
			.protocol = protocol,
			.source = hover_unmap_ipv4(&packet->destination),
			.destination = hover_unmap_ipv4(&packet->source),
		};

		return pkt_store(pkt, headers->l3_offset, &ip, sizeof(ip))
			       ?: pkt_compute_ipv4_checksum(pkt, headers->l3_offset);
	}
	struct {
		__u8 version;
		__u8 flow[3];
		__be16 length;
		__u8 next;
		__u8 hop_limit;
		ipv6_addr_t source;
		ipv6_addr_t destination;
	} ip = {
		.version = 0x60,
		.length = bpf_htons(length),
		.next = protocol,
		.hop_limit = 64,
		.source = packet->destination,
		.destination = packet->source,
	};

	return pkt_store(pkt, headers->l3_offset, &ip, sizeof(ip));
}

// Makes the packet as long as the answer, with its Ethernet and IP headers. `reply` gets where its headers are.
static __always_inline int firewall_turn(struct __sk_buff *skb, const struct hover_headers *headers,
					 const struct firewall_packet *packet, __u8 protocol, __u32 length,
					 struct hover_headers *reply)
{
	__u32 ip = headers->version == 4 ? 20 : 40, size = headers->l3_offset + ip + length;
	mac_addr_t macs[2], turned[2];

	*reply = (struct hover_headers){
		.version = headers->version,
		.l3_offset = headers->l3_offset,
		.l4_offset = headers->l3_offset + ip,
		.l4_protocol = protocol,
		.total_length = ip + length,
	};
	if (pkt_load(skb, 0, macs, sizeof(macs)) < 0 || bpf_skb_change_tail(skb, size, 0) < 0)
		return -EFAULT;
	turned[0] = macs[1];
	turned[1] = macs[0];
	if (pkt_store(skb, 0, turned, sizeof(turned)) < 0)
		return -EFAULT;
	return firewall_store_ip(skb, headers, packet, protocol, length);
}

static __always_inline int firewall_answer_tcp(struct __sk_buff *skb, const struct hover_headers *headers,
					       const struct firewall_packet *packet)
{
	struct {
		__be16 source;
		__be16 destination;
		__be32 sequence;
		__be32 acknowledged;
		__u8 size;
		__u8 flags;
		__be16 window;
		__be32 sum;
	} tcp;
	struct hover_headers reply;
	__u32 length = headers->l3_offset + headers->total_length - headers->payload_offset;
	__be16 port;

	if (packet->tcp_flags & HOVER_RST || pkt_load(skb, headers->l4_offset, &tcp, sizeof(tcp)) < 0)
		return -EINVAL;
	length += !!(packet->tcp_flags & HOVER_SYN) + !!(packet->tcp_flags & HOVER_FIN);
	port = tcp.source;
	tcp.source = tcp.destination;
	tcp.destination = port;
	tcp.size = sizeof(tcp) << 2;
	tcp.window = 0;
	tcp.sum = 0;
	if (packet->tcp_flags & HOVER_ACK) {
		tcp.flags = HOVER_RST;
		tcp.sequence = tcp.acknowledged;
		tcp.acknowledged = 0;
	} else {
		tcp.flags = HOVER_RST | HOVER_ACK;
		tcp.acknowledged = bpf_htonl(bpf_ntohl(tcp.sequence) + length);
		tcp.sequence = 0;
	}
	if (firewall_turn(skb, headers, packet, IPPROTO_TCP, sizeof(tcp), &reply) < 0 ||
	    pkt_store(skb, reply.l4_offset, &tcp, sizeof(tcp)) < 0)
		return -EFAULT;
	return pkt_compute_l4_checksum(skb, &reply) ?: firewall_send_back(skb);
}

static __always_inline int firewall_answer_icmp(struct __sk_buff *skb, const struct hover_headers *headers,
						const struct firewall_packet *packet)
{
	__u32 size = headers->total_length > FIREWALL_QUOTED ? FIREWALL_QUOTED : headers->total_length, only = 0;
	struct firewall_answer *room = bpf_map_lookup_elem(&answer, &only);
	// Port unreachable.
	__u8 icmp[8] = { headers->version == 4 ? 3 : 1, headers->version == 4 ? 3 : 4 };
	struct hover_headers reply;

	if (!room || !HOVER_BOUNDED(size, FIREWALL_QUOTED) ||
	    pkt_load(skb, headers->l3_offset, room->quoted, size) < 0)
		return -EFAULT;
	if (firewall_turn(skb, headers, packet, headers->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			  sizeof(icmp) + size, &reply) < 0 ||
	    pkt_store(skb, reply.l4_offset, icmp, sizeof(icmp)) < 0)
		return -EFAULT;
	if (!HOVER_BOUNDED(size, FIREWALL_QUOTED) ||
	    pkt_store(skb, reply.l4_offset + sizeof(icmp), room->quoted, size) < 0)
		return -EFAULT;
	return pkt_compute_l4_checksum(skb, &reply) ?: firewall_send_back(skb);
}

// Whether there may be an answer: never to what was for many, to errors, and to what has no beginning (RFC 1122, 3.2.2).
static __always_inline bool firewall_may_answer(void *pkt, const struct hover_headers *headers,
						const struct firewall_packet *packet)
{
	__u8 first, source;

	if (!headers->l4_offset || pkt_quotes(headers) || pkt_load(pkt, 0, &first, 1) < 0 || first & 1)
		return false;
	if (headers->version == 6)
		return packet->destination.bytes[0] != 0xff && packet->source.bytes[0] != 0xff &&
		       (packet->source.bytes[0] || packet->source.bytes[15]) &&
		       !(headers->l4_protocol == IPPROTO_ICMPV6 && headers->icmp_type < 128);
	source = packet->source.bytes[12];
	return packet->destination.bytes[12] < 224 && source && source != 127 && source < 224;
}

static __noinline int firewall_reject(void *pkt, struct metadata *md, const struct hover_headers *headers,
				      const struct firewall_packet *packet)
{
	const struct firewall_page *first = firewall_page(packet->version, 0);
	const struct firewall_header *header = (const struct firewall_header *)first;
	struct firewall_answers *limit;
	__u32 only = 0;
	int error;

	limit = bpf_map_lookup_elem(&answers, &only);
	if (!limit || !first || !firewall_may_answer(pkt, headers, packet))
		return 0;
	if (!firewall_is_within(&limit->bucket, header->reject_rate, header->reject_burst)) {
		firewall_note(md, FIREWALL_ANSWERS_LEFT_OUT);
		return 0;
	}
	if (headers->l4_protocol == IPPROTO_TCP)
		error = firewall_answer_tcp(pkt, headers, packet);
	else
		error = firewall_answer_icmp(pkt, headers, packet);
	firewall_note(md, error < 0 ? FIREWALL_ANSWERS_LEFT_OUT : FIREWALL_ANSWERS);
	return 0;
}

#else

// At xdp a packet cannot be sent elsewhere while the program goes on: there it is dropped.
static __always_inline int firewall_reject(void *pkt, struct metadata *md, const struct hover_headers *headers,
					   const struct firewall_packet *packet)
{
	firewall_note(md, FIREWALL_ANSWERS_LEFT_OUT);
	return 0;
}

#endif
