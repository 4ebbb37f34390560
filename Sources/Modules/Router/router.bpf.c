// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A router for IPv4 and IPv6. What is cached goes on at once (forward.h); the rest goes on in stages.

#include "local.h"

HOVER_STAGE(1, route_ipv4)
HOVER_STAGE(2, route_ipv6)
HOVER_STAGE(3, handle_other)
HOVER_STAGE(4, local_ipv4)
HOVER_STAGE(5, local_ipv6)
HOVER_STAGE(6, handle_discovery)

static int handle_rx(void *pkt, struct metadata *md)
{
	const struct port_state *state = port_state(md->in_ifc);
	const struct port_config *config;
	__u32 *frame = pkt_data(pkt), port = md->in_ifc;
	struct hover_tag tag;
	__u32 mac[2] = {};
	__be16 type;

	if ((void *)frame + ETH_HLEN > pkt_data_end(pkt) || !state)
		goto other;
	__builtin_memcpy(mac, &state->mac, 6);
	// A sender that is a group is nobody.
	if (frame[0] != mac[0] || (__u16)frame[1] != mac[1] || (frame[1] >> 16 & 1) || hover_hidden_tag(pkt, &tag))
		goto other;
	config = bpf_map_lookup_elem(&ports, &port);
	if (!config)
		goto other;
	type = ((__be16 *)frame)[6];
	if (type == bpf_htons(ETH_P_IP))
		return forward4(pkt, md, config->reverse_path);
	if (type == bpf_htons(ETH_P_IPV6))
		return forward6(pkt, md, config->reverse_path);
other:
	return pkt_continue(pkt, md, STAGE_OTHER);
}
