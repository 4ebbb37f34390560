// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A policy that counts, blocks and marks packets by the application that they belong to. What that is, the slow path finds
// out from the first packets of each flow; what it found stays with the flow.

#include <hover/checksum.h>

#include "tables.h"
#include "hand_up.h"

// How long a flow waits for its verdict after the last packet that the slow path may get.
#define DPI_PATIENCE (5 * HOVER_SECOND)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dpi_packet);
} scratch SEC(".maps") __attribute__((btf_decl_tag("hover:internal")))
__attribute__((btf_decl_tag("hover:temporary")));

static __always_inline struct dpi_verdict dpi_read(const struct dpi_verdict *from)
{
	__u64 word = *(volatile __u64 *)from;
	struct dpi_verdict verdict;

	__builtin_memcpy(&verdict, &word, sizeof(verdict));
	return verdict;
}

static __always_inline void dpi_write(struct dpi_verdict *to, struct dpi_verdict verdict)
{
	__u64 word;

	__builtin_memcpy(&word, &verdict, sizeof(word));
	*(volatile __u64 *)to = word;
}

// Whether the tuple's source is the higher end.
static __always_inline bool dpi_is_reversed(const struct hover_tuple *tuple)
{
	const __u64 *source = (const __u64 *)&tuple->source, *destination = (const __u64 *)&tuple->destination;

	if (source[0] != destination[0])
		return source[0] > destination[0];
	if (source[1] != destination[1])
		return source[1] > destination[1];
	return tuple->source_port > tuple->destination_port;
}

// Fills the key. Returns false where the packet belongs to no flow.
static __always_inline bool dpi_find_key(void *pkt, struct dpi_packet *packet)
{
	const struct hover_headers *headers = &packet->headers;
	struct hover_tuple tuple;

	if (hover_fill_tuple(pkt, headers, &tuple) != HOVER_FLOW_PACKET)
		return false;
	packet->direction = dpi_is_reversed(&tuple);
	if (packet->direction)
		hover_tuple_reverse(&packet->key, &tuple);
	else
		packet->key = tuple;
	packet->has_payload = (headers->l4_protocol != IPPROTO_TCP && headers->l4_protocol != IPPROTO_UDP) ||
			      headers->payload_offset < headers->l3_offset + headers->total_length;
	return true;
}

// A new flow; NULL where there is no room.
static __noinline struct dpi_flow *dpi_begin(struct dpi_packet *packet)
{
	struct dpi_flow flow = {
		.began = hover_now_coarse(),
		.id = bpf_get_prandom_u32() | 1,
		.reversed = packet->direction,
	};
	int error;

	flow.asked = flow.began;
	error = flows_insert(&packet->key, &flow);
	if (error == -ENOSPC)
		dpi_note(DPI_TABLE_FULL);
	return flows_peek(&packet->key);
}

// Takes over what the slow path has said meanwhile.
static __always_inline bool dpi_take_answer(const struct dpi_packet *packet, struct dpi_flow *flow)
{
	struct dpi_answer *answer = bpf_map_lookup_elem(&answers, &packet->key);

	if (!answer || answer->id != flow->id)
		return false;
	dpi_write(&flow->verdict, answer->verdict);
	return true;
}

// What the slow path before this one was given may be lost: the new one gets packets of its own.
static __always_inline void dpi_follow_listener(struct dpi_flow *flow, struct dpi_verdict *verdict, __u64 now)
{
	__u32 only = 0, *session = bpf_map_lookup_elem(&listener, &only);

	if (!session || *session == flow->session)
		return;
	flow->session = *session;
	flow->handed = 0;
	flow->asked = now;
	verdict->state &= ~DPI_UNANSWERED;
}

// A packet of a flow whose verdict is not final.
static __noinline int dpi_ask(void *pkt, struct metadata *md, struct dpi_packet *packet, struct dpi_flow *flow)
{
	__u64 now = hover_now_coarse();
	struct dpi_verdict verdict;

	dpi_take_answer(packet, flow);
	verdict = dpi_read(&flow->verdict);
	if (verdict.state & DPI_FINAL)
		return 0;
	dpi_follow_listener(flow, &verdict, now);
	if (verdict.state & DPI_UNANSWERED)
		return 0;
	if (flow->handed < inspected) {
		if (packet->has_payload && dpi_hand_up(pkt, md, packet, flow)) {
			flow->handed++;
			flow->asked = now;
		}
	} else if (now - flow->asked > DPI_PATIENCE) {
		verdict.state |= DPI_UNANSWERED;
		dpi_note(DPI_FLOWS_UNANSWERED);
	}
	dpi_write(&flow->verdict, verdict);
	return 0;
}

static __always_inline __u8 dpi_rule_of(const struct dpi_policy *all, struct dpi_verdict verdict)
{
	__u8 rule = all->category[verdict.category % DPI_CATEGORIES], other;

	other = all->application[verdict.application % DPI_APPLICATIONS];
	if (other < rule)
		rule = other;
	other = all->application[verdict.master % DPI_APPLICATIONS];
	// 0 says that there is no master, not that it is unknown.
	if (verdict.master && other < rule)
		rule = other;
	return rule;
}

// By the rules in force, so that another rule counts from the next packet on.
static __always_inline struct dpi_action dpi_action_of(struct dpi_verdict verdict)
{
	struct dpi_action accept = { .what = DPI_ACCEPT };
	struct dpi_policy *all;
	__u32 only = 0;

	if (!(verdict.state & DPI_KNOWN))
		return accept;
	all = bpf_map_lookup_elem(&policy, &only);
	return all ? all->rules[dpi_rule_of(all, verdict)] : accept;
}

// Sets the six bits of the DSCP (RFC 2474) and leaves those of ECN. Returns a negative number where that failed.
static __noinline int dpi_mark(void *pkt, const struct hover_headers *headers, __u32 dscp)
{
	__u8 now[2], class[2];

	if (pkt_load(pkt, headers->l3_offset, now, sizeof(now)) < 0)
		return -1;
	class[0] = now[0];
	class[1] = now[1];
	if (headers->version == 4) {
		class[1] = dscp << 2 | (now[1] & 3);
	} else {
		// The traffic class begins in the middle of the first byte.
		class[0] = (now[0] & 0xf0) | dscp >> 2;
		class[1] = dscp << 6 | (now[1] & 0x3f);
	}
	if (class[0] == now[0] && class[1] == now[1])
		return 0;
	return pkt_replace_ip(pkt, headers, headers->l3_offset, class, sizeof(class));
}

static __always_inline struct dpi_amount *dpi_amount_of(__u32 index)
{
	return bpf_map_lookup_elem(&applications, &index);
}

static __always_inline __u32 dpi_application(struct dpi_verdict verdict)
{
	if (verdict.state & DPI_KNOWN)
		return verdict.application % DPI_APPLICATIONS;
	return verdict.state & DPI_UNANSWERED ? DPI_UNCLASSIFIED : DPI_PENDING;
}

static __always_inline void dpi_count(struct metadata *md, struct dpi_flow *flow, __u32 application, __u8 what)
{
	struct dpi_amount *amount = dpi_amount_of(application);

	if (flow) {
		HOVER_COUNT(flow->packets, 1);
		HOVER_COUNT(flow->bytes, md->pktlen);
	}
	if (!amount)
		return;
	amount->packets++;
	amount->bytes += md->pktlen;
	amount->blocked += what == DPI_BLOCK;
	amount->marked += what == DPI_MARK;
}

// Whether this is where the module looks first at packets of this direction: laid around a module, it sees each packet on
// its way in and on its way out.
static __always_inline bool dpi_is_first(const struct metadata *md, const struct dpi_packet *packet,
					 struct dpi_flow *flow)
{
	__u8 *side = &flow->side[packet->direction & 1];

	if (!*side)
		*side = md->in_ifc;
	return *side == md->in_ifc;
}

static __always_inline int dpi_handle_flow(void *pkt, struct metadata *md, struct dpi_packet *packet)
{
	struct dpi_flow *flow = flows_lookup(&packet->key);
	struct dpi_verdict verdict;
	struct dpi_action action;
	bool is_first;

	// Handshakes begin no flow, so those that come to nothing take no room.
	if (!flow && packet->has_payload)
		flow = dpi_begin(packet);
	if (!flow) {
		dpi_count(md, NULL, packet->has_payload ? DPI_UNCLASSIFIED : DPI_PENDING, DPI_ACCEPT);
		return RX_OK;
	}
	is_first = dpi_is_first(md, packet, flow);
	verdict = dpi_read(&flow->verdict);
	if (is_first && !(verdict.state & DPI_FINAL)) {
		dpi_ask(pkt, md, packet, flow);
		verdict = dpi_read(&flow->verdict);
	}
	action = dpi_action_of(verdict);
	if (is_first)
		dpi_count(md, flow, dpi_application(verdict), action.what);
	if (action.what == DPI_BLOCK)
		return RX_DROP;
	if (action.what == DPI_MARK && dpi_mark(pkt, &packet->headers, action.dscp) < 0)
		return RX_ERROR;
	return RX_OK;
}

static __always_inline int dpi_pass(enum dpi_event event)
{
	dpi_note(event);
	return RX_OK;
}

static int handle_rx(void *pkt, struct metadata *md)
{
	__u32 only = 0;
	struct dpi_packet *packet = bpf_map_lookup_elem(&scratch, &only);

	if (!packet)
		return RX_ERROR;
	switch (pkt_parse(pkt, &packet->headers)) {
	case HOVER_PARSE_OK:
		break;
	case HOVER_PARSE_NOT_IP:
		return dpi_pass(DPI_NOT_IP);
	default:
		return dpi_pass(DPI_MALFORMED);
	}
	if (packet->headers.fragment > HOVER_FRAGMENT_FIRST)
		return dpi_pass(DPI_FRAGMENT);
	if (!dpi_find_key(pkt, packet))
		return dpi_pass(DPI_NO_FLOW);
	return dpi_handle_flow(pkt, md, packet);
}
