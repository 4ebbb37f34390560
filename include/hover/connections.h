// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The table of connections of hover/conntrack.h: entries in an array, an index that leads to an entry from the tuples
// of both directions, and what removes them. Authors use hover/conntrack.h.
#pragma once

#include <stdbool.h>

#include <hover/flow.h>
#include <hover/sweep.h>
#include <hover/tcp.h>

// The most connections. Each takes 0.5 KB.
#ifndef HOVER_CONNECTIONS
#define HOVER_CONNECTIONS 65536
#endif

// How many of them there may be while the module runs: one with a global `const volatile __u32 connections_entries` may be
// given tables of another size.
#ifndef HOVER_CONNECTIONS_NOW
#define HOVER_CONNECTIONS_NOW HOVER_CONNECTIONS
#endif

// What the module itself keeps with a connection: a type, of zeros at first.
#ifndef HOVER_CONNECTION_DATA
struct hover_connection_data {
	__u32 mark;
};
#define HOVER_CONNECTION_DATA struct hover_connection_data
#endif

struct hover_connection {
	// Held while `tcp` and `state` change.
	struct bpf_spin_lock lock;
	// The entry's own number, from 1.
	__u32 slot;
	// By hover_now; 0: the entry is empty, which Hover does not show.
	__u64 expires __attribute__((btf_decl_tag("hover:used")));
	// When it began, by hover_now.
	__u64 began;
	// As packets come in by from who began, and from the other side. With addresses translated, the reply is not the
	// reverse of the original: source and destination of what goes out are the reply's destination and source.
	struct hover_tuple original;
	struct hover_tuple reply;
	enum hover_tcp_state state;
	// Whether the other side has answered.
	bool replied;
	struct hover_tcp tcp;
	HOVER_CONNECTION_DATA data;
};

// What hover_track has found.
struct hover_tracked {
	// NULL if there is none: then nothing has begun it yet. Good as long as the packet is handled.
	struct hover_connection *connection;
	// Whether the packet goes from the other side to who began.
	bool is_reply;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HOVER_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct hover_connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_table_counts);
} connections_counts SEC(".maps");

// By the tuple of either direction: the entry's number, and HOVER_REPLY for that of the reply.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * HOVER_CONNECTIONS);
	__type(key, struct hover_tuple);
	__type(value, __u64);
} connections_index SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, HOVER_CONNECTIONS);
	__uint(value_size, sizeof(__u32));
} connections_unused SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hover_sweep);
} connections_sweep SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

#define HOVER_REPLY (1ULL << 32)

static __always_inline struct hover_connection *hover_connection_at(__u32 slot)
{
	__u32 index = slot - 1;

	return bpf_map_lookup_elem(&connections, &index);
}

static __always_inline struct hover_table_counts *hover_connection_counts(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&connections_counts, &only);
}

// Finds the connection that a tuple is a direction of.
static __always_inline bool hover_connection_find(const struct hover_tuple *tuple, __u64 now,
						  struct hover_tracked *tracked)
{
	__u64 *reference = bpf_map_lookup_elem(&connections_index, tuple);
	struct hover_connection *connection;
	__u64 noted, expires;

	tracked->connection = NULL;
	tracked->is_reply = false;
	if (!reference)
		return false;
	noted = *(volatile __u64 *)reference;
	connection = hover_connection_at((__u32)noted);
	if (!connection)
		return false;
	expires = *(volatile __u64 *)&connection->expires;
	if (expires <= now)
		return false;
	// The entry may have become another connection's since the index was read.
	if (!hover_tuple_is(noted & HOVER_REPLY ? &connection->reply : &connection->original, tuple))
		return false;
	tracked->connection = connection;
	tracked->is_reply = !!(noted & HOVER_REPLY);
	return true;
}

// Removes what the index has of an entry, by one of its tuples, if it is the entry's own.
static __always_inline void hover_connection_forget(const struct hover_tuple *tuple, __u64 reference)
{
	__u64 *noted = bpf_map_lookup_elem(&connections_index, tuple);

	if (noted && *(volatile __u64 *)noted == reference)
		bpf_map_delete_elem(&connections_index, tuple);
}

// Takes the right to empty an entry: only one can have it.
static __always_inline bool hover_connection_claim(struct hover_connection *connection, __u64 expires)
{
	return __sync_val_compare_and_swap(&connection->expires, expires, HOVER_DEAD) == expires;
}

// Empties an entry that is the caller's own: its `expires` is HOVER_DEAD.
static __noinline int hover_connection_empty(struct hover_connection *connection)
{
	struct hover_table_counts *counts = hover_connection_counts();
	__u32 slot = connection->slot;

	hover_connection_forget(&connection->original, slot);
	hover_connection_forget(&connection->reply, slot | HOVER_REPLY);
	__sync_lock_test_and_set(&connection->expires, 0);
	bpf_map_push_elem(&connections_unused, &slot, BPF_ANY);
	if (counts)
		HOVER_COUNT(counts->entries, -1);
	return 0;
}

static long hover_connection_visit(__u32 index, struct hover_sweep_run *run)
{
	struct hover_connection *connection = hover_connection_at(run->first + index + 1);
	struct hover_table_counts *counts = hover_connection_counts();
	__u64 expires;

	if (!connection || !counts)
		return 1;
	expires = *(volatile __u64 *)&connection->expires;
	if (expires <= HOVER_DEAD || expires > run->now)
		return 0;
	if (!hover_connection_claim(connection, expires))
		return 0;
	hover_connection_empty(connection);
	HOVER_COUNT(counts->expired, 1);
	return --run->work == 0;
}

static int hover_connection_fire(void *map, __u32 *key, struct hover_sweep *sweep)
{
	hover_timer_again(&sweep->timer, &sweep->due,
			  hover_sweep_run(sweep, HOVER_CONNECTIONS_NOW, hover_connection_visit));
	return 0;
}

// Removes a connection, both directions at once.
//
//	if (hover_track(&flow, &tracked) && tracked.connection && is_forbidden)
//		hover_disconnect(tracked.connection);
static __noinline int hover_disconnect(struct hover_connection *connection)
{
	struct hover_table_counts *counts = hover_connection_counts();

	for (int try = 0; counts && try < HOVER_SWEEP_TRIES; try++) {
		__u64 expires = *(volatile __u64 *)&connection->expires;

		if (expires <= HOVER_DEAD)
			return 0;
		if (hover_connection_claim(connection, expires)) {
			hover_connection_empty(connection);
			HOVER_COUNT(counts->deleted, 1);
			return 0;
		}
	}
	return 0;
}

// Puts a tuple of an entry into the index. Returns 0; -EEXIST if it is another connection's; another negative error
// number if there is no room. What has expired is no hindrance. Not static: the verifier checks it once, for all callers.
__noinline int hover_connection_index(const struct hover_tuple *tuple, __u64 reference)
{
	struct hover_tuple key;
	int error = -EEXIST;

	if (!tuple)
		return -EINVAL;
	// Linux 6.1 does not take an argument's memory for a key.
	key = *tuple;
	for (int try = 0; try < HOVER_SWEEP_TRIES; try++) {
		struct hover_table_counts *counts;
		struct hover_connection *other;
		__u64 *noted, expires;

		error = bpf_map_update_elem(&connections_index, &key, &reference, BPF_NOEXIST);
		if (error != -EEXIST)
			return error;
		noted = bpf_map_lookup_elem(&connections_index, &key);
		if (!noted)
			continue;
		other = hover_connection_at((__u32) * (volatile __u64 *)noted);
		counts = hover_connection_counts();
		if (!other || !counts)
			return error;
		expires = *(volatile __u64 *)&other->expires;
		if (expires > HOVER_NOW())
			return error;
		// Otherwise another CPU is emptying it.
		if (expires > HOVER_DEAD && hover_connection_claim(other, expires)) {
			hover_connection_empty(other);
			HOVER_COUNT(counts->expired, 1);
		}
	}
	return error;
}
