// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Packet headers by BCC's names, for pointers into the packet. Numbers are in network order, as they lie in the packet.
// Bits inside a byte have the names that BCC gave them; a number that begins inside a byte and ends in another is in
// two parts, _high and _low, because no C bit field can have that order.
#pragma once

#include <linux/types.h>
#include <linux/if_ether.h>

struct ethernet_t {
	__u64 dst : 48;
	__u64 src : 48;
	__be16 type;
} __attribute__((packed));

struct dot1q_t {
	__u8 vlanid_high : 4;
	__u8 cfi : 1;
	__u8 pri : 3;
	__u8 vlanid_low;
	__be16 type;
} __attribute__((packed));

struct arp_t {
	__be16 htype;
	__be16 ptype;
	__u8 hlen;
	__u8 plen;
	__be16 oper;
	__u64 sha : 48;
	__u64 spa : 32;
	__u64 tha : 48;
	__be32 tpa;
} __attribute__((packed));

struct ip_t {
	// In 32-bit words.
	__u8 hlen : 4;
	__u8 ver : 4;
	__u8 tos;
	__be16 tlen;
	__be16 identification;
	__u8 foffset_high : 5;
	__u8 mf : 1;
	__u8 df : 1;
	__u8 ffo_unused : 1;
	__u8 foffset_low;
	__u8 ttl;
	__u8 nextp;
	__be16 hchecksum;
	__be32 src;
	__be32 dst;
} __attribute__((packed));

struct ip6_t {
	__u8 priority_high : 4;
	__u8 ver : 4;
	__u8 flow_label_high : 4;
	__u8 priority_low : 4;
	__be16 flow_label_low;
	__be16 payload_len;
	__u8 next_header;
	__u8 hop_limit;
	__be64 src_hi;
	__be64 src_lo;
	__be64 dst_hi;
	__be64 dst_lo;
} __attribute__((packed));

struct ip6_opt_t {
	__u8 next_header;
	// In 8 bytes, the first not counted.
	__u8 ext_len;
	__u8 pad[6];
} __attribute__((packed));

struct udp_t {
	__be16 sport;
	__be16 dport;
	__be16 length;
	__be16 crc;
} __attribute__((packed));

struct tcp_t {
	__be16 src_port;
	__be16 dst_port;
	__be32 seq_num;
	__be32 ack_num;
	__u8 reserved : 4;
	// In 32-bit words.
	__u8 offset : 4;
	__u8 flag_fin : 1;
	__u8 flag_syn : 1;
	__u8 flag_rst : 1;
	__u8 flag_psh : 1;
	__u8 flag_ack : 1;
	__u8 flag_urg : 1;
	__u8 flag_ece : 1;
	__u8 flag_cwr : 1;
	__be16 rcv_wnd;
	__be16 cksum;
	__be16 urg_ptr;
} __attribute__((packed));

struct icmp_t {
	__u8 type;
	__u8 code;
	__be16 checksum;
} __attribute__((packed));

struct icmp6_t {
	__u8 type;
	__u8 code;
	__be16 checksum;
} __attribute__((packed));

struct vxlan_t {
	__u8 rsv2 : 3;
	__u8 iflag : 1;
	__u8 rsv1 : 4;
	__u32 rsv3 : 24;
	__u32 key : 24;
	__u32 rsv4 : 8;
} __attribute__((packed));

struct vxlan_gbp_t {
	__u8 rsv2 : 3;
	__u8 iflag : 1;
	__u8 rsv1 : 3;
	__u8 gflag : 1;
	__u8 rsv5 : 3;
	__u8 aflag : 1;
	__u8 rsv4 : 2;
	__u8 dflag : 1;
	__u8 rsv3 : 1;
	__be16 tag;
	__u32 key : 24;
	__u32 rsv6 : 8;
} __attribute__((packed));
