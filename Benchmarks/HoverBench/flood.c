// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// A hub: what comes in leaves by every other port.
static int handle_rx(void *pkt, struct metadata *md)
{
	return pkt_flood(pkt, md);
}
