// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The trivial module with a configuration: packets longer than `longest` are dropped.
const volatile __u32 longest = 65535;

static int handle_rx(void *pkt, struct metadata *md)
{
	if (md->pktlen > longest)
		return RX_DROP;
	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
}
