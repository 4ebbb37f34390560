// SPDX-License-Identifier: Apache-2.0

import BPF
import ModuleKit
import Testing
import TypedValue

@testable import FirewallModule

/// The rules in the kernel beside a matcher that reads them one by one.
@Suite(.serialized) struct FirewallClassifierTests {
    /// All sets of rules, and packets for each.
    @Test(arguments: [(1, 60), (5, 60), (63, 150), (65, 150), (200, 300), (1000, 300), (4100, 400)])
    func findsTheFirstRuleThatMatches(_ count: Int, _ packets: Int) async throws {
        try await Self.check(count, packets, tracks: true, times: 1)
    }

    /// Without connections, where the second of two packets is not looked up. Few rules leave some fields to all of them
    /// open: packets that differ there are one to the firewall.
    @Test(arguments: (1...12).map { ($0, 100) } + [(65, 300), (1000, 600)])
    func decidesAgainAsBefore(_ count: Int, _ packets: Int) async throws {
        try await Self.check(count, packets, tracks: false, times: 2)
    }

    /// What a rule asks for, and a packet that differs there from one that is asked for.
    enum Difference: CaseIterable {
        case source, destination, source6, destination6, sourcePort, destinationPort, icmpType

        var rule: TypedValue {
            switch self {
            case .source: ["action": "drop", "source": "10.0.0.1/32"]
            case .destination: ["action": "drop", "destination": "10.0.0.2/32"]
            case .source6: ["action": "drop", "source": "fd00::1/128"]
            case .destination6: ["action": "drop", "destination": "fd00::2/128"]
            case .sourcePort: ["action": "drop", "protocol": "udp", "source_ports": 1000]
            case .destinationPort: ["action": "drop", "protocol": "udp", "destination_ports": 53]
            case .icmpType: ["action": "drop", "protocol": "icmp", "icmp_type": 8]
            }
        }

        var frames: (asked: FirewallFrame, other: FirewallFrame) {
            var frame = FirewallFrame()
            if self == .source6 || self == .destination6 {
                frame.isIPv4 = false
                frame.source = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]
                frame.destination = [0xfd] + [UInt8](repeating: 0, count: 14) + [2]
            }
            frame.number = self == .icmpType ? 1 : 17
            var other = frame
            switch self {
            case .source, .source6: other.source[other.source.count - 1] = 9
            case .destination, .destination6: other.destination[other.destination.count - 1] = 9
            case .sourcePort: other.sourcePort = 9
            case .destinationPort: other.destinationPort = 9
            case .icmpType: other.type = 9
            }
            return (frame, other)
        }
    }

    /// What was decided on one packet is not done to one that differs in what the only rule asks for.
    @Test(arguments: Difference.allCases) func tellsPacketsApart(_ difference: Difference) async throws {
        let config: TypedValue = [
            "rules": [difference.rule], "accept_established": false, "drop_invalid": false,
            "neighbour_discovery": "rules",
        ]
        let (asked, other) = difference.frames
        try await FirewallRig.with(config) { rig, _ in
            for frame in [asked, other, asked, other] { try rig.run(frame.bytes) }
            #expect(try rig.packets(.ruleDropped) == 2)
            #expect(try rig.packets(.defaultAccepted) == 2)
        }
    }

    private static func check(_ count: Int, _ packets: Int, tracks: Bool, times: Int) async throws {
        var chance = FirewallChance(seed: UInt64(count))
        let rules = (0..<count).map { chance.rule($0) }
        let sets = ["some": (0..<20).map { chance.prefix($0 % 2 == 0) }, "none": []]
        let frames = (0..<packets).map { _ in chance.frame() }
        try await FirewallRig.with(config(rules, sets, tracks: tracks)) { rig, _ in
            for frame in frames {
                try check(frame, rules, sets, rig, times: times)
            }
        }
    }

    static func config(_ rules: [PlainRule], _ sets: [String: [IPPrefix]], tracks: Bool = true) -> TypedValue {
        [
            "rules": .array(rules.map(\.config)),
            "sets": .array(
                sets.sorted { $0.key < $1.key }.map {
                    ["name": .string($0.key), "prefixes": .array($0.value.map { .string("\($0)") })]
                }),
            "default": ["ingress": "drop", "egress": "accept"], "accept_established": false,
            "drop_invalid": .bool(tracks), "neighbour_discovery": "rules",
        ]
    }

    /// Which rules count a packet, and what becomes of it.
    static func check(
        _ frame: FirewallFrame, _ rules: [PlainRule], _ sets: [String: [IPPrefix]], _ rig: FirewallRig,
        times: Int = 1
    ) throws {
        let matching = rules.filter { $0.matches(frame, sets) }
        let deciding = matching.firstIndex { $0.action != "count" }
        let counting = matching[..<(deciding.map { $0 + 1 } ?? matching.count)]
        let reason: FirewallRig.Reason =
            switch deciding.map({ matching[$0].action }) {
            case "accept": .ruleAccepted
            case "drop": .ruleDropped
            default: frame.isEgress ? .defaultAccepted : .defaultDropped
            }
        let before = try counting.map { try rig.packets(ofRule: $0.id) }
        let reasons = try rig.packets(reason, egress: frame.isEgress)
        try rig.run(frame.bytes, egress: frame.isEgress, times: times)
        let counted = try counting.map { try rig.packets(ofRule: $0.id) }
        #expect(counted == before.map { $0 + UInt64(times) }, "\(frame): \(counting.map(\.id))")
        #expect(try rig.packets(reason, egress: frame.isEgress) == reasons + UInt64(times), "\(frame): \(reason)")
    }

    @Test func aSetTakesThePlaceOfAnotherWithCountersThatStay() async throws {
        var chance = FirewallChance(seed: 7)
        let rules = (0..<100).map { chance.rule($0) }
        let frames = (0..<50).map { _ in chance.frame() }
        let setup = try FirewallRig.setup(Self.config(rules, ["some": [], "none": []]))
        try await FirewallRig.with(Self.config(rules, ["some": [], "none": []])) { rig, first in
            #expect(first == setup, "the same configuration gives the same")
            for frame in frames { try rig.run(frame.bytes, egress: frame.isEgress) }
            let counted = try rules.map { try rig.packets(ofRule: $0.id) }
            // The last rule becomes the first one.
            let moved = [rules[99]] + rules[..<99]
            let next = try FirewallRig.setup(Self.config(moved, ["some": [], "none": []]))
            try await rig.change(first, to: next)
            #expect(try rules.map { try rig.packets(ofRule: $0.id) } == counted)
            for frame in frames { try Self.check(frame, moved, ["some": [], "none": []], rig) }
        }
    }

    /// Two rules that want the same place for their counters (`counters.h`): one of them counts elsewhere.
    @Test func rulesWithOnePlaceCountEachForItself() async throws {
        // Of one rule more than there are places at least two want the same.
        let groups = Dictionary(grouping: (0...RuleCounters.places).map { "rule-\($0)" }) {
            FirewallRig.key(ofRule: $0) % UInt64(RuleCounters.places)
        }
        let pair = try #require(groups.values.first { $0.count > 1 }).prefix(2)
        func config(_ ids: some Sequence<String>) -> TypedValue {
            [
                "rules": .array(
                    ids.enumerated().map {
                        [
                            "id": .string($1), "action": "accept", "protocol": "udp",
                            "destination_ports": TypedValue($0 + 1),
                        ]
                    })
            ]
        }
        try await FirewallRig.with(config(pair)) { rig, _ in
            for port in 1...2 as ClosedRange<UInt16> {
                var frame = FirewallFrame()
                frame.destinationPort = port
                try rig.run(frame.bytes, times: 3 + Int(port))
            }
            #expect(try pair.map { try rig.packets(ofRule: $0) } == [4, 5])
        }
    }
}
