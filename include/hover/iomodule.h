// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The C ABI of an IO Module. Every module is compiled with `-include hover/iomodule.h`: its source needs no
// include of its own, and implements one function, handle_rx.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include <hover/hook.h>
#include <hover/iomodule_types.h>

// Implemented by the module. `pkt` is a struct __sk_buff * at tc and a struct xdp_md * at xdp; a source that reads no
// more of it than data and data_end, or uses the helpers only, is compiled for both. A policy may implement handle_tx as
// well, of the same form: then handle_rx is called for what enters, handle_tx for what leaves (md->is_egress). Who
// compiles such a source without hoverd defines HOVER_HANDLE_TX.
static int handle_rx(void *pkt, struct metadata *md);

// Sends the packet out of port `ifc` of this module. Returns RX_REDIRECT, for handle_rx to return.
static __always_inline int pkt_redirect(void *pkt, struct metadata *md, int ifc)
{
	md->redir_ifc = ifc;
	return RX_REDIRECT;
}

// Ends the packet here. Returns RX_DROP, for handle_rx to return.
static __always_inline int pkt_drop(void *pkt, struct metadata *md)
{
	return RX_DROP;
}

// Sends the packet to every port that is linked, but the one that it came from. The kernel copies it, whether hoverd runs
// or not. Returns RX_FLOOD, for handle_rx to return.
static __always_inline int pkt_flood(void *pkt, struct metadata *md)
{
	md->flood = 1;
	return RX_FLOOD;
}

// Sends the packet to the ports of a set, bit n - 1 for port n, but the one that it came from. Ports that are not linked
// are left out. Returns RX_FLOOD, for handle_rx to return.
static __always_inline int pkt_flood_mask(void *pkt, struct metadata *md, __u64 ports)
{
	md->copies |= ports;
	return RX_FLOOD;
}

// Sends a copy of the packet out of port `ifc`, 1 to 64, besides what handle_rx answers. The copy is the packet as it is
// when handle_rx returns. Returns 0, or -1 for another port.
static __always_inline int pkt_mirror(void *pkt, struct metadata *md, int ifc)
{
	if (ifc < 1 || ifc > HOVER_MIRROR_PORTS)
		return -1;
	md->copies |= 1ULL << (ifc - 1);
	return 0;
}

// Sends the packet to the module's slow path, with a number that says why. Returns RX_CONTROLLER, for handle_rx to
// return. As long as nobody listens, the packet is dropped and counted as `controller`.
static __always_inline int pkt_controller(void *pkt, struct metadata *md, __u32 reason)
{
	md->reason = reason;
	return RX_CONTROLLER;
}

// Has the slow path keep the packet, all of it, until it knows what `key` asks for (a neighbour's address, say), and then
// send it into this port again. Returns RX_HOLD, for handle_rx to return.
static __always_inline int pkt_hold(void *pkt, struct metadata *md, __u32 reason, __u64 key)
{
	md->reason = reason;
	md->key = key;
	return RX_HOLD;
}

// Goes on in another program of the module, the one that HOVER_STAGE(number) declares: what is too much for one program
// is split into several. `md` is kept. Returns RX_STAGE, for handle_rx or a stage to return.
//
//	HOVER_STAGE(1, second_half)
//	static int second_half(void *pkt, struct metadata *md) { ... }
//	static int handle_rx(void *pkt, struct metadata *md) { ... return pkt_continue(pkt, md, 1); }
static __always_inline int pkt_continue(void *pkt, struct metadata *md, int stage)
{
	md->redir_ifc = stage;
	md->copies_first = 0;
	return RX_STAGE;
}

// Sends the copies that pkt_mirror and pkt_flood_mask asked for, of the packet as it is now, and then goes on in another
// program of the module, as pkt_continue does: the module may change the packet there before it sends it further, so the
// ports of one flood can get it in different forms. pkt_flood_mask's ports are all meant, also the one that the packet came
// from. Returns RX_STAGE, for handle_rx or a stage to return.
//
//	pkt_flood_mask(pkt, md, tagged_ports);
//	return pkt_copy_and_continue(pkt, md, 1);
static __always_inline int pkt_copy_and_continue(void *pkt, struct metadata *md, int stage)
{
	md->redir_ifc = stage;
	md->copies_first = 1;
	return RX_STAGE;
}

// Three numbers that travel with the packet to the slow path. A macro, because sources of the 2017 fork call it
// without `md`: it takes the `md` that is in scope.
#define pkt_set_metadata(pkt, values) __builtin_memcpy(md->controller, (values), sizeof(md->controller))

#include <hover/bcc.h>
#include <hover/packet.h>
#include <hover/program.h>
