// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Policies at explicit places, and what packets meet there.
@Suite struct PlacementTests {
    private func mark(_ policy: String, _ daemon: HoverDaemon) async throws -> TypedValue? {
        try await daemon.client.allEntries(of: "marks", in: policy).first?.value
    }

    @Test func packetsMeetPoliciesInTheOrderOfTheirPositions() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, middle) = try await daemon.oneModule()
            try await left.learn(right, as: "10.0.0.2")
            try await right.learn(left, as: "10.0.0.1")
            func place(_ number: Int, _ at: String? = nil, before: String? = nil) async throws {
                let placement = Placement(node: middle.id, port: 1, direction: "ingress", at: at, before: before)
                try await daemon.policy("p\(number)", source: Source.marker(number), placements: [placement])
            }
            try await place(1, "last")
            try await place(2, "first")
            try await place(3, before: "p1")
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await mark("p2", daemon) == 2)
            #expect(try await mark("p3", daemon) == 23)
            #expect(try await mark("p1", daemon) == 231)

            // Moved while packets flow.
            let moved = ModuleChange(placements: [Placement(node: "i:left", direction: "ingress", after: "p1")])
            #expect(try await daemon.client.updateModule("p2", moved).placements.count == 1)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await mark("p1", daemon) == 31)
            #expect(try await mark("p2", daemon) == 312)

            let topology = try await daemon.client.topology()
            let edge = try #require(topology.edges.first { $0.from.node == "i:left" })
            let names = Dictionary(uniqueKeysWithValues: topology.nodes.map { ($0.id, $0.name) })
            #expect(edge.forth.map { names[$0.policy] } == ["p3", "p1", "p2"])
            #expect(edge.back.isEmpty)
        }
    }

    @Test func aHostsOwnPacketsAreFiltered() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.ip("address", "add", "10.0.0.254/24", "dev", "left")
            #expect(try await left.pings("10.0.0.254"))
            try await daemon.policy(
                "wall", source: Source.wall, placements: [Placement(node: "i:left", direction: "ingress")])
            #expect(try await daemon.network.programs() == ["hover_ingress"])
            #expect(try await !left.pings("10.0.0.254", wait: "0.2"))
            let edge = try #require(try await daemon.client.topology().edges.first)
            #expect(edge.kind == "host")
            #expect(edge.forth.map(\.handler) == ["ingress"])

            _ = try await daemon.client.updateModule("wall", ModuleChange(placements: []))
            #expect(try await daemon.network.programs().isEmpty)
            #expect(try await left.pings("10.0.0.254"))

            try await daemon.policy(
                "exit", source: Source.wallForWhatLeaves,
                placements: [
                    Placement(node: "i:left", direction: "ingress"), Placement(node: "i:left", direction: "egress"),
                ])
            #expect(try await !left.pings("10.0.0.254", wait: "0.2"))
            let drops = try await daemon.client.module("exit").drops
            #expect(drops["verdict"] ?? 0 > 0, "handle_tx was called for what leaves")
            #expect(drops["error"] == 0, "and for nothing else")
            try await daemon.client.deleteModule("exit")
            #expect(try await left.pings("10.0.0.254"))
        }
    }

    @Test func bothHandlersAreVerifiedBeforeAPolicyLiesAnywhere() async throws {
        try await HoverDaemon.with { daemon in
            let unverifiable = Source.unverifiable.replacing("handle_rx", with: "handle_tx")
            let problem = try await refusal {
                try await daemon.policy("p", source: Source.wall + unverifiable)
            }
            #expect(problem.type == "urn:hover:problem:verifier")
            #expect(problem.diagnostics?.first?.line == 10, "\(problem.detail)")
        }
    }

    @Test func aPolicyStaysAtAnInterfaceThatIsLinkedAndUnlinked() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            try await daemon.network.ip("address", "add", "10.0.0.254/24", "dev", "left")
            try await daemon.policy(
                "counter", source: Source.counter, placements: [Placement(node: "i:left", direction: "ingress")])
            func seen() async throws -> [TypedValue] {
                try await daemon.client.allEntries(of: "seen", in: "counter").map(\.value)
            }
            #expect(try await left.pings("10.0.0.254"))
            #expect(try await seen() == [0, 1, 0])
            try await daemon.forward("middle")
            let links = [
                try await daemon.link(("i:left", nil), ("middle", 1)),
                try await daemon.link(("middle", 2), ("i:right", nil)),
            ]
            try await left.learn(right, as: "10.0.0.2")
            try await right.learn(left, as: "10.0.0.1")
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await seen() == [0, 2, 0])
            for link in links { try await daemon.client.deleteLink(link.id) }
            #expect(try await left.pings("10.0.0.254"))
            #expect(try await seen() == [0, 3, 0])
        }
    }

    @Test func errorsNameWhatIsMissing() async throws {
        try await HoverDaemon.with { daemon in
            let (_, _, middle) = try await daemon.oneModule()
            for (placement, status, detail) in [
                (Placement(node: "middle", port: 1, before: "nobody"), 404, "there is no module nobody"),
                (Placement(node: "i:nothing"), 404, "there is no interface nothing"),
                (Placement(node: "middle"), 400, "a port of module middle is missing"),
                (Placement(node: "middle", port: 1, at: "first", before: "x"), 400, "give one of them"),
            ] {
                let problem = try await refusal {
                    try await daemon.policy("p", source: Source.counter, placements: [placement])
                }
                #expect(problem.status == status)
                #expect(problem.detail.contains(detail), "\(problem.detail)")
            }
            let problem = try await refusal {
                try await daemon.client.updateModule(
                    middle.id, ModuleChange(placements: [Placement(node: "i:left")]))
            }
            #expect(problem.detail.contains("only policies are placed"))
            #expect(try await daemon.client.modules().count == 1)
        }
    }
}
