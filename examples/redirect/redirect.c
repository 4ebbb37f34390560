// SPDX-License-Identifier: Apache-2.0
//
// A wire with two ends: what comes in on port 1 leaves by port 2, and the reverse.
//
// A module implements handle_rx. Hover calls it for every packet that arrives on one of the module's ports, and does
// what it answers. Nothing is included here: hover/iomodule.h is there already.

static int handle_rx(void *pkt, struct metadata *md)
{
	// md->in_ifc is the port that the packet came in by. Hover loads one program for each port, in which it is a
	// constant: this switch costs nothing at run time.
	switch (md->in_ifc) {
	case 1:
		return pkt_redirect(pkt, md, 2);
	case 2:
		return pkt_redirect(pkt, md, 1);
	default:
		return pkt_drop(pkt, md);
	}
}
