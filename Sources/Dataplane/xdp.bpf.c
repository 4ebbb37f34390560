// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// The programs of one external interface at xdp: where packets enter chains from it, and where they leave for it.
#define HOVER_XDP
#include <hover/constant.h>
#include <hover/state.h>

// The interface's index.
#define INTERFACE HOVER_CONSTANT(1)

enum { SLOT_INGRESS, SLOTS };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOTS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} slots SEC(".maps");

// A packet arrives on the interface. Without a chain it stays the kernel's.
HOVER_SECTION
int hover_xdp_ingress(struct xdp_md *xdp)
{
	struct hover_state *state = hover_state_here();
	__u32 none;

	if (!state)
		return hover_never();
	// A zero of its own: clang would keep the one of the lookup's key in a register, and save that.
	asm("%0 = 0" : "=w"(none));
	state->has_data = none;
	HOVER_JUMP(xdp, slots, SLOT_INGRESS);
	return XDP_PASS;
}

// A packet leaves a chain for the interface.
HOVER_SECTION
int hover_xdp_exit(struct xdp_md *xdp)
{
	return bpf_redirect(INTERFACE, 0);
}

char hover_license[] SEC("license") = "GPL";
