// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// Copies that the kernel makes, to real interfaces and into other modules.
@Suite struct FloodTests {
    private static let hub = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_flood(pkt, md);
        }
        """
    private static let count = """
        BPF_TABLE("array", int, __u64, seen, 1);
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	seen.atomic_increment(0);
        	return RX_OK;
        }
        """

    /// Three hosts at a hub; the third behind another module, and with a policy on the way.
    @Test(arguments: ["tc", "xdp"]) func reachesHostsModulesAndPoliciesWithHoverdStopped(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.forward("hub", source: Self.hub)
            try await daemon.forward("behind")
            try await daemon.policy("counter", source: Self.count, tags: ["behind"])
            var hosts: [TestHost] = []
            for number in 1...3 {
                hosts.append(try await daemon.network.addHost("h\(number)", address: "10.0.0.\(number)/24"))
            }
            try await daemon.link(("behind", 1), ("hub", 3))
            try await daemon.link(("i:h3", nil), ("behind", 2), hook: hook)
            for number in 1...2 {
                try await daemon.link(("i:h\(number)", nil), ("hub", number), hook: hook)
            }
            #expect(kill(daemon.processID, SIGSTOP) == 0)
            defer { kill(daemon.processID, SIGCONT) }
            for (from, to) in [(0, 2), (0, 3), (2, 1), (2, 2), (1, 3)] where from + 1 != to {
                #expect(try await hosts[from].pings("10.0.0.\(to)", count: 3), "from \(from + 1) to \(to)")
            }
            kill(daemon.processID, SIGCONT)
            let seen = try await daemon.client.allEntries(of: "seen", in: "counter").map(\.value)
            #expect(seen != [0])
            #expect(try await daemon.client.module("hub").copies > 0)
        }
    }
}
