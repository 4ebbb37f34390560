// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A table whose entries expire: when they are not used for some time, or at a certain age.
//
//	#include <hover/aging.h>
//
//	struct station {
//		__u32 port;
//	};
//	const volatile __u64 idle = 300 * HOVER_SECOND;
//	HOVER_AGING_TABLE(stations, mac_addr_t, struct station, 4096, idle, 0);
//
//	static int handle_rx(void *pkt, struct metadata *md)
//	{
//		...
//		struct station *station = stations_lookup(&source);
//
//		if (!station) {
//			struct station new = { .port = md->in_ifc };
//			stations_insert(&source, &new);
//		}
//
// Nobody in user space has to sweep: a timer of the table's own removes what has expired, within half a second. An
// expired entry that is still there is not returned by anything.
#pragma once

#include <stdbool.h>

#include <hover/sweep.h>

// When an entry ends. User space sees it beside the value, and may set all to 0 in an entry that it makes: such an
// entry never expires, and is not counted.
struct hover_age {
	// By hover_now; 0: never.
	__u64 expires;
	// The latest that `expires` may become; 0: no limit.
	__u64 ends;
	// The entry's slot, from 1; 0: the entry is not swept.
	__u32 slot;
	__u32 reserved;
};

// Internal: the maps of one table.
struct hover_aging {
	void *table;
	void *counts;
	void *unused;
	void *sweep;
	__u32 entries;
};

static __always_inline struct hover_age hover_age_new(__u64 now, __u64 idle, __u64 absolute)
{
	struct hover_age age = {};

	if (absolute)
		age.ends = age.expires = hover_deadline(now, absolute);
	if (idle && (!absolute || idle < absolute))
		age.expires = hover_deadline(now, idle);
	return age;
}

static __always_inline bool hover_age_is_over(const struct hover_age *age, __u64 now)
{
	__u64 expires = *(volatile __u64 *)&age->expires;

	return expires && expires <= now;
}

// The entry was used: its idle time begins anew, but for its last 0.4 %. Returns false when it has expired.
static __always_inline bool hover_age_touch(struct hover_age *age, __u64 idle)
{
	__u64 expires = *(volatile __u64 *)&age->expires, later, now;

	if (!expires)
		return true;
	now = HOVER_NOW();
	if (expires <= now)
		return false;
	later = hover_deadline(now, idle);
	if (age->ends && later > age->ends)
		later = age->ends;
	// Packets come in millions a second, on all CPUs: what gains next to nothing is not worth the cache line.
	if (!idle || later <= expires + (idle >> 8))
		return true;
	return __sync_val_compare_and_swap(&age->expires, expires, later) != HOVER_DEAD;
}

// Takes the right to remove or replace an entry: only one can have it.
static __always_inline bool hover_age_claim(struct hover_age *age, __u64 expires)
{
	return __sync_val_compare_and_swap(&age->expires, expires, HOVER_DEAD) == expires;
}

// The same of an entry that has not expired, and what `expires` it had; false if it has, or somebody else removes it.
// The kernel uses a removed entry's memory at once for the next: if another CPU has removed the entry that was looked
// up, this one is another key's, and goes back to it.
static __always_inline bool hover_age_claim_alive(struct hover_age *age, __u64 now, __u64 *expires)
{
	for (int try = 0; try < HOVER_SWEEP_TRIES; try++) {
		*expires = *(volatile __u64 *)&age->expires;
		if (*expires && *expires <= now)
			return false;
		if (hover_age_claim(age, *expires))
			return true;
	}
	return false;
}

// Looks for an entry that has the key already. Returns 0 if there is none, -EEXIST if there is one, -EBUSY if it is
// being removed and that takes long, and 1 if it had expired: then it is the caller's, at `found`.
static __always_inline int hover_aging_take_expired(struct hover_aging maps, const void *key, __u64 now,
						    struct hover_age **found)
{
	for (int try = 0; try < HOVER_SWEEP_TRIES; try++) {
		struct hover_age *age = bpf_map_lookup_elem(maps.table, key);
		__u64 expires;

		if (!age)
			return 0;
		expires = *(volatile __u64 *)&age->expires;
		if (!expires || expires > now)
			return -EEXIST;
		if (expires == HOVER_DEAD || !hover_age_claim(age, expires))
			continue;
		*found = age;
		return 1;
	}
	return -EBUSY;
}

static __always_inline struct hover_table_counts *hover_aging_counts(struct hover_aging maps)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(maps.counts, &only);
}

static __always_inline struct hover_sweep *hover_aging_sweep(struct hover_aging maps)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(maps.sweep, &only);
}

// Removes an entry that is the caller's own, and gives its slot back.
static __always_inline int hover_aging_remove(struct hover_aging maps, const void *key, __u32 slot, __u64 *due)
{
	int error = bpf_map_delete_elem(maps.table, key);

	if (due && hover_slot_give(maps.unused, slot, due)) {
		struct hover_table_counts *counts = hover_aging_counts(maps);

		if (counts)
			HOVER_COUNT(counts->entries, -1);
	}
	return error;
}

// What the timer does about a slot that is due. `due` is the slot's, `key` the key of its entry.
static __always_inline void hover_aging_visit(struct hover_aging maps, const void *key, __u32 slot, __u64 *due,
					      __u64 now)
{
	struct hover_age *age = bpf_map_lookup_elem(maps.table, key);
	struct hover_table_counts *counts = hover_aging_counts(maps);
	__u64 noted = *(volatile __u64 *)due, expires;

	if (!counts)
		return;
	if (!age || age->slot != slot) {
		// User space removed or replaced the entry; or it is about to be inserted. Whether it is so, the
		// next look in a second tells: the lowest bit notes that this was the first.
		if (!(noted & 1)) {
			__sync_val_compare_and_swap(due, noted, hover_deadline(now, HOVER_SECOND) | 1);
		} else if (hover_slot_give(maps.unused, slot, due)) {
			HOVER_COUNT(counts->entries, -1);
			HOVER_COUNT(counts->deleted, 1);
		}
		return;
	}
	expires = *(volatile __u64 *)&age->expires;
	if (expires == HOVER_DEAD)
		return;
	if (!expires || expires > now) {
		__sync_val_compare_and_swap(due, noted, expires ?: hover_deadline(now, HOVER_SECOND));
		return;
	}
	if (!hover_age_claim(age, expires))
		return;
	hover_aging_remove(maps, key, slot, due);
	HOVER_COUNT(counts->expired, 1);
}

// Declares a table and its functions.
//
//	entries   the most entries, a constant
//	idle      nanoseconds without a lookup after which an entry expires; 0: none. A number, or a `const volatile
//	          __u64` that the module's config can set
//	absolute  nanoseconds after its insertion at which an entry expires, used or not; 0: none
//
//	value_type *name_lookup(const key_type *key)
//		The value; NULL when there is no such entry or it has expired. Its idle time begins anew.
//	value_type *name_peek(const key_type *key)
//		The same, without being a use.
//	int name_insert(const key_type *key, const value_type *value)
//		Inserts an entry that is not there yet. Returns 0; -EEXIST if there is one; -ENOSPC if the table is full
//		(counted as refused); -EBUSY if an entry with this key is being removed just now and that takes long.
//	int name_delete(const key_type *key)
//		Returns 0, or -ENOENT.
//
// A value that was found can be read and written in place as long as the packet is handled; if the entry is removed
// meanwhile, its memory may already be another entry's. The value of an insert lies on the stack: keep it below 200
// bytes. User space reads what was counted in the table `<name>_counts` (struct hover_table_counts).
#define HOVER_AGING_TABLE(name, key_type, value_type, most_entries, idle, absolute)                                   \
	struct hover_##name##_entry {                                                                                 \
		struct hover_age age;                                                                                 \
		__typeof__(value_type) value;                                                                         \
	};                                                                                                            \
	struct hover_##name##_slot {                                                                                  \
		/* Before this time the entry cannot expire; 0: there is none. */                                     \
		__u64 due;                                                                                            \
		__typeof__(key_type) key;                                                                             \
	};                                                                                                            \
	/* Hover sets it to what the table is loaded with. */                                                         \
	const volatile __u32 name##_entries = most_entries;                                                           \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                      \
		__uint(max_entries, most_entries);                                                                    \
		__type(key, key_type);                                                                                \
		__type(value, struct hover_##name##_entry);                                                           \
	} name SEC(".maps");                                                                                          \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                     \
		__uint(max_entries, 1);                                                                               \
		__type(key, __u32);                                                                                   \
		__type(value, struct hover_table_counts);                                                             \
	} name##_counts SEC(".maps");                                                                                 \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                     \
		__uint(max_entries, most_entries);                                                                    \
		__type(key, __u32);                                                                                   \
		__type(value, struct hover_##name##_slot);                                                            \
	} name##_slots SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));                                  \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_QUEUE);                                                                     \
		__uint(max_entries, most_entries);                                                                    \
		__uint(value_size, sizeof(__u32));                                                                    \
	} name##_unused SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));                                 \
	struct {                                                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                     \
		__uint(max_entries, 1);                                                                               \
		__type(key, __u32);                                                                                   \
		__type(value, struct hover_sweep);                                                                    \
	} name##_sweep SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));                                  \
	static __always_inline struct hover_aging hover_##name##_maps(void)                                           \
	{                                                                                                             \
		return (struct hover_aging){ &name, &name##_counts, &name##_unused, &name##_sweep, name##_entries };  \
	}                                                                                                             \
	static __always_inline struct hover_##name##_slot *hover_##name##_slot_at(__u32 index)                        \
	{                                                                                                             \
		return bpf_map_lookup_elem(&name##_slots, &index);                                                    \
	}                                                                                                             \
	static long hover_##name##_visit(__u32 index, struct hover_sweep_run *run)                                    \
	{                                                                                                             \
		struct hover_##name##_slot *slot = hover_##name##_slot_at(run->first + index);                        \
		__u64 due = slot ? *(volatile __u64 *)&slot->due : 0;                                                 \
                                                                                                                      \
		if (!due || due > run->now)                                                                           \
			return 0;                                                                                     \
		hover_aging_visit(hover_##name##_maps(), &slot->key, run->first + index + 1, &slot->due, run->now);   \
		return --run->work == 0;                                                                              \
	}                                                                                                             \
	static int hover_##name##_fire(void *map, __u32 *key, struct hover_sweep *sweep)                              \
	{                                                                                                             \
		hover_timer_again(&sweep->timer, &sweep->due,                                                         \
				  hover_sweep_run(sweep, name##_entries, hover_##name##_visit));                      \
		return 0;                                                                                             \
	}                                                                                                             \
	static __always_inline __typeof__(value_type) *name##_lookup(const __typeof__(key_type) *key)                 \
	{                                                                                                             \
		struct hover_##name##_entry *entry = bpf_map_lookup_elem(&name, key);                                 \
                                                                                                                      \
		return entry && hover_age_touch(&entry->age, (idle)) ? &entry->value : NULL;                          \
	}                                                                                                             \
	static __always_inline __typeof__(value_type) *name##_peek(const __typeof__(key_type) *key)                   \
	{                                                                                                             \
		struct hover_##name##_entry *entry = bpf_map_lookup_elem(&name, key);                                 \
                                                                                                                      \
		return entry && !hover_age_is_over(&entry->age, HOVER_NOW()) ? &entry->value : NULL;                  \
	}                                                                                                             \
	static __noinline int name##_insert(const __typeof__(key_type) *key, const __typeof__(value_type) *value)     \
	{                                                                                                             \
		struct hover_age *expired, age = hover_age_new(HOVER_NOW(), (idle), (absolute));                      \
		struct hover_aging maps = hover_##name##_maps();                                                      \
		struct hover_table_counts *counts = hover_aging_counts(maps);                                         \
		struct hover_sweep *sweep = hover_aging_sweep(maps);                                                  \
		struct hover_##name##_entry entry;                                                                    \
		struct hover_##name##_slot *slot;                                                                     \
		int result;                                                                                           \
                                                                                                                      \
		if (!counts || !sweep)                                                                                \
			return -ENOENT;                                                                               \
		hover_timer_start(&name##_sweep, &sweep->timer, &sweep->due, hover_##name##_fire, HOVER_SWEEP_PAUSE); \
		result = hover_aging_take_expired(maps, key, HOVER_NOW(), &expired);                                  \
		if (result < 0)                                                                                       \
			return result;                                                                                \
		if (result > 0 && expired->slot) {                                                                    \
			((struct hover_##name##_entry *)expired)->value = *value;                                     \
			expired->ends = age.ends;                                                                     \
			HOVER_COUNT(counts->expired, 1);                                                              \
			HOVER_COUNT(counts->inserted, 1);                                                             \
			__sync_lock_test_and_set(&expired->expires, age.expires);                                     \
			return 0;                                                                                     \
		}                                                                                                     \
		/* User space made it. */                                                                             \
		if (result > 0)                                                                                       \
			bpf_map_delete_elem(&name, key);                                                              \
		age.slot = hover_slot_take(sweep, maps.unused, name##_entries);                                       \
		slot = hover_##name##_slot_at(age.slot - 1);                                                          \
		if (!slot) {                                                                                          \
			HOVER_COUNT(counts->refused, 1);                                                              \
			return -ENOSPC;                                                                               \
		}                                                                                                     \
		__builtin_memset(&entry, 0, sizeof(entry));                                                           \
		entry.age = age;                                                                                      \
		entry.value = *value;                                                                                 \
		slot->key = *key;                                                                                     \
		__sync_lock_test_and_set(&slot->due, age.expires ?: hover_deadline(HOVER_NOW(), HOVER_SECOND));       \
		HOVER_COUNT(counts->entries, 1);                                                                      \
		result = bpf_map_update_elem(&name, key, &entry, BPF_NOEXIST);                                        \
		if (result) {                                                                                         \
			if (hover_slot_give(maps.unused, age.slot, &slot->due))                                       \
				HOVER_COUNT(counts->entries, -1);                                                     \
			if (result == -EEXIST)                                                                        \
				return result;                                                                        \
			HOVER_COUNT(counts->refused, 1);                                                              \
			return -ENOSPC;                                                                               \
		}                                                                                                     \
		HOVER_COUNT(counts->inserted, 1);                                                                     \
		return 0;                                                                                             \
	}                                                                                                             \
	static __noinline int name##_delete(const __typeof__(key_type) *key)                                          \
	{                                                                                                             \
		struct hover_##name##_entry *entry = bpf_map_lookup_elem(&name, key);                                 \
		struct hover_aging maps = hover_##name##_maps();                                                      \
		struct hover_table_counts *counts = hover_aging_counts(maps);                                         \
		struct hover_##name##_slot *slot;                                                                     \
		__u64 expires;                                                                                        \
		__u32 number;                                                                                         \
                                                                                                                      \
		if (!entry || !counts || !hover_age_claim_alive(&entry->age, HOVER_NOW(), &expires))                  \
			return -ENOENT;                                                                               \
		number = *(volatile __u32 *)&entry->age.slot;                                                         \
		slot = hover_##name##_slot_at(number - 1);                                                            \
		if (slot && __builtin_memcmp(&slot->key, key, sizeof(*key))) {                                        \
			__sync_val_compare_and_swap(&entry->age.expires, HOVER_DEAD, expires);                        \
			return -ENOENT;                                                                               \
		}                                                                                                     \
		if (slot)                                                                                             \
			HOVER_COUNT(counts->deleted, 1);                                                              \
		return hover_aging_remove(maps, key, number, slot ? &slot->due : NULL);                               \
	}
