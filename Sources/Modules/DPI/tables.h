// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What is known of flows, what is to become of them, and what is counted. Verdict.swift, Policy.swift and DPIState.swift
// are the other half.
#pragma once

#include <hover/aging.h>
#include <hover/flow.h>
#include <hover/parse.h>

// Numbers that nDPI can give to applications and categories: its NDPI_NUM_BITS, and more categories than it has.
#define DPI_APPLICATIONS 512
#define DPI_CATEGORIES 128

// Bits of a verdict's state.
enum {
	// The slow path has said what the flow is. Without this bit the rest is zero.
	DPI_KNOWN = 1,
	// It wants no more packets of the flow.
	DPI_FINAL = 2,
	// By port or address, for the packets did not tell.
	DPI_GUESSED = 4,
	// The slow path did not answer in time, and is not asked any more.
	DPI_UNANSWERED = 8,
};

// Numbers of nDPI. Read and written as one word.
struct dpi_verdict {
	// YouTube, in TLS that carries YouTube.
	__u16 application;
	// TLS, there; 0 where there is no other.
	__u16 master;
	__u16 category;
	__u16 state;
} __attribute__((aligned(8)));

// What the slow path says of a flow. It alone writes these, each as a whole, so they do not touch what the fast path
// counts in the flow meanwhile.
struct dpi_answer {
	struct dpi_verdict verdict;
	// The flow that is meant: a later one may have the same addresses and ports.
	__u32 id;
	__u32 reserved;
	// As the packets had it (TLS and QUIC server name, HTTP host, DNS question), cut off; zeros behind it.
	char host[64];
};

// A flow, both directions of it.
struct dpi_flow {
	struct dpi_verdict verdict;
	// Where the module lies twice on a packet's way, it counts once.
	__u64 packets;
	__u64 bytes;
	// By hover_now: when the flow was first seen, and when its last packet was handed up.
	__u64 began;
	__u64 asked;
	// Never 0.
	__u32 id;
	// The slow path that packets were handed to, as in `listener`.
	__u32 session;
	// How many.
	__u16 handed;
	// By direction: the handler that looks at packets first, as md->in_ifc; 0: none came yet.
	__u8 side[2];
	// The direction of the first packet: 1 when its source is the key's destination.
	__u8 reversed;
	__u8 reserved[3];
};

const volatile __u64 tcp_timeout = 1800 * HOVER_SECOND;
const volatile __u64 other_timeout = 120 * HOVER_SECOND;
// The packets of a flow that are handed up at most.
const volatile __u32 inspected = 10;

static __always_inline __u64 dpi_timeout(const struct hover_tuple *key)
{
	return key->protocol == IPPROTO_TCP ? tcp_timeout : other_timeout;
}

// The key is the direction whose source is the lower end, so both directions have one entry.
HOVER_AGING_TABLE(flows, struct hover_tuple, struct dpi_flow, 65536, dpi_timeout(key), 0);

// Without preallocation an entry that is removed is not used again before all packets in hand are done.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct hover_tuple);
	__type(value, struct dpi_answer);
} answers SEC(".maps");

// A number that each slow path chooses anew when it begins: what was handed to an earlier one may be lost.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} listener SEC(".maps");

enum dpi_what {
	DPI_ACCEPT,
	DPI_BLOCK,
	DPI_MARK,
};

struct dpi_action {
	// An enum dpi_what.
	__u8 what;
	// Of DPI_MARK, 0 to 63.
	__u8 dscp;
};

// The number that stands for no rule; its action is the default.
#define DPI_NO_RULE 255

// Rules are numbered in their order, from 0.
struct dpi_policy {
	// The first rule that names it.
	__u8 application[DPI_APPLICATIONS];
	__u8 category[DPI_CATEGORIES];
	struct dpi_action rules[DPI_NO_RULE + 1];
};

// One entry, written as a whole: the kernel puts the new value in the place of the old one, and a packet meets one or the
// other.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dpi_policy);
} policy SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct dpi_amount {
	__u64 packets;
	__u64 bytes;
	// Of these packets, those that were dropped, and those that were marked.
	__u64 blocked;
	__u64 marked;
};

// Behind the applications: packets before their flow's verdict, and packets of flows that get none.
#define DPI_PENDING DPI_APPLICATIONS
#define DPI_UNCLASSIFIED (DPI_APPLICATIONS + 1)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DPI_UNCLASSIFIED + 1);
	__type(key, __u32);
	__type(value, struct dpi_amount);
} applications SEC(".maps");

enum dpi_event {
	// Packets that belong to no flow that could be classified; all of them pass.
	DPI_NOT_IP,
	DPI_MALFORMED,
	// Behind the first one of its datagram.
	DPI_FRAGMENT,
	// ICMP that neither asks nor answers, as errors and neighbour discovery.
	DPI_NO_FLOW,
	// There was no room for its flow.
	DPI_TABLE_FULL,
	// Packets that were handed up, and those that could not be.
	DPI_HANDED,
	DPI_NOBODY_LISTENS,
	DPI_RATE,
	DPI_RING_FULL,
	// Flows that got no answer.
	DPI_FLOWS_UNANSWERED,
	DPI_EVENTS = 16,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DPI_EVENTS);
	__type(key, __u32);
	__type(value, __u64);
} events SEC(".maps");

static __always_inline void dpi_note(enum dpi_event event)
{
	__u32 index = event;
	__u64 *count = bpf_map_lookup_elem(&events, &index);

	if (count)
		++*count;
}
