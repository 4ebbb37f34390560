// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// C sources of the modules that tests upload.
enum Source {
    /// What comes in by port 1 leaves by port 2, and the reverse.
    static let redirect = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
        }

        """

    /// A policy that counts the IPv4 packets that its handlers see, at index 1 and 2. Hosts send IPv6 by themselves.
    static let counter = """
        BPF_TABLE("array", u32, u64, seen, 3);

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	u32 handler = md->in_ifc;
        	u64 *count = seen.lookup(&handler);
        	struct __sk_buff *skb = pkt;

        	if (count && skb->protocol == bpf_htons(ETH_P_IP))
        		__sync_fetch_and_add(count, 1);
        	return RX_OK;
        }

        """

    /// A policy that lets nothing pass.
    static let wall = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_drop(pkt, md);
        }

        """

    /// A policy that lets nothing pass that leaves.
    static let wallForWhatLeaves = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return md->is_egress ? RX_ERROR : RX_OK;
        }

        static int handle_tx(void *pkt, struct metadata *md)
        {
        	return md->is_egress && md->in_ifc == 2 ? RX_DROP : RX_ERROR;
        }

        """

    /// A policy that appends a digit to the packet's mark, and notes the mark that IPv4 packets then have.
    static func marker(_ digit: Int) -> String {
        """
        BPF_TABLE("array", u32, u32, marks, 1);

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	u32 only = 0, mark;

        	if (skb->protocol != bpf_htons(ETH_P_IP))
        		return RX_OK;
        	mark = skb->mark * 10 + \(digit);
        	skb->mark = mark;
        	marks.update(&only, &mark);
        	return RX_OK;
        }

        """
    }

    /// Tables of several kinds, none of them used by a packet.
    static let tables = """
        #include <hover/types.h>

        struct flow {
        	ipv4_addr_t source;
        	__be16 port;
        	u8 protocol;
        	u8 unused;
        };

        struct count {
        	u64 packets;
        	u32 flags : 4;
        	u32 rest : 28;
        	char name[12];
        };

        BPF_TABLE("hash", struct flow, struct count, flows, 4);
        BPF_TABLE("percpu_array", u32, u64, sums, 2);
        BPF_HASH(plain, u32, u32, 2000);

        struct {
        	__uint(type, BPF_MAP_TYPE_LRU_HASH);
        	__uint(max_entries, 16);
        	__type(key, __u64);
        	__type(value, __u64);
        } recent SEC(".maps");

        const volatile __u32 answer = 41;

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	u32 key = answer;
        	struct flow flow = {};
        	u64 *sum = sums.lookup(&key);
        	if (sum)
        		*sum += 1;
        	plain.update(&key, &key);
        	if (flows.lookup(&flow))
        		return RX_DROP;
        	__u64 now = 1;
        	bpf_map_update_elem(&recent, &now, &now, BPF_ANY);
        	return RX_OK;
        }

        """

    /// `#` and what follows is wrong.
    static let syntaxError = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_redirect(pkt, md, 2;
        }

        """

    /// Reads the packet without a look at its end.
    static let unverifiable = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	__u8 *data = (void *)(long)skb->data;

        	if (data[12] == 8)
        		return RX_DROP;
        	return RX_OK;
        }

        """

    /// No module: a program for a hook, as anybody's.
    static let otherProgram = """
        #define SEC(name) __attribute__((section(name), used))
        SEC("tc") int other(void *skb) { return -1; }
        char other_license[] SEC("license") = "GPL";

        """

    static let withoutHandler = """
        static int handle_nothing(void *pkt)
        {
        	return 0;
        }

        """
}

/// Compiles C for the kernel without Hover's headers.
func kernelObject(_ source: String) throws -> Data {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    let (text, object) = (file.appendingPathExtension("c"), file.appendingPathExtension("o"))
    defer {
        try? FileManager.default.removeItem(at: text)
        try? FileManager.default.removeItem(at: object)
    }
    try source.write(to: text, atomically: true, encoding: .utf8)
    let clang = Process()
    clang.executableURL = URL(filePath: "/usr/bin/env")
    clang.arguments = ["clang", "-target", "bpf", "-O2", "-g", "-c", text.path(), "-o", object.path()]
    try clang.run()
    clang.waitUntilExit()
    return try Data(contentsOf: object)
}
