// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
//
// Delivers one frame to an interface as if it came off its wire, again and again (BPF_F_TEST_XDP_LIVE_FRAMES).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

// 64 bytes on the wire are 60 without their checksum.
#define LENGTH 60

const volatile __u8 frame[LENGTH];
// How many UDP source ports follow each other; 1: always the frame's own.
const volatile __u32 flows = 1;
// How many IPv4 source addresses follow each other, when the ports are through.
const volatile __u32 hosts = 1;

__u64 sent;

SEC("xdp")
int deliver(struct xdp_md *xdp)
{
	__u8 *data = (void *)(long)xdp->data;

	if ((void *)(data + LENGTH) > (void *)(long)xdp->data_end)
		return XDP_DROP;
	// The kernel hands out frames as they came back from the last time.
	for (int i = 0; i < LENGTH; i++)
		data[i] = frame[i];
	if (flows > 1 || hosts > 1) {
		__u64 number = sent++;
		__u16 port = bpf_htons(1024 + number % flows);
		__u8 host = number / flows % hosts;

		__u32 sum;

		__builtin_memcpy(data + 34, &port, sizeof(port));
		data[29] += host;
		// The header's sum goes down by as much (RFC 1624).
		sum = (data[24] << 8 | data[25]) + 0xffff - host;
		sum = (sum & 0xffff) + (sum >> 16);
		data[24] = sum >> 8;
		data[25] = sum;
	}
	return XDP_PASS;
}

char deliver_license[] SEC("license") = "GPL";
