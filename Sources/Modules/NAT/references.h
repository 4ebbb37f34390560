// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// What several sessions share, and what goes with the last of them: the mapping of an inside end, the remote addresses
// that it has spoken with, and the count of a client's sessions.
#pragma once

#include <hover/allocator.h>
#include "session.h"

// What a shared entry is.
enum shared_kind {
	// An inside end; its value has the public one.
	mapping_inside = 1,
	// A public end; its value has the inside one.
	mapping_outside,
	// A public end, and a remote address that it has spoken with.
	contact,
	// A client; only its address counts.
	client,
};

struct shared_key {
	ipv4_addr_t address;
	ipv4_addr_t remote;
	__be16 port;
	__u8 protocol;
	// An enum shared_kind.
	__u8 kind;
};

struct shared {
	// How many sessions hold it. 0: it is being removed, or is a mapping_outside, which goes with its mapping_inside.
	__u32 references;
	// The other end of a mapping.
	ipv4_addr_t address;
	__be16 port;
	__u16 reserved;
	// The entry's own key: the kernel uses a removed entry's memory at once for the next.
	struct shared_key key;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * 65536);
	__type(key, struct shared_key);
	__type(value, struct shared);
} mappings SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct shared_key);
	__type(value, struct shared);
} clients SEC(".maps");

// Each failed try is another CPU that counted meanwhile.
#define SHARED_TRIES 32

static __always_inline bool shared_is(const struct shared *shared, const struct shared_key *key)
{
	return shared->key.address == key->address && shared->key.remote == key->remote &&
	       shared->key.port == key->port && shared->key.protocol == key->protocol && shared->key.kind == key->kind;
}

// Adds a reference to an entry. Returns 0; -ENOENT if there is none; -EBUSY if it is being removed; -EDQUOT if it has
// `most` already (0: no limit).
static __always_inline int shared_hold(void *map, const struct shared_key *key, __u32 most, struct shared **found)
{
	struct shared *shared = bpf_map_lookup_elem(map, key);

	if (!shared)
		return -ENOENT;
	for (int try = 0; try < SHARED_TRIES; try++) {
		__u32 references = *(volatile __u32 *)&shared->references;

		if (!references)
			return -EBUSY;
		if (most && references >= most)
			return -EDQUOT;
		if (__sync_val_compare_and_swap(&shared->references, references, references + 1) != references)
			continue;
		if (!shared_is(shared, key)) {
			__sync_fetch_and_sub(&shared->references, 1);
			return -EBUSY;
		}
		*found = shared;
		return 0;
	}
	return -EBUSY;
}

// Takes a reference off. The last one removes the entry, and of a mapping the other one first.
static __always_inline void shared_drop(void *map, const struct shared_key *key)
{
	struct shared *shared = bpf_map_lookup_elem(map, key);

	if (!shared || __sync_fetch_and_sub(&shared->references, 1) != 1)
		return;
	if (key->kind == mapping_inside) {
		struct shared_key other = {
			.address = shared->address,
			.port = shared->port,
			.protocol = key->protocol,
			.kind = mapping_outside,
		};

		bpf_map_delete_elem(map, &other);
	}
	bpf_map_delete_elem(map, key);
}

// Adds a reference to an entry, which is made of `new` if there is none.
static __always_inline int shared_obtain(void *map, const struct shared_key *key, struct shared *new, __u32 most)
{
	struct shared *shared;
	int error = -EBUSY;

	*new = (struct shared){ .references = 1, .key = *key };
	for (int try = 0; try < 2; try++) {
		error = shared_hold(map, key, most, &shared);
		if (error != -ENOENT)
			return error;
		error = bpf_map_update_elem(map, key, new, BPF_NOEXIST);
		if (error != -EEXIST)
			return error;
	}
	return error;
}

static __always_inline struct shared_key client_key(const struct session_slot *slot)
{
	return (struct shared_key){ .address = slot->client, .kind = client };
}

static __always_inline struct shared_key mapping_key(const struct session_slot *slot, enum shared_kind kind)
{
	bool is_inside = kind == mapping_inside;

	return (struct shared_key){
		.address = is_inside ? slot->client : slot->address,
		.port = is_inside ? slot->client_port : slot->port,
		.protocol = slot->keys[0].protocol,
		.kind = kind,
	};
}

static __always_inline struct shared_key contact_key(const struct session_slot *slot, ipv4_addr_t remote)
{
	struct shared_key key = mapping_key(slot, contact);

	key.remote = remote;
	return key;
}
