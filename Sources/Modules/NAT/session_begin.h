// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// How sessions begin. What makes a public end one's own is that its entry is inserted first (BPF_NOEXIST): that of the
// mapping, or that of the answers. So two CPUs never get the same.
#pragma once

#include "addresses.h"
#include "session_end.h"

// What is known of the packet in hand. One a CPU: too much for the stack of a program.
struct work {
	struct hover_headers headers;
	struct session_key key;
	struct session session;
	struct session_key answer_key;
	struct session answer;
	struct session_slot slot;
	struct hover_ports ports;
	// What mappings and clients are looked up by.
	struct shared_key shared_key;
	struct shared shared;
	// An enum reason, when something fails.
	__u32 reason;
	// It belongs to a session, or could.
	bool is_flow;
	// The port of its public end is to be found.
	bool searches;
	// A mapping is to be held.
	bool maps;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} works SEC(".maps") __attribute__((btf_decl_tag("hover:internal"))) __attribute__((btf_decl_tag("hover:temporary")));

static __always_inline struct work *work_here(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&works, &only);
}

// So many ports are tried to keep an odd port odd: 16 find one of four that are free in all but 1 of 100 searches.
#define PARITY_TRIES 16

// A search for the port of a public end.
struct port_search {
	struct work *work;
	const struct settings *here;
	__s64 error;
};

// The public end has this port: of an ICMP request, its identifier.
static __always_inline void set_public_port(struct work *work, __be16 port)
{
	work->slot.port = port;
	if (work->searches)
		work->session.source_port = port;
}

static __always_inline int insert_mapping(struct work *work)
{
	work->shared_key = mapping_key(&work->slot, mapping_outside);
	work->shared = (struct shared){
		.address = work->slot.client,
		.port = work->slot.client_port,
		.key = work->shared_key,
	};
	return bpf_map_update_elem(&mappings, &work->shared_key, &work->shared, BPF_NOEXIST);
}

static __always_inline int insert_answer(struct work *work)
{
	session_sums(&work->session, &work->key);
	session_answer(&work->key, &work->session, &work->answer_key, &work->answer);
	return bpf_map_update_elem(&sessions, &work->answer_key, &work->answer, BPF_NOEXIST);
}

static long port_try(__u32 index, struct port_search *search)
{
	struct work *work = search->work;
	__be16 port = hover_ports_next(&work->ports);

	search->error = -EADDRINUSE;
	if (!port)
		return 1;
	// A forwarded port is somebody's already.
	if (forward_of(search->here, work->key.protocol, work->slot.address, port))
		return 0;
	set_public_port(work, port);
	search->error = work->maps ? insert_mapping(work) : insert_answer(work);
	return search->error != -EEXIST;
}

// Finds a free port, and inserts what makes it the session's. Its error is a reason.
static __noinline int find_port(struct work *work, const struct settings *here)
{
	struct port_search search = { work, here, 0 };
	__be16 wanted = work->slot.client_port;
	bool keeps_parity = here->keeps_parity && work->key.protocol == IPPROTO_UDP;
	// Identifiers of pings are no ports: none of them is reserved.
	bool is_ping = work->key.protocol == IPPROTO_ICMP;

	hover_ports_begin(&work->ports, wanted, is_ping ? 1 : here->first_port, is_ping ? 65535 : here->last_port,
			  keeps_parity);
	// Where half of all ports are nearly gone, the other half serves.
	if (keeps_parity && work->ports.left > PARITY_TRIES)
		work->ports.left = PARITY_TRIES;
	// The router's own ports stay as they are where they are free, whatever they are.
	if (work->slot.client == work->slot.address)
		work->ports.wanted = wanted;
	else if (!here->keeps_ports)
		work->ports.wanted = 0;
	bpf_loop(HOVER_PORT_TRIES + 2, port_try, &search, 0);
	if (search.error == -EADDRINUSE && keeps_parity) {
		hover_ports_begin(&work->ports, 0, here->first_port, here->last_port, false);
		bpf_loop(HOVER_PORT_TRIES + 2, port_try, &search, 0);
	}
	if (search.error == -EADDRINUSE || search.error == -EEXIST)
		return no_port;
	return search.error ? sessions_full : 0;
}

// Makes the mapping of the inside end. Its error is a reason.
static __always_inline int make_mapping(struct work *work, const struct settings *here)
{
	int error = find_port(work, here);

	if (error)
		return error;
	work->shared_key = mapping_key(&work->slot, mapping_inside);
	work->shared = (struct shared){
		.references = 1,
		.address = work->slot.address,
		.port = work->slot.port,
		.key = work->shared_key,
	};
	error = bpf_map_update_elem(&mappings, &work->shared_key, &work->shared, BPF_NOEXIST);
	work->slot.mapped = !error;
	if (!error)
		return 0;
	work->shared_key = mapping_key(&work->slot, mapping_outside);
	bpf_map_delete_elem(&mappings, &work->shared_key);
	return error == -EEXIST ? busy : sessions_full;
}

// Holds the mapping of the inside end, or makes one. Its error is a reason.
static __always_inline int obtain_mapping(struct work *work, const struct settings *here)
{
	struct shared *shared;
	int error;

	work->shared_key = mapping_key(&work->slot, mapping_inside);
	error = shared_hold(&mappings, &work->shared_key, 0, &shared);
	if (error == -ENOENT && work->searches)
		return make_mapping(work, here);
	if (error)
		return busy;
	set_public_port(work, shared->port);
	work->slot.mapped = true;
	// The client's public address is another one now. The mapping goes with its last session.
	return shared->address == work->slot.address ? 0 : busy;
}

static __always_inline int reason_of(int error)
{
	return error == -EEXIST || error == -EBUSY ? busy : sessions_full;
}

// Counts the session as its client's.
static __always_inline int count_client(struct work *work, const struct settings *here)
{
	int error;

	work->shared_key = client_key(&work->slot);
	error = shared_obtain(&clients, &work->shared_key, &work->shared, here->sessions_per_client);
	work->slot.counted = !error;
	if (error == -EDQUOT)
		return client_limit;
	return error ? reason_of(error) : 0;
}

// Notes the remote end as one that the inside has spoken with.
static __always_inline int note_contact(struct work *work, const struct settings *here)
{
	int error;

	if (here->filtering != address_dependent || !work->slot.mapped || work->session.to != outside)
		return 0;
	work->shared_key = contact_key(&work->slot, work->key.destination);
	error = shared_obtain(&mappings, &work->shared_key, &work->shared, 0);
	work->slot.contacted = !error;
	return error ? reason_of(error) : 0;
}

// What sessions share.
static __noinline int obtain_shares(struct work *work, const struct settings *here)
{
	int error = count_client(work, here);

	if (!error && work->maps)
		error = obtain_mapping(work, here);
	return error ?: note_contact(work, here);
}

// Inserts both entries, that of the answers first: the other one is what packets that are on their way now look for.
static __noinline int insert_session(struct work *work, const struct settings *here)
{
	int error;

	if (work->searches && !work->maps) {
		error = find_port(work, here);
		if (error)
			return error;
	} else {
		error = insert_answer(work);
		if (error)
			return reason_of(error);
	}
	session_sums(&work->session, &work->key);
	error = bpf_map_update_elem(&sessions, &work->key, &work->session, BPF_NOEXIST);
	if (!error)
		return 0;
	session_forget(&work->answer_key, work->session.slot);
	return reason_of(error);
}

// Begins the session of the packet in hand. `key`, what `session` changes but the port that is searched for, and in
// `slot` the two ends are set. Returns 0, or -1 with the reason.
static __always_inline int session_begin(struct work *work, const struct settings *here)
{
	struct hover_table_counts *counts = session_counts();
	struct session_slot *slot;
	struct hover_sweep *sweep;
	__u32 only = 0, number;
	__u64 now = HOVER_NOW();
	int error;

	sweep = bpf_map_lookup_elem(&sessions_sweep, &only);
	if (!counts || !sweep)
		return -1;
	hover_timer_start(&sessions_sweep, &sweep->timer, &sweep->due, session_fire, HOVER_SWEEP_PAUSE);
	number = hover_slot_take(sweep, &sessions_unused, sessions_entries / 2);
	slot = slot_at(number);
	work->reason = sessions_full;
	if (!slot) {
		HOVER_COUNT(counts->refused, 1);
		return -1;
	}
	work->session.slot = number;
	work->session.used = 0;
	work->session.tcp_flags = work->headers.tcp_flags & (HOVER_SYN | HOVER_ACK);
	work->slot.state = state_new;
	work->slot.keys[0] = work->key;
	work->slot.counted = work->slot.mapped = work->slot.contacted = false;
	error = obtain_shares(work, here) ?: insert_session(work, here);
	if (error) {
		work->reason = error;
		session_release(&work->slot);
		bpf_map_push_elem(&sessions_unused, &number, BPF_ANY);
		if (error == sessions_full)
			HOVER_COUNT(counts->refused, 1);
		return -1;
	}
	work->slot.keys[1] = work->answer_key;
	work->slot.seen = work->slot.began = now;
	work->slot.due = 0;
	*slot = work->slot;
	HOVER_COUNT(counts->entries, 1);
	HOVER_COUNT(counts->inserted, 1);
	*(volatile __u64 *)&slot->due = hover_deadline(now, HOVER_SECOND);
	return 0;
}
