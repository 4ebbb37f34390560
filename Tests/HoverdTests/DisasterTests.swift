// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// What the machine does to `hoverd`: a change is refused as a whole, and what runs goes on.
@Suite struct DisasterTests {
    @Test func aFullDiskRefusesChangesAndNothingElse() async throws {
        try await DaemonSequence.with { sequence in
            let state = sequence.folder + "/state"
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            try await shell("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state)
            do {
                try await sequence.start()
                let (left, _) = try await sequence.oneModule()
                let before = try await sequence.client.revisions().revisions.first?.number
                _ = try await attempt(["dd", "if=/dev/zero", "of=\(state)/filling", "bs=4k"])
                let refused = try await refusal { try await sequence.forward("one more") }
                #expect(refused.type == "urn:hover:problem:store")
                #expect(refused.detail.contains("full"), "\(refused.detail)")
                #expect(try await left.pings("10.0.0.2"))
                #expect(try await sequence.client.modules().map(\.name) == ["middle"])
                #expect(try await sequence.client.doctor().findings.isEmpty)
                try FileManager.default.removeItem(atPath: state + "/filling")
                try await sequence.forward("one more")
                #expect(try await sequence.client.revisions().revisions.first?.number == before.map { $0 + 1 })
                sequence.kill()
                try await sequence.start()
                #expect(try await sequence.client.modules().map(\.name) == ["middle", "one more"])
                try await sequence.client.down()
                try await wait(for: "hoverd to end") { !sequence.isRunning }
            } catch {
                sequence.kill()
                try await shell("umount", "-l", state)
                throw error
            }
            try await shell("umount", state)
        }
    }

    @Test func withoutItsPinsTheNextOneMakesAllAgain() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            try await shell("sh", "-c", "rm -r \(sequence.pinFolder)/*")
            let refused = try await refusal { try await sequence.forward("new") }
            #expect(refused.status == 500)
            sequence.kill()
            try await sequence.start()
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
            // With the pins goes the knowledge whose these are.
            try await sequence.network.ip("link", "delete", "hover0")
            for interface in ["left", "right"] {
                try await sequence.network.ip("link", "set", interface, "promisc", "off")
            }
        }
    }

    @Test func aMapThatTheKernelRefusesTakesTheWholeManifestWithIt() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            let large = """
                struct large { char bytes[6 << 20]; };
                struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32);
                    __type(value, struct large); } large SEC(".maps");
                static int handle_rx(void *pkt, struct metadata *md)
                {
                    __u32 key = 0;
                    return bpf_map_lookup_elem(&large, &key) ? RX_OK : RX_DROP;
                }
                """
            let manifest = Manifest(
                modules: [
                    ModuleRequest(name: "good", type: "bpf/forward", source: Source.redirect, ports: 2),
                    ModuleRequest(name: "large", type: "bpf/forward", source: large),
                ],
                links: [LinkRequest(from: LinkEnd(node: "good", port: 1), to: LinkEnd(node: "middle", port: 3))])
            let before = try await sequence.client.revisions()
            let refused = try await refusal { try await sequence.client.apply(manifest) }
            #expect(refused.detail.contains("large"), "\(refused.detail)")
            #expect(try await sequence.client.modules().map(\.name) == ["middle"])
            #expect(try await sequence.client.revisions() == before)
            #expect(try await sequence.client.doctor().findings.isEmpty)
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    /// Interfaces come and go while manifests name them.
    @Test func interfacesThatVanishWithinAChange() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            try await sequence.forward("middle")
            for round in 0..<12 {
                let interface = "v\(round)"
                try await sequence.network.ip("link", "add", interface, "type", "veth", "peer", "name", "p\(round)")
                let manifest = Manifest(
                    links: [
                        LinkRequest(from: LinkEnd(node: "middle", port: round + 1), to: LinkEnd(node: "i:" + interface))
                    ])
                let network = sequence.network
                async let removed: String = network.ip("link", "delete", interface)
                _ = try? await sequence.client.apply(manifest)
                _ = try await removed
            }
            try await wait(for: "all links to be pending") {
                try await sequence.client.links().allSatisfy { $0.state == "pending" }
            }
            #expect(try await sequence.client.doctor().findings.isEmpty)
            sequence.kill()
            try await sequence.start()
            #expect(try await sequence.client.links().allSatisfy { $0.state == "pending" })
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func twoDaemonsDoNotShareAStore() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let other = sequence.folder + "/other"
            var command = HoverDaemon.command(in: sequence.network, folder: other, pinFolder: sequence.pinFolder + "-2")
            command[command.firstIndex(of: other + "/state") ?? 0] = sequence.folder + "/state"
            let second = try await attempt(command)
            #expect(!second.succeeded)
            #expect(second.errors.contains("pid \(sequence.processID)"), "\(second.errors)")
            _ = try? await shell("rmdir", sequence.pinFolder + "-2")
        }
    }
}
