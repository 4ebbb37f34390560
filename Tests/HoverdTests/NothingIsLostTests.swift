// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// Traffic goes on, to the packet, whatever happens to `hoverd` and to the code of modules. An emulated processor would be
/// busy with making it alone: there it is less.
@Suite(.serialized) struct NothingIsLostTests {
    /// Learns the source port of UDP packets, and sends all on.
    static let learning = """
        #include <linux/ip.h>
        #include <linux/udp.h>
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u32); __type(value, __u64); }
            seen SEC(".maps");
        static int handle_rx(void *pkt, struct metadata *md)
        {
            struct __sk_buff *skb = pkt;
            void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
            struct iphdr *ip = data + 14;
            struct udphdr *udp = data + 34;
            __u64 one = 1, *count;
            __u32 key;
            if ((void *)(udp + 1) <= end && ip->protocol == 17) {
                key = bpf_ntohs(udp->source);
                count = bpf_map_lookup_elem(&seen, &key);
                if (count)
                    __sync_fetch_and_add(count, 1);
                else
                    bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
            }
            return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
        }
        """

    enum End: String, CaseIterable, Sendable {
        case killed, stopped
        /// Two builds in turn, where `HOVER_OTHER_BUILD` names another one; else as if another build's programs ran: all of
        /// Hover's own are exchanged.
        case upgraded
    }

    @Test(arguments: End.allCases)
    func overRestarts(end: End) async throws {
        try await DaemonSequence.with { sequence in
            let (left, right) = try await learner(sequence)
            let download = try await Download(from: right, by: left, report: sequence.folder + "/download")
            let count = try await UDPTraffic(flows: 1000, rate: isEmulated ? 2000 : 10_000).during(
                from: left, to: right, at: "10.0.0.2"
            ) {
                let other = ProcessInfo.processInfo.environment["HOVER_OTHER_BUILD"]
                for round in 0..<20 {
                    if end == .stopped { try sequence.stop() } else { sequence.kill() }
                    if end == .upgraded, other == nil {
                        try await shell("sh", "-c", "rm \(sequence.pinFolder)/shared/version-*")
                    }
                    try await sequence.start(build: end == .upgraded && round % 2 == 0 ? other : nil)
                }
            }
            print("20 restarts, \(end.rawValue): \(count)")
            #expect(count.lost <= count.droppedElsewhere, "\(count)")
            #expect(count.reordered == 0, "\(count)")
            #expect(try await sequence.client.allEntries(of: "seen", in: "learner").count >= 1000)
            try await download.end()
            #expect(end != .upgraded || sequence.log.contains("replaced the programs of another version"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func overAHundredExchangesOfCode() async throws {
        try await DaemonSequence.with { sequence in
            let (left, right) = try await learner(sequence)
            let sources = (0..<2).map { Self.learning + "\nconst volatile int step = \($0);\n" }
            let count = try await UDPTraffic(flows: 100, rate: isEmulated ? 2000 : 100_000).during(
                from: left, to: right, at: "10.0.0.2"
            ) {
                for round in 0..<100 {
                    _ = try await sequence.client.replaceCode(
                        of: "learner", CodeRequest(source: sources[round % 2]))
                }
            }
            print("100 exchanges of code: \(count)")
            #expect(count.lost <= count.droppedElsewhere, "\(count)")
            #expect(count.reordered == 0, "\(count)")
            #expect(try await sequence.client.module("learner").generation == 100)
            #expect(try await sequence.client.allEntries(of: "seen", in: "learner").count >= 100)
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    /// The packets of one flow meet a wall from the first one on that it lets pass none; and the wall stands with nobody
    /// behind it.
    @Test(arguments: ["tc", "xdp-generic"])
    func aWallStandsWithoutHoverd(hook: String) async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let left = try await sequence.network.addHost("left", address: "10.0.0.1/24")
            try await sequence.network.addHost("right", address: "10.0.0.2/24")
            try await sequence.forward("middle")
            _ = try await sequence.client.createLink(
                from: LinkEnd(node: "i:left"), to: LinkEnd(node: "middle", port: 1), hook: hook)
            _ = try await sequence.client.createLink(
                from: LinkEnd(node: "middle", port: 2), to: LinkEnd(node: "i:right"), hook: hook)
            #expect(try await left.pings("10.0.0.2"))
            sequence.kill()
            #expect(try await left.pings("10.0.0.2", count: 3), "no hole")
            try await sequence.start()
            _ = try await sequence.client.createModule(
                ModuleRequest(
                    name: "wall", type: "bpf/policy",
                    placements: [Placement(node: "middle", port: 1, direction: "ingress", at: "first")],
                    source: Source.wall))
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            sequence.kill()
            #expect(try await !left.pings("10.0.0.2", count: 3, wait: "0.2"), "no open door")
            try await sequence.start()
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    private func learner(_ sequence: DaemonSequence) async throws -> (left: TestHost, right: TestHost) {
        try await sequence.start()
        let left = try await sequence.network.addHost("left", address: "10.0.0.1/24")
        let right = try await sequence.network.addHost("right", address: "10.0.0.2/24")
        try await sequence.forward("learner", source: Self.learning)
        try await sequence.link("i:left", to: "learner", 1)
        try await sequence.link("learner", 2, to: "i:right")
        #expect(try await left.pings("10.0.0.2"))
        return (left, right)
    }
}

/// A TCP download of ten seconds.
private struct Download {
    private let process = Process()
    private let report: String

    init(from server: TestHost, by client: TestHost, report: String) async throws {
        self.report = report
        try await server.run("iperf3", "-s", "-1", "-D")
        try await wait(for: "iperf3 to listen") { try await server.run("ss", "-Htln").contains(":5201") }
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "nsenter", "--net=/run/netns/\(client.namespace)", "timeout", "30", "iperf3", "-J", "-R", "-i", "0.5", "-b",
            "100M", "-t", "10", "-c", "10.0.0.2", "--logfile", report,
        ]
        try process.run()
    }

    /// Waits for its end. It must have gone on all the time.
    func end() async throws {
        try await wait(for: "the download to end", atMost: .seconds(30)) { !process.isRunning }
        let text = try Data(contentsOf: URL(filePath: report))
        let document = try JSONSerialization.jsonObject(with: text) as? [String: Any]
        let intervals = try #require(document?["intervals"] as? [[String: Any]])
        let bytes = intervals.compactMap { ($0["sum"] as? [String: Any])?["bytes"] as? Int }
        // The last one may have only begun.
        #expect(bytes.count > 2)
        #expect(bytes.dropLast().allSatisfy { $0 > 0 }, "\(bytes)")
    }
}
