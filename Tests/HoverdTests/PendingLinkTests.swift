// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing

/// Links of manifests to interfaces that are not there yet, or that go, come back, and get other names.
@Suite struct PendingLinkTests {
    private static let address = "02:00:00:00:00:0a"

    /// Makes the host behind an interface that a manifest waits for.
    private func addRight(_ network: Network, as interface: String = "right", address: String? = nil) async throws {
        let namespace = "\(network.name)-far"
        if try await !shell("ip", "netns", "list").contains(namespace) {
            try await shell("ip", "netns", "add", namespace)
        }
        let words = address.map { ["address", $0] } ?? []
        try await shell(
            ["ip", "-n", network.name, "link", "add", interface] + words
                + ["type", "veth", "peer", "name", "eth0", "netns", namespace])
        try await shell("ip", "-n", namespace, "address", "add", "10.0.0.2/24", "dev", "eth0")
        try await shell("ip", "-n", namespace, "link", "set", "eth0", "up")
        try await network.ip("link", "set", interface, "up")
    }

    private func waitUntilLinked(_ client: HoverClient, _ left: TestHost) async throws {
        try await wait(for: "all links to be up") { try await client.links().allSatisfy { $0.state == "up" } }
        try await left.run("ip", "neighbor", "flush", "all")
        #expect(try await left.pings("10.0.0.2"))
        let findings = try await client.doctor().findings
        #expect(findings.isEmpty, "\(findings)")
    }

    private func waitUntilPending(_ client: HoverClient) async throws {
        try await wait(for: "a link to be pending") { try await client.links().contains { $0.state == "pending" } }
        let findings = try await client.doctor().findings
        #expect(findings.isEmpty, "\(findings)")
    }

    @Test func aLinkWaitsForAnInterface() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (network, client) = (sequence.network, sequence.client)
            let left = try await network.addHost("left", address: "10.0.0.1/24")
            let manifest = ManifestText.chain(["a"])
            let applied = try await hoverctl(["apply", "-f", "-"], at: sequence.socket, input: manifest)
            let lines = try applied.lines()
            #expect(lines.contains { $0.hasPrefix("created link a:2 – i:right (pending: interface right") }, "\(lines)")
            #expect(applied.errors.contains("the link of a:2 to i:right is pending"), "\(applied.errors)")
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"], "nor does it wait for another")
            try await waitUntilPending(client)
            try await addRight(network)
            try await waitUntilLinked(client, left)
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"])
            try await network.ip("link", "delete", "right")
            try await waitUntilPending(client)
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"])
            try await addRight(network)
            try await waitUntilLinked(client, left)
            let revision = try await client.revisions().revisions.first?.number
            #expect(revision == 1, "what interfaces do is no change of what is to be there")
        }
    }

    @Test func itWaitsAcrossRestarts() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (network, client) = (sequence.network, sequence.client)
            let left = try await network.addHost("left", address: "10.0.0.1/24")
            let policy = ManifestText.policy("count", "placements: [\"i:right/egress\"]")
            try await sequence.apply(ManifestText.chain(["a"], policies: policy))
            sequence.kill()
            try await sequence.start()
            try await waitUntilPending(client)
            try await addRight(network)
            try await waitUntilLinked(client, left)
            #expect(try await client.topology().edges.contains { $0.forth.count == 1 }, "the policy came too")
            // It vanishes while no hoverd is there to see it.
            sequence.kill()
            try await network.ip("link", "delete", "right")
            try await sequence.start()
            try await waitUntilPending(client)
            // It comes while none is there, as another interface.
            sequence.kill()
            try await addRight(network)
            try await sequence.start()
            try await waitUntilLinked(client, left)
            // It is exchanged while none is there.
            sequence.kill()
            try await network.ip("link", "delete", "right")
            try await addRight(network)
            try await sequence.start()
            try await waitUntilLinked(client, left)
            #expect(try await sequence.apply(ManifestText.chain(["a"], policies: policy), "--prune") == ["no changes"])
        }
    }

    @Test func aRenamedInterfaceKeepsItsLink() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (network, client) = (sequence.network, sequence.client)
            let left = try await network.addHost("left", address: "10.0.0.1/24")
            try await addRight(network)
            try await sequence.apply(ManifestText.chain(["a"]))
            var stayedUp = true
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                for (old, name) in [("right", "uplink"), ("uplink", "right"), ("right", "wan0")] {
                    stayedUp = try await network.rename(old, to: name) && stayedUp
                    try await wait(for: "the name \(name)") {
                        try await client.links().contains { $0.to.node == "i:\(name)" }
                    }
                }
            }
            #expect(lost.isEmpty || !stayedUp)
            try await waitUntilLinked(client, left)
            #expect(try await sequence.apply(ManifestText.chain(["a"], to: "i:wan0"), "--prune") == ["no changes"])
            sequence.kill()
            try await sequence.start()
            try await waitUntilLinked(client, left)
        }
    }

    @Test(arguments: [address, "02:00:00:00:00:0A"])
    func anAddressNamesAnInterfaceWhateverItsName(as text: String) async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (network, client) = (sequence.network, sequence.client)
            let left = try await network.addHost("left", address: "10.0.0.1/24")
            let manifest = ManifestText.chain(["a"], to: "i:mac=\(text)")
            try await sequence.apply(manifest)
            try await waitUntilPending(client)
            try await addRight(network, as: "one", address: Self.address)
            try await waitUntilLinked(client, left)
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"])
            var stayedUp = true
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                stayedUp = try await network.rename("one", to: "two")
                // Another interface of the old name is another interface.
                try await network.ip("link", "add", "one", "type", "veth", "peer", "name", "one-peer")
                try await wait(for: "both names") {
                    try await Set(client.interfaces().map(\.name)).isSuperset(of: ["one", "two"])
                }
            }
            #expect(lost.isEmpty || !stayedUp)
            #expect(try await client.interface("one").link == nil)
            #expect(try await client.interface("two").link != nil)
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"])
            sequence.kill()
            try await network.rename("two", to: "three")
            try await sequence.start()
            try await waitUntilLinked(client, left)
            // Gone, it leaves the link to the next one with its address.
            try await network.ip("link", "delete", "three")
            try await waitUntilPending(client)
            try await addRight(network, as: "four", address: Self.address)
            try await waitUntilLinked(client, left)
            try await network.ip("link", "set", "dev", "four", "address", "02:00:00:00:00:0b")
            try await waitUntilPending(client)
            try await network.ip("link", "set", "dev", "four", "address", Self.address)
            try await waitUntilLinked(client, left)
        }
    }
}
