// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// BCC's tables. Table `x` is a map `x_map`, tagged so that Hover shows it as `x`, and a constant struct `x`.
#pragma once

// The kind is a string literal: comparing it is a constant expression.
#define HOVER_IS(kind, name) (__builtin_strcmp(kind, name) == 0)

#define HOVER_TABLE_TYPE(kind)                                                                                        \
	(HOVER_IS(kind, "hash")              ? BPF_MAP_TYPE_HASH                                                      \
	 : HOVER_IS(kind, "array")           ? BPF_MAP_TYPE_ARRAY                                                     \
	 : HOVER_IS(kind, "percpu_hash")     ? BPF_MAP_TYPE_PERCPU_HASH                                               \
	 : HOVER_IS(kind, "percpu_array")    ? BPF_MAP_TYPE_PERCPU_ARRAY                                              \
	 : HOVER_IS(kind, "lru_hash")        ? BPF_MAP_TYPE_LRU_HASH                                                  \
	 : HOVER_IS(kind, "lru_percpu_hash") ? BPF_MAP_TYPE_LRU_PERCPU_HASH                                           \
	 : HOVER_IS(kind, "lpm_trie")        ? BPF_MAP_TYPE_LPM_TRIE                                                  \
	 : HOVER_IS(kind, "prog")            ? BPF_MAP_TYPE_PROG_ARRAY                                                \
					     : BPF_MAP_TYPE_UNSPEC)

// The kernel makes tries no other way.
#define HOVER_TABLE_FLAGS(kind) (HOVER_IS(kind, "lpm_trie") ? BPF_F_NO_PREALLOC : 0)

// An array's index, or a key of the program's choice.
#define HOVER_KEY_FITS(kind, key_type)                                                                                \
	(sizeof(key_type) == 4 ||                                                                                     \
	 !(HOVER_IS(kind, "array") || HOVER_IS(kind, "percpu_array") || HOVER_IS(kind, "prog")))

// How many processors have a value of their own to fall back to, when a table is full.
#define HOVER_SPARES 128

void hover_not_a_number(void) __attribute__((error("increment needs a table whose values are integers")));

static __always_inline void hover_add(void *value, __u64 size, __u64 by, bool atomic)
{
	if (size == 8 && atomic)
		__sync_fetch_and_add((__u64 *)value, by);
	else if (size == 4 && atomic)
		__sync_fetch_and_add((__u32 *)value, by);
	else if (size == 8)
		*(__u64 *)value += by;
	else if (size == 4)
		*(__u32 *)value += by;
	else if (size == 2)
		*(__u16 *)value += by;
	else
		*(__u8 *)value += by;
}

// `increment(key)` and `increment(key, by)` are two functions, told apart by the number of arguments. A function that
// a module calls `increment` is renamed at its definition and its calls alike, and so keeps working.
#define HOVER_SEVENTH(first, second, third, fourth, fifth, sixth, seventh, ...) seventh
#define HOVER_INCREMENT(one, by, ...) HOVER_SEVENTH(__VA_ARGS__, one, one, one, one, by, one, )(__VA_ARGS__)
#define increment(...) HOVER_INCREMENT(increment, increment_by, __VA_ARGS__)
#define atomic_increment(...) HOVER_INCREMENT(atomic_increment, atomic_increment_by, __VA_ARGS__)

#define BPF_F_TABLE(kind, key_type, leaf_type, name, entries, flags)                                                  \
	_Static_assert(!HOVER_IS(kind, "extern"),                                                                     \
		       "table " #name " is extern: a module reaches only its own tables; declare it here");           \
	_Static_assert(!HOVER_IS(kind, "shared"),                                                                     \
		       "table " #name " is shared: a module's tables are its own; use \"hash\" or \"array\"");        \
	_Static_assert(HOVER_TABLE_TYPE(kind) != BPF_MAP_TYPE_UNSPEC || HOVER_IS(kind, "extern") ||                   \
			       HOVER_IS(kind, "shared"),                                                              \
		       "table " #name ": hover has hash, array, percpu_hash, percpu_array, lru_hash, "                \
		       "lru_percpu_hash, lpm_trie and prog");                                                         \
	_Static_assert(HOVER_KEY_FITS(kind, key_type), "table " #name ": the key of an array has 4 bytes");           \
	struct {                                                                                                      \
		__uint(type, HOVER_TABLE_TYPE(kind));                                                                 \
		__uint(max_entries, entries);                                                                         \
		__uint(map_flags, HOVER_TABLE_FLAGS(kind) | (flags));                                                 \
		__type(key, key_type);                                                                                \
		__type(value, leaf_type);                                                                             \
	} name##_map SEC(".maps") __attribute__((btf_decl_tag("hover:table")));                                       \
	typedef __typeof__(key_type) hover_##name##_key;                                                              \
	typedef __typeof__(leaf_type) hover_##name##_leaf;                                                            \
	HOVER_TABLE_FUNCTIONS(name)                                                                                   \
	static const struct {                                                                                         \
		hover_##name##_leaf *(*lookup)(const void *key);                                                      \
		hover_##name##_leaf *(*lookup_or_init)(const void *key, const void *leaf);                            \
		hover_##name##_leaf *(*lookup_or_try_init)(const void *key, const void *leaf);                        \
		int (*insert)(const void *key, const void *leaf);                                                     \
		int (*update)(const void *key, const void *leaf);                                                     \
		int (*delete)(const void *key);                                                                       \
		void (*increment)(hover_##name##_key key);                                                            \
		void (*increment_by)(hover_##name##_key key, __u64 by);                                               \
		void (*atomic_increment)(hover_##name##_key key);                                                     \
		void (*atomic_increment_by)(hover_##name##_key key, __u64 by);                                        \
		void (*call)(void *context, int index);                                                               \
	} name __attribute__((unused)) = {                                                                            \
		.lookup = hover_##name##_lookup,                                                                      \
		.lookup_or_init = hover_##name##_lookup_or_init,                                                      \
		.lookup_or_try_init = hover_##name##_lookup_or_try_init,                                              \
		.insert = hover_##name##_insert,                                                                      \
		.update = hover_##name##_update,                                                                      \
		.delete = hover_##name##_delete,                                                                      \
		.increment = hover_##name##_increment,                                                                \
		.increment_by = hover_##name##_increment_by,                                                          \
		.atomic_increment = hover_##name##_atomic_increment,                                                  \
		.atomic_increment_by = hover_##name##_atomic_increment_by,                                            \
		.call = hover_##name##_call,                                                                          \
	}

// Keys are `const void *` because BCC did not check their type: sources pass a pointer to an int where the key is a u16.
//
// BCC's lookup_or_init left the whole program with 0 when the table was full. Here the program goes on with a value
// that is in no table: sources do not check the pointer.
#define HOVER_TABLE_FUNCTIONS(name)                                                                                   \
	static hover_##name##_leaf hover_##name##_spares[HOVER_SPARES] __attribute__((unused));                       \
	static __always_inline hover_##name##_leaf *hover_##name##_lookup(const void *key)                            \
	{                                                                                                             \
		return bpf_map_lookup_elem(&name##_map, key);                                                         \
	}                                                                                                             \
	static __always_inline int hover_##name##_insert(const void *key, const void *leaf)                           \
	{                                                                                                             \
		return bpf_map_update_elem(&name##_map, key, leaf, BPF_NOEXIST);                                      \
	}                                                                                                             \
	static __always_inline int hover_##name##_update(const void *key, const void *leaf)                           \
	{                                                                                                             \
		return bpf_map_update_elem(&name##_map, key, leaf, BPF_ANY);                                          \
	}                                                                                                             \
	static __always_inline int hover_##name##_delete(const void *key)                                             \
	{                                                                                                             \
		return bpf_map_delete_elem(&name##_map, key);                                                         \
	}                                                                                                             \
	static __always_inline hover_##name##_leaf *hover_##name##_lookup_or_try_init(const void *key,                \
										      const void *leaf)               \
	{                                                                                                             \
		hover_##name##_leaf *found = hover_##name##_lookup(key);                                              \
		if (found)                                                                                            \
			return found;                                                                                 \
		hover_##name##_insert(key, leaf);                                                                     \
		return hover_##name##_lookup(key);                                                                    \
	}                                                                                                             \
	static __always_inline hover_##name##_leaf *hover_##name##_lookup_or_init(const void *key, const void *leaf)  \
	{                                                                                                             \
		hover_##name##_leaf *found = hover_##name##_lookup_or_try_init(key, leaf);                            \
		if (found)                                                                                            \
			return found;                                                                                 \
		found = &hover_##name##_spares[bpf_get_smp_processor_id() % HOVER_SPARES];                            \
		__builtin_memcpy(found, leaf, sizeof(*found));                                                        \
		return found;                                                                                         \
	}                                                                                                             \
	static __always_inline void hover_##name##_add(const void *key, __u64 by, bool atomic)                        \
	{                                                                                                             \
		hover_##name##_leaf zero = {}, *found = hover_##name##_lookup_or_try_init(key, &zero);                \
		if (__builtin_classify_type(*found) != 1)                                                             \
			hover_not_a_number();                                                                         \
		if (found)                                                                                            \
			hover_add(found, sizeof(*found), by, atomic);                                                 \
	}                                                                                                             \
	static __always_inline void hover_##name##_increment(hover_##name##_key key)                                  \
	{                                                                                                             \
		hover_##name##_add(&key, 1, false);                                                                   \
	}                                                                                                             \
	static __always_inline void hover_##name##_increment_by(hover_##name##_key key, __u64 by)                     \
	{                                                                                                             \
		hover_##name##_add(&key, by, false);                                                                  \
	}                                                                                                             \
	static __always_inline void hover_##name##_atomic_increment(hover_##name##_key key)                           \
	{                                                                                                             \
		hover_##name##_add(&key, 1, true);                                                                    \
	}                                                                                                             \
	static __always_inline void hover_##name##_atomic_increment_by(hover_##name##_key key, __u64 by)              \
	{                                                                                                             \
		hover_##name##_add(&key, by, true);                                                                   \
	}                                                                                                             \
	static __always_inline void hover_##name##_call(void *context, int index)                                     \
	{                                                                                                             \
		bpf_tail_call(context, &name##_map, index);                                                           \
	}

#define BPF_TABLE(kind, key_type, leaf_type, name, entries) BPF_F_TABLE(kind, key_type, leaf_type, name, entries, 0)

// The arguments from the right may be left out.
#define HOVER_FIFTH(first, second, third, fourth, fifth, ...) fifth

#define HOVER_KEYED_1(kind, name) BPF_TABLE(kind, __u64, __u64, name, 10240)
#define HOVER_KEYED_2(kind, name, key_type) BPF_TABLE(kind, key_type, __u64, name, 10240)
#define HOVER_KEYED_3(kind, name, key_type, leaf_type) BPF_TABLE(kind, key_type, leaf_type, name, 10240)
#define HOVER_KEYED_4(kind, name, key_type, leaf_type, entries) BPF_TABLE(kind, key_type, leaf_type, name, entries)
#define HOVER_KEYED(kind, ...)                                                                                        \
	HOVER_FIFTH(__VA_ARGS__, HOVER_KEYED_4, HOVER_KEYED_3, HOVER_KEYED_2, HOVER_KEYED_1, )(kind, __VA_ARGS__)
// BPF_HASH(name, key type, leaf type, entries)
#define BPF_HASH(...) HOVER_KEYED("hash", __VA_ARGS__)
#define BPF_PERCPU_HASH(...) HOVER_KEYED("percpu_hash", __VA_ARGS__)
#define BPF_LRU_HASH(...) HOVER_KEYED("lru_hash", __VA_ARGS__)
#define BPF_LPM_TRIE(...) HOVER_KEYED("lpm_trie", __VA_ARGS__)

#define HOVER_INDEXED_1(kind, name) BPF_TABLE(kind, int, __u64, name, 10240)
#define HOVER_INDEXED_2(kind, name, leaf_type) BPF_TABLE(kind, int, leaf_type, name, 10240)
#define HOVER_INDEXED_3(kind, name, leaf_type, entries) BPF_TABLE(kind, int, leaf_type, name, entries)
#define HOVER_INDEXED(kind, ...)                                                                                      \
	HOVER_FIFTH(__VA_ARGS__, , HOVER_INDEXED_3, HOVER_INDEXED_2, HOVER_INDEXED_1, )(kind, __VA_ARGS__)
// BPF_ARRAY(name, leaf type, entries)
#define BPF_ARRAY(...) HOVER_INDEXED("array", __VA_ARGS__)
#define BPF_PERCPU_ARRAY(...) HOVER_INDEXED("percpu_array", __VA_ARGS__)
#define BPF_PROG_ARRAY(name, entries) BPF_TABLE("prog", int, int, name, entries)

// What other modules would have to see, or user space to hold open. The table is declared all the same: one message is
// enough.
#define BPF_TABLE_PUBLIC(kind, key_type, leaf_type, name, entries)                                                    \
	_Static_assert(0, "table " #name " is public: a module's tables are its own; use BPF_TABLE");                 \
	BPF_TABLE(kind, key_type, leaf_type, name, entries)
#define BPF_TABLE_SHARED(kind, key_type, leaf_type, name, entries)                                                    \
	_Static_assert(0, "table " #name " is shared: a module's tables are its own; use BPF_TABLE");                 \
	BPF_TABLE(kind, key_type, leaf_type, name, entries)
#define BPF_PERF_OUTPUT(name)                                                                                         \
	_Static_assert(0, "table " #name ": hover has no perf events; send packets with pkt_controller");             \
	static const struct {                                                                                         \
		int (*perf_submit)(void *context, void *data, __u32 size);                                            \
		int (*perf_submit_skb)(void *context, __u32 length, void *data, __u32 size);                          \
	} name __attribute__((unused)) = {}
