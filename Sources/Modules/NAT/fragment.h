// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Fragments without an L4 header follow the first one of their datagram, for some seconds. One that comes before it is
// dropped: to keep it would cost memory that anybody outside could fill.
#pragma once

#include "session_begin.h"
#include "translate.h"

struct fragment_key {
	ipv4_addr_t source;
	ipv4_addr_t destination;
	__be32 id;
	__u8 protocol;
	__u8 from;
	__u16 reserved;
};

struct fragment {
	// By hover_now.
	__u64 until;
	// Of the first one's session.
	struct session_key key;
	// The first one was not translated.
	bool passes;
	__u8 reserved[7];
};

// The oldest make room for new ones.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

static __always_inline struct fragment_key fragment_key(const struct work *work)
{
	return (struct fragment_key){
		.source = work->key.source,
		.destination = work->key.destination,
		.id = work->headers.fragment_id,
		.protocol = work->headers.l4_protocol,
		.from = work->key.from,
	};
}

// Notes what becomes of a datagram, by its first fragment.
static __noinline int note_fragment(const struct work *work, const struct settings *here, bool passes)
{
	struct fragment_key key = fragment_key(work);
	struct fragment fragment = {
		.until = HOVER_NOW() + here->timeouts[timeout_fragment] * HOVER_SECOND,
		.key = work->key,
		.passes = passes,
	};

	return bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

// The packet goes on as it is.
static __always_inline int pass(struct metadata *md, const struct work *work, const struct settings *here)
{
	if (work->headers.fragment == HOVER_FRAGMENT_FIRST)
		note_fragment(work, here, true);
	return pkt_redirect(NULL, md, md->in_ifc == inside ? outside : inside);
}

// The packet goes on translated.
static __always_inline int leave(void *pkt, struct metadata *md, const struct work *work,
				 const struct session *session)
{
	__u32 to = session->to;

	if (translate(pkt, &work->headers, session) < 0)
		return drop_because(failed);
	if (to == md->in_ifc && swap_stations(pkt) < 0)
		return drop_because(failed);
	return pkt_redirect(pkt, md, to);
}

// What the first fragment of a packet's datagram left; NULL: nothing, or it was too long ago.
static __noinline struct fragment *left_by_first(const struct work *work)
{
	struct fragment_key key = fragment_key(work);
	struct fragment *fragment = bpf_map_lookup_elem(&fragments, &key);

	return fragment && fragment->until >= HOVER_NOW() ? fragment : NULL;
}
