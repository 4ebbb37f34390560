// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// How a TCP connection stands, as one sees it who only watches its packets pass (RFC 9293), and whether a packet can
// belong to it. For hover/conntrack.h.
//
// What is checked of sequence numbers is what Guido van Rooij derives in "Real Stateful TCP Packet Filtering in IP
// Filter" (2000), as netfilter does: a sender's data lies in the window that the other side has offered, and what it
// acknowledges has been sent.
#pragma once

#include <stdbool.h>

#include <hover/flow.h>

enum hover_tcp_state {
	// Not TCP.
	HOVER_TCP_NONE,
	// The first SYN.
	HOVER_TCP_SYN_SENT,
	// SYNs of both sides: simultaneous open (RFC 9293, 3.5).
	HOVER_TCP_SYN_SENT2,
	// One SYN is acknowledged.
	HOVER_TCP_SYN_RECV,
	// Both are.
	HOVER_TCP_ESTABLISHED,
	// One side's FIN.
	HOVER_TCP_FIN_WAIT,
	// It is acknowledged.
	HOVER_TCP_CLOSE_WAIT,
	// FINs of both sides.
	HOVER_TCP_LAST_ACK,
	// Both are acknowledged.
	HOVER_TCP_TIME_WAIT,
	// A RST.
	HOVER_TCP_CLOSE,
	HOVER_TCP_STATES,
};

// What a packet is to the connection.
enum hover_tcp_verdict {
	// It belongs to it.
	HOVER_TCP_VALID,
	// It may pass, but says nothing about the connection. Whoever gets it answers with an ACK that does (RFC 5961).
	HOVER_TCP_PASSES,
	// It cannot belong to it.
	HOVER_TCP_INVALID,
	// It is the SYN of a new connection in the place of this one, which has ended.
	HOVER_TCP_RESTARTS,
};

// What has been seen of one side.
struct hover_tcp_side {
	// The sequence number of its SYN.
	__u32 first;
	// Behind the last byte that it has sent.
	__u32 end;
	// Up to where the other side has offered to take its data.
	__u32 most;
	// The largest window that it has offered, in bytes.
	__u32 window;
	// What it has acknowledged.
	__u32 acknowledged;
	// Behind its FIN.
	__u32 fin;
	__u8 scale;
	__u8 flags;
	__u8 reserved[2];
};

#define HOVER_SIDE_SYN 1
#define HOVER_SIDE_SYN_ACKED 2
#define HOVER_SIDE_FIN 4
#define HOVER_SIDE_FIN_ACKED 8
// The other side acknowledges data, so `acknowledged` is known.
#define HOVER_SIDE_ACKS 16
// Its SYN had a window scale.
#define HOVER_SIDE_SCALES 32
// It was met in mid-stream: its window scale is not known, so numbers are not checked.
#define HOVER_SIDE_LIBERAL 64

// By direction: 0 is who began.
struct hover_tcp {
	struct hover_tcp_side sides[2];
};

// What is repeated may be older than a window: by as much as the largest one without scale, and some more.
#define HOVER_TCP_OLD 66000

// Sequence numbers wrap: one is after the other if it is within the next half of them (RFC 9293, 3.4).
static __always_inline bool hover_after(__u32 one, __u32 other)
{
	return (__s32)(other - one) < 0;
}

static __always_inline bool hover_tcp_has(const struct hover_tcp_side *side, __u8 flags)
{
	return (side->flags & flags) == flags;
}

static __always_inline enum hover_tcp_state hover_tcp_state(const struct hover_tcp *tcp)
{
	const struct hover_tcp_side *one = &tcp->sides[0], *other = &tcp->sides[1];
	__u8 both = one->flags & other->flags, any = one->flags | other->flags;

	if (!(any & HOVER_SIDE_SYN_ACKED))
		return both & HOVER_SIDE_SYN ? HOVER_TCP_SYN_SENT2 : HOVER_TCP_SYN_SENT;
	if (!(both & HOVER_SIDE_SYN_ACKED))
		return HOVER_TCP_SYN_RECV;
	if (both & HOVER_SIDE_FIN)
		return both & HOVER_SIDE_FIN_ACKED ? HOVER_TCP_TIME_WAIT : HOVER_TCP_LAST_ACK;
	if (any & HOVER_SIDE_FIN)
		return any & HOVER_SIDE_FIN_ACKED ? HOVER_TCP_CLOSE_WAIT : HOVER_TCP_FIN_WAIT;
	return HOVER_TCP_ESTABLISHED;
}

static __always_inline void hover_tcp_begin_side(struct hover_tcp_side *side, const struct hover_flow *flow)
{
	side->flags = HOVER_SIDE_SYN | (flow->scale != HOVER_NO_SCALE ? HOVER_SIDE_SCALES : 0);
	side->scale = flow->scale != HOVER_NO_SCALE ? flow->scale : 0;
	side->first = flow->sequence;
	side->end = flow->end;
	side->most = flow->end;
	// The window of a SYN is not scaled (RFC 7323, 2.2).
	side->window = flow->window;
}

// Whether a packet can begin a connection. `loose`: also in mid-stream.
static __always_inline bool hover_tcp_begins(const struct hover_flow *flow, bool loose)
{
	__u8 flags = flow->tcp_flags & (HOVER_FIN | HOVER_SYN | HOVER_RST | HOVER_ACK);

	return flags == HOVER_SYN || (loose && flags == HOVER_ACK);
}

// The state of a new connection, by a packet that can begin one.
static __always_inline enum hover_tcp_state hover_tcp_begin(struct hover_tcp *tcp, const struct hover_flow *flow)
{
	struct hover_tcp_side *sender = &tcp->sides[0], *receiver = &tcp->sides[1];

	__builtin_memset(tcp, 0, sizeof(*tcp));
	hover_tcp_begin_side(sender, flow);
	if (flow->tcp_flags & HOVER_SYN)
		return HOVER_TCP_SYN_SENT;
	sender->flags = HOVER_SIDE_SYN | HOVER_SIDE_SYN_ACKED | HOVER_SIDE_ACKS | HOVER_SIDE_LIBERAL;
	receiver->flags = HOVER_SIDE_SYN | HOVER_SIDE_SYN_ACKED | HOVER_SIDE_LIBERAL;
	sender->acknowledged = flow->acknowledged;
	receiver->end = flow->acknowledged;
	return HOVER_TCP_ESTABLISHED;
}

static __always_inline int hover_tcp_syn(struct hover_tcp *tcp, const struct hover_flow *flow,
					 struct hover_tcp_side *sender, struct hover_tcp_side *receiver)
{
	bool acks = flow->tcp_flags & HOVER_ACK;

	if (acks && (!hover_tcp_has(receiver, HOVER_SIDE_SYN) || !hover_after(flow->acknowledged, receiver->first) ||
		     hover_after(flow->acknowledged, receiver->end)))
		return HOVER_TCP_INVALID;
	if (!hover_tcp_has(sender, HOVER_SIDE_SYN) || sender->first != flow->sequence) {
		// An acknowledged SYN holds.
		if (hover_tcp_has(sender, HOVER_SIDE_SYN_ACKED))
			return HOVER_TCP_PASSES;
		hover_tcp_begin_side(sender, flow);
		sender->most = flow->end + receiver->window;
	}
	if (!hover_tcp_has(receiver, HOVER_SIDE_SYN))
		return HOVER_TCP_VALID;
	// Windows are scaled if both sides say so.
	if (!hover_tcp_has(receiver, HOVER_SIDE_SCALES) || !hover_tcp_has(sender, HOVER_SIDE_SCALES))
		receiver->scale = sender->scale = 0;
	if (acks) {
		receiver->flags |= HOVER_SIDE_SYN_ACKED;
		sender->flags |= HOVER_SIDE_ACKS;
		sender->acknowledged = flow->acknowledged;
		receiver->most = flow->acknowledged + flow->window;
	}
	return HOVER_TCP_VALID;
}

// A RST counts if its number is exactly the one that the receiver waits for. One that is within the window makes the
// receiver ask (RFC 5961, 3.2), and what does not reach the receiver's window is somebody else's.
static __always_inline int hover_tcp_rst(enum hover_tcp_state state, const struct hover_flow *flow, int reply,
					 const struct hover_tcp_side *sender, const struct hover_tcp_side *receiver)
{
	__u32 old = receiver->window > HOVER_TCP_OLD ? receiver->window : HOVER_TCP_OLD;

	if (state == HOVER_TCP_SYN_SENT && reply)
		return flow->tcp_flags & HOVER_ACK && hover_after(flow->acknowledged, receiver->first) &&
				       !hover_after(flow->acknowledged, receiver->end)
			       ? HOVER_TCP_VALID
			       : HOVER_TCP_INVALID;
	if (flow->sequence == sender->end ||
	    (hover_tcp_has(receiver, HOVER_SIDE_ACKS) && flow->sequence == receiver->acknowledged))
		return HOVER_TCP_VALID;
	// The answer to a stray ACK (RFC 9293, 3.5.1) has the number that the ACK asks for.
	if (state == HOVER_TCP_SYN_SENT || hover_tcp_has(sender, HOVER_SIDE_LIBERAL))
		return HOVER_TCP_PASSES;
	if (hover_after(sender->end - old, flow->sequence) || hover_after(flow->sequence, sender->most))
		return HOVER_TCP_INVALID;
	return HOVER_TCP_PASSES;
}

static __always_inline bool hover_tcp_in_window(const struct hover_flow *flow, const struct hover_tcp_side *sender,
						const struct hover_tcp_side *receiver)
{
	__u32 old = receiver->window > HOVER_TCP_OLD ? receiver->window : HOVER_TCP_OLD;
	__u32 old_ack = sender->window > HOVER_TCP_OLD ? sender->window : HOVER_TCP_OLD;

	if (hover_tcp_has(sender, HOVER_SIDE_LIBERAL))
		return true;
	return !hover_after(flow->sequence, sender->most) && !hover_after(sender->end - old, flow->end) &&
	       !hover_after(flow->acknowledged, receiver->end) &&
	       !hover_after(receiver->end - old_ack, flow->acknowledged);
}

// Notes what a packet within the window says.
static __always_inline void hover_tcp_note(const struct hover_flow *flow, struct hover_tcp_side *sender,
					   struct hover_tcp_side *receiver)
{
	__u32 window = (__u32)flow->window << (sender->scale & 15);
	bool liberal = hover_tcp_has(sender, HOVER_SIDE_LIBERAL);

	if (window > sender->window)
		sender->window = window;
	if (hover_after(flow->end, sender->end))
		sender->end = flow->end;
	if (liberal && hover_after(flow->acknowledged, receiver->end))
		receiver->end = flow->acknowledged;
	if (!hover_tcp_has(sender, HOVER_SIDE_ACKS) || hover_after(flow->acknowledged, sender->acknowledged))
		sender->acknowledged = flow->acknowledged;
	sender->flags |= HOVER_SIDE_ACKS;
	if (hover_after(flow->acknowledged + window, receiver->most))
		receiver->most = flow->acknowledged + window;
	if (hover_after(flow->acknowledged, receiver->first))
		receiver->flags |= HOVER_SIDE_SYN_ACKED;
	if (flow->tcp_flags & HOVER_FIN && !hover_tcp_has(sender, HOVER_SIDE_FIN)) {
		sender->flags |= HOVER_SIDE_FIN;
		sender->fin = flow->end;
	}
	if (hover_tcp_has(receiver, HOVER_SIDE_FIN) && !hover_after(receiver->fin, flow->acknowledged))
		receiver->flags |= HOVER_SIDE_FIN_ACKED;
}

// Takes a packet into account: `reply` is its direction, 0 that of who began. Sets the state. Returns an enum
// hover_tcp_verdict. Calls nothing, so that a lock may be held.
static __always_inline int hover_tcp_track(struct hover_tcp *tcp, enum hover_tcp_state *state,
					   const struct hover_flow *flow, int reply)
{
	struct hover_tcp_side *sender = &tcp->sides[reply & 1], *receiver = &tcp->sides[!(reply & 1)];
	__u8 flags = flow->tcp_flags & (HOVER_FIN | HOVER_SYN | HOVER_RST | HOVER_ACK);
	int verdict;

	if (flags == HOVER_SYN && *state >= HOVER_TCP_TIME_WAIT)
		return HOVER_TCP_RESTARTS;
	switch (flags) {
	case HOVER_SYN:
	case HOVER_SYN | HOVER_ACK:
		if (*state >= HOVER_TCP_ESTABLISHED)
			return HOVER_TCP_PASSES;
		verdict = hover_tcp_syn(tcp, flow, sender, receiver);
		if (verdict == HOVER_TCP_VALID)
			*state = hover_tcp_state(tcp);
		return verdict;
	case HOVER_RST:
	case HOVER_RST | HOVER_ACK:
		if (*state == HOVER_TCP_CLOSE)
			return HOVER_TCP_PASSES;
		verdict = hover_tcp_rst(*state, flow, reply, sender, receiver);
		if (verdict == HOVER_TCP_VALID)
			*state = HOVER_TCP_CLOSE;
		return verdict;
	case HOVER_ACK:
	case HOVER_FIN | HOVER_ACK:
		break;
	default:
		return HOVER_TCP_INVALID;
	}
	// A server that still has an old connection answers the SYN with an ACK, and the client that with a RST (RFC
	// 9293, 3.5.1).
	if (!hover_tcp_has(sender, HOVER_SIDE_SYN))
		return flags == HOVER_ACK ? HOVER_TCP_PASSES : HOVER_TCP_INVALID;
	if (!hover_tcp_has(receiver, HOVER_SIDE_SYN) || !hover_tcp_in_window(flow, sender, receiver))
		return HOVER_TCP_INVALID;
	if (*state == HOVER_TCP_CLOSE)
		return HOVER_TCP_PASSES;
	hover_tcp_note(flow, sender, receiver);
	*state = hover_tcp_state(tcp);
	return HOVER_TCP_VALID;
}
