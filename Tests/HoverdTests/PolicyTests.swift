// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

@Suite struct PolicyTests {
    private func seen(_ policy: String, _ daemon: HoverDaemon) async throws -> [TypedValue] {
        try await daemon.client.allEntries(of: "seen", in: policy).map(\.value)
    }

    @Test func liesOnTheLinksOfWhatItTags() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, module) = try await daemon.oneModule()
            try await left.learn(right, as: "10.0.0.2")
            try await right.learn(left, as: "10.0.0.1")
            let policy = try await daemon.policy("counter", source: Source.counter, tags: ["middle"])
            #expect(policy.tags == [module.id])
            #expect(try await left.pings("10.0.0.2", count: 5))
            // Each request and each reply enters the module and leaves it.
            #expect(try await seen("counter", daemon) == [0, 10, 10])
            _ = try await daemon.client.updateModule("counter", ModuleChange(tags: ["i:left"]))
            #expect(try await left.pings("10.0.0.2", count: 5))
            #expect(try await seen("counter", daemon) == [0, 15, 15])
            _ = try await daemon.client.updateModule("counter", ModuleChange(tags: []))
            #expect(try await left.pings("10.0.0.2", count: 5))
            #expect(try await seen("counter", daemon) == [0, 15, 15])
        }
    }

    @Test func canStopPackets() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            try await daemon.policy("wall", source: Source.wall, tags: ["middle"])
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            #expect(try await daemon.client.module("wall").drops["verdict"] ?? 0 > 0)
            try await daemon.client.deleteModule("wall")
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    @Test func eightLieOnALinkInTheOrderOfTheirCreation() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            for number in 1...8 {
                try await daemon.policy("p\(number)", source: Source.counter, tags: ["middle"])
            }
            #expect(try await left.pings("10.0.0.2"))
            let problem = try await refusal {
                try await daemon.policy("p9", source: Source.counter, tags: ["middle"])
            }
            #expect(problem.status == 409)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.client.modules().count == 9)
        }
    }

    @Test func followsTheMembersOfABridge() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.network.ip("link", "add", "br0", "type", "bridge")
            try await daemon.network.ip("link", "set", "br0", "up")
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            #expect(try await daemon.client.module("b:br0").type == "bridge")
            try await daemon.policy("wall", source: Source.wall, tags: ["b:br0"])
            for member in ["left", "right"] {
                try await daemon.network.ip("link", "set", member, "master", "br0")
            }
            try await wait(for: "the policy to lie on both members") {
                try await daemon.network.programs().count == 4
            }
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            try await daemon.client.deleteModule("wall")
            #expect(try await left.pings("10.0.0.2"))
            for member in ["left", "right"] {
                try await daemon.network.ip("link", "set", member, "nomaster")
            }
        }
    }
}
