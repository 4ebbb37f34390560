// SPDX-License-Identifier: Apache-2.0
//
// Refused by clang: a semicolon is missing.

static int handle_rx(void *pkt, struct metadata *md)
{
	int other = md->in_ifc == 1 ? 2 : 1

	return pkt_redirect(pkt, md, other);
}
