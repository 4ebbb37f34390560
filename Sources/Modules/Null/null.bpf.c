// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Sends every packet to the slow path, whatever it is.

static int handle_rx(void *pkt, struct metadata *md)
{
	return pkt_controller(pkt, md, 0);
}
