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

// What handle_rx answers. The first five keep the numbers of the original Hover: policies store them in tables.
enum {
	// Forward module: the packet goes on its ordinary way in the kernel. Policy: it goes on along its link.
	RX_OK,
	// The packet leaves by the port that pkt_redirect named.
	RX_REDIRECT,
	// The packet ends here.
	RX_DROP,
	// The module sees the same packet once more, on the same port.
	RX_RECIRCULATE,
	// The module could not handle the packet; it ends here and is counted as an error.
	RX_ERROR,
	// The packet goes to the slow path or the controller.
	RX_CONTROLLER,
};

// A datum that a module leaves for the modules after it.
struct type_value {
	__u64 type : 8;
	__u64 value : 56;
};

// What a module is told about the packet in hand.
struct metadata {
	// Free for modules to use; zero when a packet enters its first module.
	struct type_value data[4];
	// True in the egress handler of a policy.
	__u32 is_egress : 1;
	// Reserved for the helpers below.
	__u32 flags : 31;
	// Length of the whole frame in bytes, a GSO packet's whole length. Read-only.
	__u32 pktlen;
	// The number of this module on this host. Read-only.
	int module_id;
	// The port that the packet came in by, from 1, local to the module. In a policy: 1 ingress, 2 egress. Read-only.
	int in_ifc;
	// Set by pkt_redirect.
	int redir_ifc;
	// Set by pkt_mirror.
	int clone_ifc;
	// Set by pkt_controller: why the packet goes to the slow path.
	__u32 reason;
	// Set by pkt_set_metadata: travels with the packet to the slow path.
	__u32 controller[3];
};

// Implemented by the module. `pkt` is a struct __sk_buff *.
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

// Sends the packet to the slow path, with a number that says why. Returns RX_CONTROLLER, for handle_rx to return.
// As long as no slow path listens, the packet is dropped and counted as `controller`.
static __always_inline int pkt_controller(void *pkt, struct metadata *md, __u32 reason)
{
	md->reason = reason;
	return RX_CONTROLLER;
}

// A reason for pkt_controller: the slow path sends the packet to every port but the one that it came from.
#define PKT_BROADCAST 0xffff

// Three numbers that travel with the packet to the slow path. A macro, because sources of the 2017 fork call it
// without `md`: it takes the `md` that is in scope.
#define pkt_set_metadata(pkt, values) __builtin_memcpy(md->controller, (values), sizeof(md->controller))

// Copies the packet to port `ifc`. Not in this version: the copy is not made, which clang's warning tells.
static __always_inline int pkt_mirror(void *pkt, struct metadata *md, int ifc)
	__attribute__((diagnose_if(1, "pkt_mirror makes no copy in this version of hover", "warning")))
{
	md->clone_ifc = ifc;
	return 0;
}

#include <hover/bcc.h>
#include <hover/program.h>
