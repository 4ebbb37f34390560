// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Modules and links as they were at earlier revisions.
@Suite struct RollbackTests {
    private func state(_ client: HoverClient) async throws -> String {
        let modules = try await client.modules().map {
            "\($0.id) \($0.name) \($0.type) \($0.tags.sorted()) \($0.placements) \($0.config) \($0.code ?? "")"
        }
        let links = try await client.links().map { "\($0)" }
        return (modules.sorted() + links.sorted()).joined(separator: "\n")
    }

    @Test func eachChangeIsTakenBack() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let client = sequence.client
            let (left, _) = try await sequence.oneModule()
            let source = "const volatile __u32 limit = 0;\n" + Source.redirect
            let changes: [(String, () async throws -> Void)] = [
                ("create", { _ = try await sequence.forward("spare", source: source) }),
                ("configure", { _ = try await client.updateModule("spare", ModuleChange(config: ["limit": 7])) }),
                (
                    "tag",
                    {
                        _ = try await client.createModule(
                            ModuleRequest(name: "wall", type: "bpf/policy", tags: ["middle"], source: Source.wall))
                    }
                ),
                ("untag", { _ = try await client.updateModule("wall", ModuleChange(tags: [])) }),
                (
                    "place",
                    {
                        let place = Placement(node: "i:left", direction: "ingress", at: "first")
                        _ = try await client.updateModule("wall", ModuleChange(placements: [place]))
                    }
                ),
                (
                    "swap",
                    {
                        _ = try await client.replaceCode(
                            of: "middle", CodeRequest(source: Source.redirect + "// other"))
                    }
                ),
                ("link", { _ = try await sequence.link("spare", 1, to: "middle", 3) }),
                ("port", { _ = try await client.addPort(to: "spare") }),
                ("rename", { _ = try await client.updateModule("spare", ModuleChange(name: "other")) }),
                ("delete the policy", { try await client.deleteModule("wall") }),
                ("delete", { try await client.deleteModule("middle") }),
            ]
            var states: [(revision: Int, state: String, pings: Bool)] = []
            func note() async throws {
                let revision = try #require(try await client.revisions().revisions.first?.number)
                states.append((revision, try await state(client), try await left.pings("10.0.0.2", wait: "0.2")))
            }
            try await note()
            for (_, change) in changes {
                try await change()
                try await note()
            }
            // Back step by step, then all over the place, then once more as it was after a restart.
            let order = states.reversed() + [states[11], states[0], states[9], states[3], states[6]]
            for (step, earlier) in order.enumerated() {
                if step == order.count - 2 {
                    sequence.kill()
                    try await sequence.start()
                }
                let before = try await state(client)
                let planned = try await hoverctl(["rollback", "--dry-run", "\(earlier.revision)"], at: sequence.socket)
                #expect(try await state(client) == before)
                let done = try await hoverctl(["rollback", "\(earlier.revision)"], at: sequence.socket)
                #expect(done.succeeded, "\(earlier.revision): \(done.errors)")
                #expect(try await state(client) == earlier.state, "\(earlier.revision)")
                #expect(
                    (before == earlier.state) == (done.output == "no changes\n"), "\(earlier.revision): \(done.output)")
                #expect(try planned.lines().count == max(1, done.lines().count - 1), "\(planned.output) \(done.output)")
                #expect(!done.output.contains("l:"), "links are shown by their ends: \(done.output)")
                #expect(try await left.pings("10.0.0.2", wait: earlier.pings ? "5" : "0.2") == earlier.pings)
                let findings = try await client.doctor().findings
                #expect(findings.isEmpty, "\(earlier.revision): \(findings)")
            }
        }
    }

    @Test func aRollbackIsTakenBackToo() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            try await daemon.apply(ManifestText.chain(["a"]))
            let first = try await state(daemon.client)
            try await daemon.apply(ManifestText.chain(["a", "b"]), "--prune")
            let second = try await state(daemon.client)
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                let back = try await daemon.hoverctl("rollback", "1").lines()
                #expect(back.contains("deleted module b") && back.contains("deleted link a:2 – b:1"), "\(back)")
                #expect(try await state(daemon.client) == first)
                #expect(try await daemon.hoverctl("rollback", "2").lines().contains("created module b"))
                #expect(try await state(daemon.client) == second)
            }
            #expect(lost.isEmpty)
            #expect(try await daemon.apply(ManifestText.chain(["a", "b"]), "--prune") == ["no changes"])
            #expect(try await daemon.client.revisions().revisions.first?.summary == "roll back to revision 2")
            #expect(try await daemon.hoverctl("rollback", "0").succeeded)
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func entriesOfADeletedModuleComeBack() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let client = sequence.client
            func values() async throws -> [TypedValue] {
                try await client.allEntries(of: "plain", in: "a").map(\.value)
            }
            try await sequence.forward("a", source: Source.tables)
            try await client.setEntry(TableEntry(key: 1, value: 10), of: "plain", in: "a")
            try await client.deleteModule("a")
            _ = try await client.rollback(to: 1)
            #expect(try await values() == [10])
            try await client.setEntry(TableEntry(key: 1, value: 20), of: "plain", in: "a")
            try await client.deleteModule("a")
            _ = try await client.rollback(to: 3)
            #expect(try await values() == [20])
            try await client.deleteModule("a")
            _ = try await client.rollback(to: 1)
            #expect(try await values() == [10], "as it was at the end of revision 1")
            // They are kept like any others.
            try sequence.stop()
            try await shell(sequence.command() + ["--down"])
            try await sequence.start()
            #expect(try await values() == [10])
        }
    }

    /// A module's number is not given to another one while a rollback can need it.
    @Test func numbersAreNotUsedAgainSoon() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let client = sequence.client
            try await sequence.forward("a")
            let number = try await sequence.forward("b").number
            try await client.deleteModule("b")
            sequence.kill()
            try await sequence.start()
            try await sequence.forward("c")
            #expect(try await client.module("c").number != number)
            _ = try await client.rollback(to: 2)
            #expect(try await client.module("b").number == number)
            #expect(try await client.doctor().findings.isEmpty)
        }
    }

    @Test func fiftyRevisionsAreKept() async throws {
        try await HoverDaemon.with { daemon in
            let client = HoverClient(endpoint: .unixSocket(path: daemon.socket), author: "tester@here")
            let source = "const volatile __u32 limit = 0;\n" + Source.redirect
            _ = try await client.createModule(ModuleRequest(name: "a", type: "bpf/forward", source: source))
            for limit in 2...55 {
                _ = try await client.updateModule("a", ModuleChange(config: ["limit": TypedValue(limit)]))
            }
            let revisions = try await client.revisions().revisions
            #expect(revisions.map(\.number) == (6...55).reversed())
            #expect(revisions.map(\.current) == [true] + Array(repeating: false, count: 49))
            #expect(revisions.allSatisfy { $0.author == "tester@here" && $0.summary == "update module a" })
            let time = try #require(revisions.first.map { try Date($0.time, strategy: .iso8601) })
            #expect(abs(time.timeIntervalSinceNow) < 60)
            let table = try await daemon.hoverctl("get", "revisions").lines()
            #expect(table.count == 51)
            #expect(table[1].contains("55") && table[1].contains("yes") && table[1].contains("tester@here"))
            for number in [0, 4, 56] {
                let problem = try await refusal { try await client.rollback(to: number) }
                #expect(problem.status == 404)
            }
            _ = try await client.rollback(to: 6)
            #expect(try await client.module("a").config == ["limit": 6])
        }
    }
}
