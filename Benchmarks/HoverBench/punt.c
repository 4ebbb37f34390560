// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The module that decides nothing: its slow path gets all packets.
static int handle_rx(void *pkt, struct metadata *md)
{
	return pkt_controller(pkt, md, 1);
}
