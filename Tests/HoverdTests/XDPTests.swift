// SPDX-License-Identifier: Apache-2.0

import BPF
import HoverAPI
import TestSupport
import Testing

/// The same modules before the kernel makes an skb of the packet.
@Suite struct XDPTests {
    /// Two hosts behind a chain of modules, both interfaces at xdp.
    private func chain(_ daemon: HoverDaemon, _ modules: [String], hook: String) async throws -> (TestHost, TestHost) {
        let left = try await daemon.network.addHost("left", address: "10.0.0.1/24", "fd00::1/64")
        let right = try await daemon.network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
        for (one, next) in zip(modules, modules.dropFirst()) {
            try await daemon.link((one, 2), (next, 1))
        }
        try await daemon.link(("i:left", nil), (modules[0], 1), hook: hook)
        try await daemon.link((modules[modules.count - 1], 2), ("i:right", nil), hook: hook)
        return (left, right)
    }

    private func checkTraffic(_ left: TestHost, _ right: TestHost) async throws {
        #expect(try await left.pings("10.0.0.2", count: 5))
        #expect(try await right.pings("fd00::1", count: 5))
        // Checksums of what the hosts send themselves.
        try await right.run("iperf3", "-s", "-1", "-D")
        try await wait(for: "iperf3 to listen") { try await right.run("ss", "-ltn").contains(":5201") }
        try await left.run("iperf3", "-c", "10.0.0.2", "-n", "4000000")
    }

    @Test(arguments: ["xdp", "xdp-native", "xdp-generic"]) func packetsCross(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.forward("a")
            try await daemon.forward("b")
            let (left, right) = try await chain(daemon, ["a", "b"], hook: hook)
            try await checkTraffic(left, right)
            let shown = try await daemon.client.links().compactMap(\.hook)
            #expect(shown == Array(repeating: hook == "xdp-generic" ? hook : "xdp-native", count: 2))
            let module = try await daemon.client.module("a")
            #expect(module.hooks == ["tc", "xdp"])
            #expect(module.drops.values.allSatisfy { $0 == 0 }, "\(module.drops)")
            #expect(try await daemon.client.ports(of: "b")[0].counters.rxPackets >= 5)
        }
    }

    @Test func leftToHoverAVethIsHookedAtTc() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.client.links().compactMap(\.hook) == ["tc", "tc"])
        }
    }

    /// Older kernels have no room for `md->data` on the way.
    private static let carriesData = Feature.longMetadata.probe() == .supported

    @Test func aModuleThatFitsTcOnlyGetsWhatComesFromXDP() async throws {
        let marks = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	if (WITH_DATA) {
            		md->data[2].type = 9;
            		md->data[2].value = 1234567;
            	}
            	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
            }
            """
        let wantsMark = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	struct __sk_buff *skb = pkt;
            	if (WITH_DATA && md->in_ifc == 1 && (md->data[2].type != 9 || md->data[2].value != 1234567))
            		return RX_DROP;
            	return skb->len ? pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1) : RX_DROP;
            }
            """
        let withData = "#define WITH_DATA \(Self.carriesData ? 1 : 0)\n"
        try await HoverDaemon.with { daemon in
            try await daemon.forward("a", source: withData + marks)
            let second = try await daemon.forward("b", source: withData + wantsMark)
            #expect(second.hooks == ["tc"])
            #expect(second.xdpObstacle?.contains("no member named 'len'") == true, "\(second.xdpObstacle ?? "")")
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            try await daemon.link(("a", 2), ("b", 1))
            try await daemon.link(("i:left", nil), ("a", 1), hook: "xdp")
            try await daemon.link(("b", 2), ("i:right", nil))
            #expect(try await left.pings("10.0.0.2", count: 5))
            let refused = try await refusal {
                try await daemon.client.deleteLink(daemon.client.links().first { $0.to.node == "i:right" }?.id ?? "")
                try await daemon.link(("b", 2), ("i:right", nil), hook: "xdp")
            }
            #expect(refused.status == 409)
            #expect(refused.detail.contains("no member named 'len'"), "\(refused.detail)")
        }
    }

    @Test func floodsAndMirrorsWork() async throws {
        let hub = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	pkt_mirror(pkt, md, 4);
            	return pkt_flood(pkt, md);
            }
            """
        try await HoverDaemon.with { daemon in
            try await daemon.forward("hub", source: hub)
            let sink = try await daemon.forward(
                "sink", source: "static int handle_rx(void *pkt, struct metadata *md) { return RX_DROP; }")
            var hosts: [TestHost] = []
            for number in 1...3 {
                hosts.append(try await daemon.network.addHost("h\(number)", address: "10.0.0.\(number)/24"))
                try await daemon.link(("i:h\(number)", nil), ("hub", number), hook: "xdp")
            }
            try await daemon.link(("hub", 4), (sink.id, 1))
            #expect(try await hosts[0].pings("10.0.0.2", count: 3))
            #expect(try await hosts[2].pings("10.0.0.1", count: 3))
            #expect(try await daemon.client.ports(of: "sink")[0].counters.rxPackets >= 12)
            // What a host says of itself before the other ports are linked goes nowhere.
            let drops = try await daemon.client.module("hub").drops.filter { $0.key != "unlinked" && $0.value != 0 }
            #expect(drops.isEmpty, "\(drops)")
        }
    }

    @Test func policiesLieThereToo() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.forward("a")
            let (left, _) = try await chain(daemon, ["a"], hook: "xdp")
            let counter = """
                BPF_TABLE("array", int, __u64, seen, 3);
                static int handle_rx(void *pkt, struct metadata *md)
                {
                	seen.atomic_increment(md->in_ifc);
                	return RX_OK;
                }
                """
            try await daemon.policy("counter", source: counter, tags: ["a"])
            #expect(try await left.pings("10.0.0.2", count: 5))
            let seen = try await daemon.client.allEntries(of: "seen", in: "counter").map(\.value)
            #expect(seen[0] == 0 && seen[1] != 0 && seen[2] != 0, "\(seen)")
            try await daemon.policy(
                "wall", source: "static int handle_rx(void *pkt, struct metadata *md) { return RX_DROP; }", tags: ["a"])
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
        }
    }

    @Test func whatTheModuleKeepsToTheHostStaysItsOwn() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.ip("address", "add", "10.0.0.9/24", "dev", "left")
            try await daemon.forward(
                "pass", source: "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }")
            let link = try await daemon.link(("i:left", nil), ("pass", 1), hook: "xdp")
            #expect(try await left.pings("10.0.0.9", count: 3))
            try await daemon.client.deleteLink(link.id)
            #expect(try await daemon.network.programs().isEmpty)
            let shown = try await daemon.network.ip("link", "show", "dev", "left")
            #expect(!shown.contains("xdp"), "\(shown)")
        }
    }
}
