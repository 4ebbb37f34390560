// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// BCC's dialect of C under plain clang, for sources written for the original Hover. BCC rewrote `table.lookup(&key)`
// in the source; here a table is a constant struct of functions, which clang folds into direct calls.
#pragma once

#include <stdint.h>
#include <linux/version.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <hover/types.h>

// The libc's headers would declare htons and its like as functions, which are no constants for `case`.
#define _ARPA_INET_H 1
#define _NETINET_IN_H 1

#define htons(x) bpf_htons(x)
#define ntohs(x) bpf_ntohs(x)
#define htonl(x) bpf_htonl(x)
#define ntohl(x) bpf_ntohl(x)
#define bpf_htonll(x) bpf_cpu_to_be64(x)
#define bpf_ntohll(x) bpf_be64_to_cpu(x)

// Clang puts the code of these in place, if the size is constant and small.
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memmove(void *to, const void *from, __SIZE_TYPE__ size);
void *memset(void *to, int byte, __SIZE_TYPE__ size);
int memcmp(const void *one, const void *other, __SIZE_TYPE__ size);

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define lock_xadd(pointer, value) ((void)__sync_fetch_and_add((pointer), (value)))

#define BPF_PACKET_HEADER __attribute__((packed))
#define BCC_PACKED __attribute__((packed))

// Every module has its licence already (hover/program.h).
#define BPF_LICENSE(licence) _Static_assert(1, "")

// BCC's form has the format as a literal, bpf_trace_printk("%d\n", x); libbpf's has its size besides,
// bpf_trace_printk(format, sizeof(format), x).
static long (*const hover_trace_printk)(const char *format, ...) = (void *)BPF_FUNC_trace_printk;
#define bpf_trace_printk(format, ...)                                                                                 \
	__builtin_choose_expr(__builtin_constant_p(format),                                                           \
			      hover_trace_printk((format), (__u32)sizeof(format), ##__VA_ARGS__),                     \
			      hover_trace_printk((format), ##__VA_ARGS__))

void hover_cursor_without_packet(void) __attribute__((
	error("packet fields through a cursor that begins at 0 need BCC's rewriter; begin it at the packet, "
	      "`u8 *cursor = (void *)(long)skb->data`, and compare with skb->data_end before each field")));

// Returns the cursor and moves it on. BCC's cursor could begin at 0 and stood for an offset; here it is a pointer.
#define cursor_advance(cursor, size)                                                                                  \
	({                                                                                                            \
		void *here_ = (void *)(cursor);                                                                       \
		if (__builtin_constant_p((unsigned long)here_))                                                       \
			hover_cursor_without_packet();                                                                \
		(cursor) += (size);                                                                                   \
		here_;                                                                                                \
	})

#include <hover/table.h>
#include <bcc/proto.h>

// As in the kernel's headers, which BCC compiled with: sources hand out pointers into the stack of inline functions.
#define inline inline __attribute__((always_inline))
