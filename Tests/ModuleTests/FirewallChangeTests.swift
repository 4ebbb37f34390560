// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import ModuleKit
import TestSupport
import Testing
import TypedValue

@testable import FirewallModule

/// Configurations that take each other's place, of which little differs.
@Suite struct FirewallChangeTests {
    /// What is taken over from the configuration before changes nothing of what comes out.
    @Test(arguments: [1, 2, 3])
    func aConfigurationMeansTheSameAfterAnotherOne(_ seed: UInt64) throws {
        var chance = FirewallChance(seed: seed)
        var rules = (0..<200).map { chance.rule($0) }
        var sets: [String: [IPPrefix]] = ["some": [chance.prefix(true), chance.prefix(false)], "none": []]
        var before = try FirewallRig.setup(FirewallClassifierTests.config(rules, sets))
        for step in 0..<60 {
            let index = chance.number(0..<rules.count)
            switch step % 6 {
            case 0: rules[index] = chance.rule(1000 + step)
            case 1: rules.insert(chance.rule(1000 + step), at: index)
            case 2: rules.remove(at: index)
            case 3: rules[index].action = rules[index].action == "drop" ? "accept" : "drop"
            case 4: rules.swapAt(index, chance.number(0..<rules.count))
            default: sets["some"]?.append(chance.prefix(chance.one(in: 2)))
            }
            let config = FirewallClassifierTests.config(rules, sets)
            let after = try FirewallType().setup(ConfigReader(config), after: before)
            #expect(after == (try FirewallRig.setup(config)), "step \(step)")
            before = after
        }
    }

    @Test func anIDThatIsTakenIsRefusedAfterAConfigurationToo() throws {
        let rules: [TypedValue] = (0..<5).map { ["id": .string("r\($0)"), "action": "drop"] }
        let before = try FirewallRig.setup(["rules": .array(rules)])
        let error = try #require(throws: ConfigError.self) {
            let config: TypedValue = ["rules": .array(rules + [["id": "r1", "action": "accept"]])]
            _ = try FirewallType().setup(ConfigReader(config), after: before)
        }
        #expect(error.pointer == "/rules/5/id")
        #expect(error.message == "rule 1 has the id r1 already: give it another one")
        // An id that is free again.
        let config: TypedValue = ["rules": .array(rules[2...] + [["id": "r1", "action": "accept"]])]
        #expect(try FirewallType().setup(ConfigReader(config), after: before) == FirewallRig.setup(config))
    }

    /// The fast path's pages are written where a rule says something else, and only there.
    @Test func aChangeOfOneRuleWritesFewPages() throws {
        func config(_ port: Int) -> TypedValue {
            let rules: [TypedValue] = (0..<4000).map {
                [
                    "id": .string("r\($0)"), "action": "drop", "protocol": "tcp",
                    "source": .string("10.\($0 >> 8).\($0 & 255).0/24"),
                    "destination_ports": TypedValue($0 == 2000 ? port : $0 % 10),
                ]
            }
            return ["rules": .array(rules)]
        }
        let before = try FirewallRig.setup(config(80))
        let after = try FirewallType().setup(ConfigReader(config(81)), after: before)
        let (old, new) = (before.tables[0].entries, after.tables[0].entries)
        let written = new.filter { old[$0.key] != $0.value }.count
        #expect(written > 1)
        #expect(written * 10 < new.count, "\(written) of \(new.count)")
    }
}

/// One rule of a firewall is changed by itself, while packets pass.
@Suite struct FirewallRuleTests {
    private static let count = 400

    /// Rules that match nothing of what is sent, with one that lets the left host in at the end.
    private static var config: [String: TypedValue] {
        let rules: [TypedValue] = (0..<count - 1).map {
            [
                "id": .string("r\($0)"), "action": "drop", "protocol": "tcp",
                "source": .string("172.16.\($0 >> 8).\($0 & 255)"), "destination_ports": TypedValue($0),
            ]
        }
        let last: TypedValue = ["id": "last", "action": "accept", "direction": "ingress", "source": "10.0.0.1"]
        return ["default": ["ingress": "drop"], "rules": .array(rules + [last])]
    }

    private static func ids(_ client: HoverClient) async throws -> [String] {
        try await FirewallTests.list("rules", client).compactMap {
            if case .string(let id)? = $0["id"] { id } else { nil }
        }
    }

    /// What a request is refused with.
    private static func problem(_ body: () async throws -> Void) async throws -> Problem? {
        do {
            try await body()
            return nil
        } catch let problem as Problem {
            return problem
        }
    }

    @Test func aRuleIsChangedAddedAndRemoved() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await FirewallTests.addHosts(daemon.network)
            let client = daemon.client
            try await daemon.apply(FirewallTests.manifest(FirewallTests.inward))
            _ = try await client.updateModule("fw", ModuleChange(config: Self.config))
            #expect(try await left.pings("10.0.0.2", count: 2))
            let counted = try await FirewallTests.packets(client)["last"] ?? 0
            #expect(counted > 0)

            try await client.setElement(
                "no-ping", to: ["id": "no-ping", "action": "drop", "protocol": "icmp"], of: "rules", in: "fw",
                before: "last")
            #expect(try await !left.pings("10.0.0.2", wait: "0.3"))
            #expect(try await Self.ids(client).suffix(3) == ["r398", "no-ping", "last"])
            #expect(try await FirewallTests.packets(client)["no-ping"] == 1)

            let other: TypedValue = ["id": "no-ping", "action": "drop", "protocol": "icmp", "source": "10.9.0.0/16"]
            try await client.setElement("no-ping", to: other, of: "rules", in: "fw")
            #expect(try await client.element("no-ping", of: "rules", in: "fw") == other)
            #expect(try await Self.ids(client).suffix(3) == ["r398", "no-ping", "last"], "it keeps its place")
            #expect(try await left.pings("10.0.0.2"))
            #expect((try await FirewallTests.packets(client)["last"] ?? 0) > counted, "counters go on")

            try await client.deleteElement("no-ping", of: "rules", in: "fw")
            try await client.setElement("r7", to: ["id": "r7", "action": "drop"], of: "rules", in: "fw", before: "r0")
            #expect(try await Self.ids(client).prefix(2) == ["r7", "r0"], "it moves")
            #expect(try await !left.pings("10.0.0.2", wait: "0.3"))
            #expect(try await client.module("fw").generation == 0, "the programs run on")
        }
    }

    @Test func whatCannotBeIsRefusedAndChangesNothing() async throws {
        try await HoverDaemon.with { daemon in
            _ = try await FirewallTests.addHosts(daemon.network)
            let client = daemon.client
            try await daemon.apply(FirewallTests.manifest(FirewallTests.inward))
            let before = try await (client.module("fw").config, client.revisions().revisions.count)
            let wrong = try await Self.problem {
                try await client.setElement(
                    "from-left", to: ["id": "from-left", "action": "acept"], of: "rules", in: "fw")
            }
            #expect(wrong?.status == 400)
            #expect(wrong?.pointer == "/action")
            #expect(wrong?.detail.contains("did you mean 'accept'?") == true)
            let unnamed = try await Self.problem {
                try await client.setElement("other", to: ["action": "drop"], of: "rules", in: "fw")
            }
            #expect(unnamed?.detail.contains("the element calls itself nothing, and is to be other") == true)
            let noList = try await Self.problem {
                try await client.setElement("other", to: ["id": "other"], of: "rulse", in: "fw")
            }
            #expect(noList?.detail.contains("did you mean 'rules'?") == true)
            for change in [
                { try await client.deleteElement("nobody", of: "rules", in: "fw") },
                {
                    try await client.setElement(
                        "new", to: ["id": "new", "action": "drop"], of: "rules", in: "fw", before: "nobody")
                },
            ] {
                #expect(try await Self.problem(change)?.status == 404)
            }
            let stale = try await Self.problem {
                try await client.deleteElement("from-left", of: "rules", in: "fw", ifMatch: 99)
            }
            #expect(stale?.status == 412)
            #expect(try await client.module("fw").config == before.0)
            #expect(try await client.revisions().revisions.count == before.1)
        }
    }

    /// The store keeps such changes as what differs.
    @Test func changesOutliveTheDaemonAndAreTakenBack() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, _) = try await FirewallTests.addHosts(daemons.network)
            let client = daemons.client
            try await daemons.apply(FirewallTests.manifest(FirewallTests.inward))
            _ = try await client.updateModule("fw", ModuleChange(config: Self.config))
            var states: [(revision: Int, config: [String: TypedValue])] = []
            func note() async throws {
                let revision = try #require(try await client.revisions().revisions.first?.number)
                states.append((revision, try await client.module("fw").config))
            }
            try await note()
            try await client.setElement(
                "last", to: ["id": "last", "action": "drop", "source": "10.0.0.1"], of: "rules", in: "fw")
            try await note()
            try await client.deleteElement("r17", of: "rules", in: "fw")
            try await note()
            try await client.setElement(
                "new", to: ["id": "new", "action": "drop", "vlan": 7], of: "rules", in: "fw", before: "r3")
            try await note()
            _ = try await client.updateModule("fw", ModuleChange(name: "wall"))
            _ = try await client.updateModule("wall", ModuleChange(name: "fw"))
            try await client.deleteElement("r18", of: "rules", in: "fw")
            try await note()

            daemons.kill()
            try await daemons.start()
            #expect(try await client.module("fw").config == states[4].config)
            #expect(try await client.doctor().findings.isEmpty)
            #expect(try await !left.pings("10.0.0.2", wait: "0.3"))
            for index in [3, 1, 4, 0, 2] {
                let done = try await hoverctl(["rollback", "\(states[index].revision)"], at: daemons.socket)
                #expect(done.succeeded, "\(done.errors)")
                #expect(try await client.module("fw").config == states[index].config, "\(index)")
                #expect(try await left.pings("10.0.0.2", wait: index == 0 ? "3" : "0.3") == (index == 0))
            }
        }
    }

    @Test func hoverctlChangesARule() async throws {
        try await HoverDaemon.with { daemon in
            _ = try await FirewallTests.addHosts(daemon.network)
            try await daemon.apply(FirewallTests.manifest(FirewallTests.inward))
            let rule = #"{"id": "ssh", "action": "accept", "protocol": "tcp", "destination_ports": 22}"#
            let set = try await daemon.hoverctl("config", "set", "fw", "rules", rule, "--before", "from-left")
            #expect(set.output == "set ssh in rules of module fw\n", "\(set.errors)")
            let shown = try await daemon.hoverctl("config", "get", "fw", "rules", "ssh", "-o", "json")
            #expect(try TypedValue(json: shown.output) == TypedValue(json: rule))
            #expect(try await Self.ids(daemon.client) == ["ssh", "from-left"])
            let deleted = try await daemon.hoverctl("config", "delete", "fw", "rules", "ssh")
            #expect(deleted.output == "deleted ssh from rules of module fw\n", "\(deleted.errors)")
            let again = try await daemon.hoverctl("config", "delete", "fw", "rules", "ssh")
            #expect(!again.succeeded)
            #expect(again.errors.contains("rules of module fw has no element with the id or name ssh"))
        }
    }
}
