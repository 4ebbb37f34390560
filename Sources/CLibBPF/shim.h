// SPDX-License-Identifier: Apache-2.0
//
// libbpf as Swift sees it: its headers, and what Swift cannot import (variadic functions, macros, system headers that
// are older than the kernel).
#pragma once

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/btf.h>
#include <linux/magic.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

// The part of bpf(2)'s attributes that BPF_LINK_CREATE reads for a tcx hook, as Linux 6.6 has it
// (include/uapi/linux/bpf.h, union bpf_attr, link_create). The kernel wants the rest to be zero or absent.
struct hover_tcx_link_create {
	__u32 prog_fd;
	__u32 target_ifindex;
	__u32 attach_type;
	__u32 flags;
	__u32 relative_fd;
	__u32 : 32;
	__u64 expected_revision;
	__u8 reserved[32];
};

static inline long hover_bpf(int command, void *attributes, unsigned int size)
{
	return syscall(SYS_bpf, command, attributes, size);
}
