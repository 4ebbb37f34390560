// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// How sessions end. One place removes them, the timer: so nothing that a packet has in hand is removed by two.
//
// The timer visits each session once a second. It notes whether packets came, follows TCP, and removes the session when
// its time is up, when the default public address it had is another one's now, or when user space has deleted one of its
// entries: then the other goes too, with all that the session held.
#pragma once

#include "references.h"

// So many sessions are visited a second at most: a fifth of a CPU. Beyond, the pause between visits is longer.
#define SESSION_VISITS (1 << 18)

static __always_inline __u32 session_timeout(const struct settings *here, const struct session_slot *slot)
{
	enum timeout which = timeout_other;

	switch (slot->keys[0].protocol) {
	case IPPROTO_TCP:
		which = slot->state == state_established ? timeout_tcp_established : timeout_tcp_transitory;
		break;
	case IPPROTO_UDP:
		which = slot->state == state_new ? timeout_udp_unreplied : timeout_udp;
		break;
	case IPPROTO_ICMP:
		which = timeout_icmp;
		break;
	}
	return here->timeouts[which];
}

// The state by what both sides have sent so far. A RST may be a forged one: where both sides go on to send, it was
// (RFC 7857, 2.2).
static __always_inline enum session_state session_state(struct session_slot *slot, struct session *began,
							struct session *answers, bool both)
{
	__u32 one = *(volatile __u32 *)&began->tcp_flags, other = *(volatile __u32 *)&answers->tcp_flags;

	if (slot->keys[0].protocol != IPPROTO_TCP)
		return slot->state;
	if ((one | other) & HOVER_RST) {
		__sync_fetch_and_and(&began->tcp_flags, ~HOVER_RST);
		__sync_fetch_and_and(&answers->tcp_flags, ~HOVER_RST);
		return state_reset;
	}
	if (slot->state == state_reset && !both)
		return state_reset;
	if (one & other & HOVER_FIN)
		return state_closing;
	return one & other & HOVER_ACK ? state_established : state_new;
}

// Removes an entry of a session, if it is still its own.
static __always_inline void session_forget(const struct session_key *key, __u32 number)
{
	struct session *session = bpf_map_lookup_elem(&sessions, key);

	if (session && session->slot == number)
		bpf_map_delete_elem(&sessions, key);
}

// Gives back what a session holds besides its entries.
static __always_inline void session_release(struct session_slot *slot)
{
	struct shared_key key;

	if (slot->contacted) {
		key = contact_key(slot,
				  slot->keys[0].from == inside ? slot->keys[0].destination : slot->keys[0].source);
		shared_drop(&mappings, &key);
	}
	if (slot->mapped) {
		key = mapping_key(slot, mapping_inside);
		shared_drop(&mappings, &key);
	}
	if (slot->counted) {
		key = client_key(slot);
		shared_drop(&clients, &key);
	}
}

static __noinline int session_end(struct session_slot *slot, __u32 number)
{
	struct hover_table_counts *counts = session_counts();

	session_forget(&slot->keys[0], number);
	session_forget(&slot->keys[1], number);
	session_release(slot);
	*(volatile __u64 *)&slot->due = 0;
	bpf_map_push_elem(&sessions_unused, &number, BPF_ANY);
	if (counts)
		HOVER_COUNT(counts->entries, -1);
	return 0;
}

// Whether the session is over; if not, when to look again.
static __always_inline bool session_is_over(struct session_slot *slot, __u64 now, __u64 pause,
					    const struct settings *here, struct session *began,
					    struct session *answers)
{
	bool came = began->used, answered = answers->used;
	__u64 ends;

	if (came)
		*(volatile __u8 *)&began->used = 0;
	if (answered)
		*(volatile __u8 *)&answers->used = 0;
	if (came || answered)
		slot->seen = now;
	if (answered && slot->state == state_new && slot->keys[0].protocol != IPPROTO_TCP)
		slot->state = state_established;
	slot->state = session_state(slot, began, answers, came && answered);
	ends = hover_deadline(slot->seen, (__u64)session_timeout(here, slot) * HOVER_SECOND);
	if (ends <= now || (slot->is_default && slot->address != default_address(here)))
		return true;
	now = hover_deadline(now, pause);
	*(volatile __u64 *)&slot->due = ends < now ? ends : now;
	return false;
}

static __noinline int session_look(struct session_slot *slot, __u32 number, __u64 now, __u64 pause)
{
	struct hover_table_counts *counts = session_counts();
	const struct settings *here = settings_here();
	struct session *began, *answers;

	if (!counts || !here)
		return 0;
	began = bpf_map_lookup_elem(&sessions, &slot->keys[0]);
	answers = bpf_map_lookup_elem(&sessions, &slot->keys[1]);
	if (!began || began->slot != number || !answers || answers->slot != number) {
		HOVER_COUNT(counts->deleted, 1);
		return session_end(slot, number);
	}
	if (session_is_over(slot, now, pause, here, began, answers)) {
		HOVER_COUNT(counts->expired, 1);
		session_end(slot, number);
	}
	return 0;
}

static long session_visit(__u32 index, struct hover_sweep_run *run)
{
	__u32 number = run->first + index + 1;
	struct session_slot *slot = slot_at(number);
	__u64 due = slot ? *(volatile __u64 *)&slot->due : 0;

	if (!due || due > run->now)
		return 0;
	session_look(slot, number, run->now, HOVER_SECOND + (__u64)sessions_entries / SESSION_VISITS * HOVER_SECOND);
	return --run->work == 0;
}

static int session_fire(void *map, __u32 *key, struct hover_sweep *sweep)
{
	hover_timer_again(&sweep->timer, &sweep->due, hover_sweep_run(sweep, sessions_entries, session_visit));
	return 0;
}
