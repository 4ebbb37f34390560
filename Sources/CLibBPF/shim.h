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
#include <stddef.h>
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
	__u32 unused;
	__u64 expected_revision;
	__u8 reserved[32];
};

// A ring buffer's positions and record headers are shared with the kernel (Documentation/bpf/ringbuf.rst): what it wrote
// before it moved the producer's position, or took a record's busy bit away, is there after the load; what was read of a
// record is read before the store of the consumer's position.
static inline unsigned long hover_load_acquire(const unsigned long *place)
{
	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline __u32 hover_load_acquire_u32(const __u32 *place)
{
	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline void hover_store_release(unsigned long *place, unsigned long value)
{
	__atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static inline long hover_bpf(int command, void *attributes, unsigned int size)
{
	return syscall(SYS_bpf, command, attributes, size);
}

// libbpf wants what is behind an option structure's last member to be zero, if `sz` includes it. Swift does not keep
// padding zero, so `sz` ends with the last member.
#define HOVER_END(type, member) (offsetof(struct type, member) + sizeof(((struct type *)0)->member))
#define HOVER_OPTIONS_SIZE(type) HOVER_END(type, type##__last_field)

static const size_t hover_object_open_size = HOVER_OPTIONS_SIZE(bpf_object_open_opts);
static const size_t hover_map_create_size = HOVER_OPTIONS_SIZE(bpf_map_create_opts);
static const size_t hover_test_run_size = HOVER_OPTIONS_SIZE(bpf_test_run_opts);
static const size_t hover_tc_hook_size = HOVER_OPTIONS_SIZE(bpf_tc_hook);
static const size_t hover_tc_size = HOVER_OPTIONS_SIZE(bpf_tc_opts);
