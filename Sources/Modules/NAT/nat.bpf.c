// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Network address and port translation of IPv4. Port 1 is inside, port 2 outside. The module is transparent: a router
// behind port 1 answers ARP and decides the way; what is not to be translated passes.
//
// handle_rx knows packets of sessions that are plain: no options, no tags, no fragments. For all others it goes on in a
// stage: `consider` finds the session of any packet, `begin` makes new ones, `relate` sees to ICMP errors.
#include "fragment.h"

enum stage {
	stage_consider = 1,
	stage_begin,
	stage_relate,
};

// A plain packet up to what is looked at. TCP's flags are further behind.
struct plain {
	struct ethhdr eth;
	__u8 version_size;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 sum;
	ipv4_addr_t source;
	ipv4_addr_t destination;
	union {
		struct {
			__be16 source_port;
			__be16 destination_port;
		};
		struct {
			__u8 icmp_type;
			__u8 icmp_code;
			__u16 icmp_sum;
		};
	};
	union {
		// TCP's sequence number.
		__be32 sequence;
		__be16 icmp_id;
		struct {
			__be16 udp_length;
			__u16 udp_sum;
		};
	};
} __attribute__((packed));

struct plain_tcp {
	struct plain plain;
	__be32 acknowledged;
	__u8 size;
	__u8 flags;
	__be16 window;
	__u16 sum;
} __attribute__((packed));

// Fills the key of a plain packet; false where it is none.
static __always_inline bool plain_key(void *pkt, struct plain *plain, __u32 length, struct session_key *key,
				      __u8 *tcp_flags)
{
	__u32 datagram = bpf_ntohs(plain->length);

	// What lies behind the datagram's end is not its L4 header.
	if (plain->version_size != 0x45 || plain->fragment & bpf_htons(0x3fff) || datagram + ETH_HLEN > length ||
	    datagram < (plain->protocol == IPPROTO_TCP ? 40 : 28))
		return false;
	key->source = plain->source;
	key->destination = plain->destination;
	key->protocol = plain->protocol;
	if (plain->protocol == IPPROTO_TCP) {
		struct plain_tcp *tcp = (void *)plain;

		if ((void *)(tcp + 1) > pkt_data_end(pkt))
			return false;
		*tcp_flags = tcp->flags;
	} else if (plain->protocol == IPPROTO_ICMP) {
		key->echo_reply = plain->icmp_type == 0;
		key->source_port = key->echo_reply ? 0 : plain->icmp_id;
		key->destination_port = key->echo_reply ? plain->icmp_id : 0;
		return plain->icmp_type == 0 || plain->icmp_type == 8;
	} else if (plain->protocol != IPPROTO_UDP) {
		return false;
	}
	key->source_port = plain->source_port;
	key->destination_port = plain->destination_port;
	return true;
}

// Where a plain packet's L4 checksum is.
static __always_inline __u32 plain_sum_offset(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? offsetof(struct plain_tcp, sum) : offsetof(struct plain, udp_sum);
}

static __always_inline int plain_update_sum(void *pkt, __u8 protocol, const struct session *session)
{
	__u32 kind = protocol == IPPROTO_UDP ? HOVER_SUM_UDP : 0, offset = plain_sum_offset(protocol);
	__u32 ports = session->port_difference;
	int error;

	error = hover_update_l4_sum(pkt, offset, session->address_difference, kind | HOVER_SUM_PSEUDO);
	if (!error && ports)
		error = hover_update_l4_sum(pkt, offset, ports, kind);
	return error;
}

static __always_inline int plain_translate(void *pkt, struct plain *plain, const struct session *session)
{
	__u8 protocol = plain->protocol;

	plain->source = session->source;
	plain->destination = session->destination;
	plain->sum = hover_changed_sum(plain->sum, session->address_difference);
	if (protocol == IPPROTO_ICMP) {
		plain->icmp_id = plain->icmp_type == 8 ? session->source_port : session->destination_port;
		plain->icmp_sum = hover_changed_sum(plain->icmp_sum, session->port_difference);
		return 0;
	}
	plain->source_port = session->source_port;
	plain->destination_port = session->destination_port;
	if (protocol == IPPROTO_UDP) {
		if (!plain->udp_sum)
			return 0;
		return plain_update_sum(pkt, IPPROTO_UDP, session);
	}
	return plain_update_sum(pkt, IPPROTO_TCP, session);
}

static int handle_rx(void *pkt, struct metadata *md)
{
	struct plain *plain = pkt_data(pkt);
	struct session_key key = { .from = md->in_ifc };
	struct session *session;
	__u8 tcp_flags = 0;

	if (md->in_ifc != inside && md->in_ifc != outside)
		return RX_ERROR;
	if ((void *)(plain + 1) > pkt_data_end(pkt) || plain->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    !plain_key(pkt, plain, md->pktlen, &key, &tcp_flags))
		return pkt_continue(pkt, md, stage_consider);
	session = bpf_map_lookup_elem(&sessions, &key);
	if (!session || session->to == md->in_ifc || session_touch(session, key.protocol, tcp_flags))
		return pkt_continue(pkt, md, stage_consider);
	if (plain_translate(pkt, plain, session) < 0)
		return drop_because(failed);
	return pkt_redirect(pkt, md, md->in_ifc == inside ? outside : inside);
}

// Fills the key of a packet, or of one that is quoted; false where it can belong to no session.
static __always_inline bool fill_key(void *pkt, const struct hover_headers *headers, struct session_key *key)
{
	ipv4_addr_t ends[2];

	*key = (struct session_key){ .protocol = headers->l4_protocol };
	if (pkt_load(pkt, headers->l3_offset + 12, ends, sizeof(ends)) < 0)
		return false;
	key->source = ends[0];
	key->destination = ends[1];
	if (headers->l4_protocol == IPPROTO_ICMP) {
		key->echo_reply = headers->icmp_type == 0;
		key->source_port = key->echo_reply ? 0 : headers->icmp_id;
		key->destination_port = key->echo_reply ? headers->icmp_id : 0;
		return headers->l4_offset && (headers->icmp_type == 0 || headers->icmp_type == 8);
	}
	if (hover_has_ports(headers)) {
		key->source_port = headers->source_port;
		key->destination_port = headers->destination_port;
	}
	return headers->l4_offset;
}

static __always_inline bool is_for_group(void *pkt)
{
	__u8 first;

	return pkt_load(pkt, 0, &first, sizeof(first)) < 0 || first & 1;
}

// A new connection in the place of one that has ended.
static __noinline int reopen(struct session *session, const struct session_key *key)
{
	struct session_key answer_key;
	struct session answer, *found;

	session_answer(key, session, &answer_key, &answer);
	found = bpf_map_lookup_elem(&sessions, &answer_key);
	if (found && found->slot == session->slot)
		found->tcp_flags = 0;
	session->tcp_flags = HOVER_SYN;
	return 0;
}

HOVER_STAGE(1, consider)
static int consider(void *pkt, struct metadata *md)
{
	const struct settings *here = settings_here();
	struct work *work = work_here();
	struct hover_headers headers;
	struct session *session;
	struct session_key key;
	int result;

	if (!work || !here)
		return RX_ERROR;
	result = pkt_parse(pkt, &headers);
	if (headers.ethertype != bpf_htons(ETH_P_IP))
		return pkt_redirect(pkt, md, md->in_ifc == inside ? outside : inside);
	if (result)
		return drop_because(malformed);
	work->headers = headers;
	work->is_flow = fill_key(pkt, &headers, &key);
	key.from = md->in_ifc;
	work->key = key;
	if (is_for_group(pkt))
		return pass(md, work, here);
	if (headers.fragment > HOVER_FRAGMENT_FIRST) {
		struct fragment *first = left_by_first(work);

		if (first && first->passes)
			return pass(md, work, here);
		if (first)
			key = first->key;
		session = first ? bpf_map_lookup_elem(&sessions, &key) : NULL;
		return session ? leave(pkt, md, work, session) : drop_because(fragment_unknown);
	}
	if (pkt_quotes(&headers))
		return pkt_continue(pkt, md, stage_relate);
	session = bpf_map_lookup_elem(&sessions, &key);
	if (!session || !work->is_flow)
		return pkt_continue(pkt, md, stage_begin);
	if (session_touch(session, key.protocol, headers.tcp_flags))
		reopen(session, &key);
	if (headers.fragment)
		note_fragment(work, here, false);
	return leave(pkt, md, work, session);
}

// Whether the packet can begin a session.
static __always_inline bool begins(const struct work *work, const struct settings *here)
{
	__u8 flags = work->headers.tcp_flags & (HOVER_FIN | HOVER_SYN | HOVER_RST | HOVER_ACK);

	if (work->key.protocol == IPPROTO_TCP)
		return flags == HOVER_SYN || (here->tcp_loose && flags == HOVER_ACK);
	return work->is_flow && !work->key.echo_reply;
}

static __always_inline int drop_unrelated(const struct work *work)
{
	return drop_because(work->key.protocol == IPPROTO_TCP ? no_connection : icmp_unrelated);
}

// Sets what the session of a packet has to do with it: nothing yet.
static __always_inline void begin_alike(struct work *work)
{
	work->session.source = work->key.source;
	work->session.destination = work->key.destination;
	work->session.source_port = work->key.source_port;
	work->session.destination_port = work->key.destination_port;
	work->searches = work->maps = false;
	work->slot.is_default = false;
}

// The session is the inside's: the public end stands for the source.
static __always_inline void begin_source(struct work *work, const struct settings *here, ipv4_addr_t address)
{
	__u8 protocol = work->key.protocol;

	work->session.source = address;
	work->slot.client = work->key.source;
	work->slot.client_port = work->key.source_port;
	work->slot.address = address;
	work->slot.port = work->key.source_port;
	work->searches = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP;
	work->maps = work->searches && here->mapping == endpoint_independent;
}

// The session is another's: the public end stands for the destination.
static __always_inline void begin_destination(struct work *work, const struct settings *here)
{
	work->slot.client = work->session.destination;
	work->slot.client_port = work->session.destination_port;
	work->slot.address = work->key.destination;
	work->slot.port = work->key.destination_port;
	work->slot.is_default = work->key.destination == default_address(here);
}

static __noinline int finish_begin(void *pkt, struct metadata *md, struct work *work, const struct settings *here)
{
	const struct session *session = &work->session;

	if (session_begin(work, here) < 0) {
		// Another CPU may have begun the same one.
		session = bpf_map_lookup_elem(&sessions, &work->key);
		if (!session)
			return drop_because(work->reason);
	}
	if (work->headers.fragment)
		note_fragment(work, here, false);
	return leave(pkt, md, work, session);
}

// What begin_inside and begin_outside answer where a session is to be begun.
#define BEGINS (-1)

// Which inside end a packet's public destination leads to. Returns 0, or the reason why to none.
static __noinline int find_inside(struct work *work, const struct settings *here)
{
	const struct forward *forward =
		forward_of(here, work->key.protocol, work->key.destination, work->key.destination_port);
	struct shared_key key = {
		.address = work->key.destination,
		.port = work->key.destination_port,
		.protocol = work->key.protocol,
		.kind = mapping_outside,
	};
	const struct shared *shared;

	if (forward) {
		work->session.destination = forward->address;
		if (hover_has_ports(&work->headers) && forward->shift)
			work->session.destination_port =
				bpf_htons(bpf_ntohs(work->key.destination_port) + forward->shift);
		return 0;
	}
	if (here->mapping != endpoint_independent)
		return unmatched;
	shared = bpf_map_lookup_elem(&mappings, &key);
	if (!shared)
		return unmatched;
	work->session.destination = shared->address;
	work->session.destination_port = shared->port;
	// Between two insides contacts are not kept.
	if (here->filtering == address_dependent && work->key.from == outside) {
		key.kind = contact;
		key.remote = work->key.source;
		if (!bpf_map_lookup_elem(&mappings, &key))
			return filtered;
	} else if (here->filtering != endpoint_independent) {
		return filtered;
	}
	work->maps = true;
	return 0;
}

// From inside to a public address, and so back to the inside: the other end sees the public address, too (RFC 4787,
// REQ-9).
static __always_inline int hairpin(struct work *work, const struct settings *here)
{
	ipv4_addr_t address;
	int reason;

	reason = find_inside(work, here);
	if (reason)
		return drop_because(reason);
	if (!begins(work, here))
		return drop_unrelated(work);
	if (choose(here, work->key.source, &address, &work->slot.is_default) == choose_address)
		begin_source(work, here, address);
	else
		begin_destination(work, here);
	work->session.to = inside;
	return BEGINS;
}

static __noinline int begin_inside(struct metadata *md, struct work *work, const struct settings *here)
{
	ipv4_addr_t address, known = default_address(here), source = work->key.source;
	bool is_own = known && source == known;
	enum choice choice;

	// A DHCP client has no address yet.
	if (!source || (here->router_ip && source == here->router_ip && !is_own))
		return pass(md, work, here);
	if (!is_own && ((known && work->key.destination == known) || is_public(work->key.destination)))
		return hairpin(work, here);
	choice = choose(here, source, &address, &work->slot.is_default);
	if (is_own) {
		address = source;
		work->slot.is_default = true;
	} else if (choice == choose_none) {
		return pass(md, work, here);
	} else if (choice == choose_unknown) {
		return drop_because(no_public_address);
	}
	// The router answers what it was asked without a session.
	if (!begins(work, here))
		return is_own ? pass(md, work, here) : drop_unrelated(work);
	begin_source(work, here, address);
	work->session.to = outside;
	return BEGINS;
}

// From outside, and nothing translates it.
static __always_inline int begin_nothing(struct metadata *md, const struct work *work, const struct settings *here,
					 int reason)
{
	ipv4_addr_t address, known = default_address(here), destination = work->key.destination;
	bool is_default;

	if (is_public(destination))
		return drop_because(reason);
	if (choose(here, destination, &address, &is_default) == choose_none)
		return pass(md, work, here);
	if (known && destination != known && destination != here->router_ip)
		return drop_because(not_ours);
	return here->passes_unmatched || !known ? pass(md, work, here) : drop_because(reason);
}

static __noinline int begin_outside(struct metadata *md, struct work *work, const struct settings *here)
{
	int reason = unmatched;

	if (work->is_flow)
		reason = find_inside(work, here);
	if (reason == unmatched)
		return begin_nothing(md, work, here, reason);
	if (reason)
		return drop_because(reason);
	if (!begins(work, here))
		return drop_unrelated(work);
	begin_destination(work, here);
	work->session.to = inside;
	return BEGINS;
}

HOVER_STAGE(2, begin)
static int begin(void *pkt, struct metadata *md)
{
	const struct settings *here = settings_here();
	struct work *work = work_here();
	int verdict;

	if (!work || !here)
		return RX_ERROR;
	begin_alike(work);
	if (md->in_ifc == inside)
		verdict = begin_inside(md, work, here);
	else
		verdict = begin_outside(md, work, here);
	return verdict == BEGINS ? finish_begin(pkt, md, work, here) : verdict;
}

// An error about nothing that is known. The router's own are about packets that came to it without a session.
static __always_inline int relate_nothing(struct metadata *md, const struct work *work, const struct settings *here)
{
	ipv4_addr_t address, source = work->key.source;
	bool is_default;

	if (md->in_ifc == outside)
		return begin_nothing(md, work, here, icmp_unrelated);
	if (source == default_address(here) || source == here->router_ip ||
	    choose(here, source, &address, &is_default) == choose_none)
		return pass(md, work, here);
	return drop_because(icmp_unrelated);
}

HOVER_STAGE(3, relate)
static int relate(void *pkt, struct metadata *md)
{
	const struct settings *here = settings_here();
	struct work *work = work_here();
	struct hover_headers quoted, headers;
	struct session_key key, answer_key;
	struct session *session;
	__u32 to;

	if (!work || !here)
		return RX_ERROR;
	headers = work->headers;
	if (pkt_parse_quoted(pkt, &headers, &quoted) != HOVER_PARSE_OK)
		return drop_because(malformed);
	// It is sent to who sent what it quotes.
	if (!fill_key(pkt, &quoted, &key) || key.source != work->key.destination)
		return relate_nothing(md, work, here);
	answer_key = (struct session_key){
		.source = key.destination,
		.destination = key.source,
		.source_port = key.destination_port,
		.destination_port = key.source_port,
		.protocol = key.protocol,
		.from = md->in_ifc,
		.echo_reply = key.protocol == IPPROTO_ICMP && !key.echo_reply,
	};
	session = bpf_map_lookup_elem(&sessions, &answer_key);
	if (!session)
		return relate_nothing(md, work, here);
	to = session->to;
	if (translate_error(pkt, &headers, &quoted, session, md->in_ifc == inside) < 0 ||
	    (to == md->in_ifc && swap_stations(pkt) < 0))
		return drop_because(failed);
	return pkt_redirect(pkt, md, to);
}
