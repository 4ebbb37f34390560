// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The trivial module: what comes in by port 1 leaves by port 2, and the reverse.
static int handle_rx(void *pkt, struct metadata *md)
{
	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
}
