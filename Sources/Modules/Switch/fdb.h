// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The forwarding database: which station is behind which port.
#pragma once

#include <hover/aging.h>

#include "switch.h"

// IEEE 802.1Q, 8.8. Without VLANs the VLAN is 0.
struct fdb_key {
	mac_addr_t mac;
	__u16 vlan;
};

struct station {
	__u16 port;
	// Of a port with a limit: the station's place among those of the port, from 1. 0: none.
	__u16 place;
};

HOVER_AGING_TABLE(fdb, struct fdb_key, struct station, 4096, ageing, 0);

// Stations that the configuration puts behind a port; they are never learned.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct fdb_key);
	__type(value, __u32);
} static_fdb SEC(".maps") __attribute__((btf_decl_tag("hover:configured")));

// The most stations that a port's limit can be.
#define MOST_PLACES 128

// By port: a fdb_key for each station that counts against the port's limit. A key whose station has gone, or has another
// place now, leaves it free: nobody has to sweep.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, (LAST_PORT + 1) * MOST_PLACES);
	__type(key, __u32);
	__type(value, __u64);
} places SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// By port: until when there is no use in looking for a place, by the coarse clock. So a flood of forged addresses does
// not search all places with each frame.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LAST_PORT + 1);
	__type(key, __u32);
	__type(value, __u64);
} no_place_until SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

#define NO_PLACE_PAUSE (10 * HOVER_MILLISECOND)

// The last pairs of stations, by a hash of both; one cache for each CPU, so that it needs no lock. Of a pair that is found
// there neither is searched in the table.
#define CACHED 1024

// A half of a cache line.
struct cached_pair {
	struct fdb_key source;
	struct fdb_key destination;
	// When they were looked up (cache_stamp): of another stamp it is void.
	__u64 stamp;
	// The ports that they are behind; a group is behind 0.
	__u32 in;
	__u32 out;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CACHED);
	__type(key, __u32);
	__type(value, struct cached_pair);
} pairs SEC(".maps") __attribute__((btf_decl_tag("hover:internal"))) __attribute__((btf_decl_tag("hover:temporary")));

// How often stations were found behind another port than before.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} moves SEC(".maps") __attribute__((btf_decl_tag("hover:internal")));

// Another one every 8 ticks of the kernel, 8 to 80 ms, and after each move: so long a station may be known that has
// gone, and so often its time begins anew. Ticks are one load (the verifier writes it in place of the call), a clock is a
// function.
static __always_inline __u64 cache_stamp(void)
{
	__u32 only = 0, *count = bpf_map_lookup_elem(&moves, &only);

	return (bpf_jiffies64() >> 3 & 0xffffffff) | (count ? (__u64) * (volatile __u32 *)count << 32 : 0);
}

static __always_inline void note_move(void)
{
	__u32 only = 0, *count = bpf_map_lookup_elem(&moves, &only);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline __u64 packed_key(const struct fdb_key *key)
{
	__u64 packed;

	__builtin_memcpy(&packed, key, sizeof(packed));
	return packed;
}

static __always_inline struct cached_pair *pair_at(const struct fdb_key *source, const struct fdb_key *destination)
{
	__u64 hash = (packed_key(source) * 0x9e3779b97f4a7c15ULL ^ packed_key(destination)) * 0x9e3779b97f4a7c15ULL;
	__u32 index = hash >> 54;

	return bpf_map_lookup_elem(&pairs, &index);
}

static __always_inline bool is_cached(const struct cached_pair *pair, const struct fdb_key *source,
				      const struct fdb_key *destination, __u32 port, __u64 stamp)
{
	return pair && pair->stamp == stamp && pair->in == port && packed_key(&pair->source) == packed_key(source) &&
	       packed_key(&pair->destination) == packed_key(destination);
}

struct place_search {
	__u64 key;
	__u32 port;
	__u32 place;
};

static __always_inline __u64 *place_at(__u32 port, __u32 place)
{
	__u32 index = port * MOST_PLACES + place - 1;

	return bpf_map_lookup_elem(&places, &index);
}

static long try_place(__u32 index, struct place_search *search)
{
	__u64 *place = place_at(search->port, index + 1);
	struct station *station;
	struct fdb_key key;
	__u64 occupant;

	if (!place)
		return 1;
	occupant = *(volatile __u64 *)place;
	__builtin_memcpy(&key, &occupant, sizeof(key));
	station = occupant ? fdb_peek(&key) : NULL;
	if (station && station->port == search->port && station->place == index + 1)
		return 0;
	if (__sync_val_compare_and_swap(place, occupant, search->key) != occupant)
		return 0;
	search->place = index + 1;
	return 1;
}

// Takes a place for a station behind a port. Returns its number, or 0 where the port has its most stations.
static __always_inline __u32 take_place(const struct fdb_key *key, __u32 port, __u32 most)
{
	struct place_search search = { .port = port, .place = hover_unknown_zero() };
	__u64 *pause = bpf_map_lookup_elem(&no_place_until, &port), now = hover_now_coarse();

	if (!pause || *(volatile __u64 *)pause > now)
		return 0;
	__builtin_memcpy(&search.key, key, sizeof(*key));
	bpf_loop(most < MOST_PLACES ? most : MOST_PLACES, try_place, &search, 0);
	if (!search.place)
		*(volatile __u64 *)pause = now + NO_PLACE_PAUSE;
	return search.place;
}

// Whether another CPU took the place while the station was not yet in the table.
static __always_inline bool lost_place(const struct fdb_key *key, __u32 port, __u32 place)
{
	__u64 *mine = place ? place_at(port, place) : NULL, packed;

	__builtin_memcpy(&packed, key, sizeof(packed));
	return mine && *(volatile __u64 *)mine != packed;
}

static __always_inline void add_station(const struct fdb_key *key, __u32 port, __u32 place)
{
	struct station station = { .port = port, .place = place };
	int result = fdb_insert(key, &station);

	if (result == 0)
		COUNT(port, learned);
	else if (result == -ENOSPC)
		COUNT(port, full);
}

// Notes that a station is behind a port, where that is not in the table yet. Returns false where the port may have no
// more stations.
static __noinline bool fdb_learn(const struct fdb_key *key, __u32 port)
{
	struct station *station;
	__u32 *fixed, place = 0, most;

	if (!key || port == 0 || port > LAST_PORT)
		return false;
	fixed = has_static ? bpf_map_lookup_elem(&static_fdb, key) : NULL;
	if (fixed) {
		if (*fixed != port)
			COUNT(port, static_elsewhere);
		return true;
	}
	most = OF_PORT(most_stations, port);
	if (most) {
		place = take_place(key, port, most);
		if (!place)
			return false;
	}
	station = fdb_peek(key);
	if (station) {
		if (station->port != port)
			COUNT(port, moved);
		station->port = port;
		station->place = place;
		note_move();
	} else {
		add_station(key, port, place);
	}
	if (lost_place(key, port, place)) {
		fdb_delete(key);
		return false;
	}
	return true;
}

enum sight {
	// The port may have no more stations.
	SIGHT_REFUSED,
	SIGHT_LEARNED,
	SIGHT_KNOWN,
};

// Notes that a station is behind a port.
static __always_inline enum sight fdb_see(const struct fdb_key *key, __u32 port)
{
	struct station *station = fdb_lookup(key);

	if (!station || station->port != port || (OF_PORT(most_stations, port) && !station->place))
		return fdb_learn(key, port) ? SIGHT_LEARNED : SIGHT_REFUSED;
	return SIGHT_KNOWN;
}

// The port that a station is behind; 0: nobody knows.
static __always_inline __u32 fdb_find(const struct fdb_key *key)
{
	struct station *station = fdb_peek(key);
	__u32 *fixed = !station && has_static ? bpf_map_lookup_elem(&static_fdb, key) : NULL;

	return station ? station->port : fixed ? *fixed : 0;
}
