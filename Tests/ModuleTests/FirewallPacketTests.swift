// SPDX-License-Identifier: Apache-2.0

import BPF
import ModuleKit
import Testing
import TypedValue

@testable import FirewallModule

/// What a firewall does with packets of all kinds, well made or not.
@Suite(.serialized) struct FirewallPacketTests {
    private static let closed: TypedValue = [
        "default": ["ingress": "drop", "egress": "drop"],
        "rules": [
            ["id": "dns", "action": "accept", "direction": "egress", "protocol": "udp", "destination_ports": 53],
            ["id": "web", "action": "accept", "direction": "egress", "protocol": "tcp", "destination_ports": 80],
        ],
    ]

    private static func reversed(_ frame: FirewallFrame) -> FirewallFrame {
        var reply = frame
        swap(&reply.source, &reply.destination)
        swap(&reply.sourcePort, &reply.destinationPort)
        reply.isEgress = !frame.isEgress
        return reply
    }

    @Test(arguments: [true, false]) func letsAnswersInAndNothingElse(_ isIPv4: Bool) async throws {
        try await FirewallRig.with(Self.closed) { rig, _ in
            var question = FirewallFrame(isEgress: true, isIPv4: isIPv4)
            if !isIPv4 {
                question.source = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]
                question.destination = [0xfd] + [UInt8](repeating: 0, count: 14) + [2]
            }
            let answer = Self.reversed(question)
            try rig.run(answer.bytes)
            #expect(try rig.packets(.defaultDropped) == 1, "no question yet")
            for _ in 0..<3 { try rig.run(question.bytes, egress: true) }
            #expect(try rig.packets(ofRule: "dns") == 3, "each packet of the same question")
            try rig.run(answer.bytes)
            #expect(try rig.packets(.established) == 1)
            var other = answer
            other.destinationPort += 1
            try rig.run(other.bytes)
            #expect(try rig.packets(.defaultDropped) == 2)
        }
    }

    @Test func whatWasAcceptedIsAskedAgainWhenRulesChange() async throws {
        try await FirewallRig.with(Self.closed) { rig, before in
            let question = FirewallFrame(isEgress: true)
            for _ in 0..<3 { try rig.run(question.bytes, egress: true) }
            let after = try FirewallRig.setup(["default": ["ingress": "drop", "egress": "drop"]])
            try await rig.change(before, to: after)
            try rig.run(question.bytes, egress: true)
            #expect(try rig.packets(.ruleAccepted, egress: true) == 3)
            #expect(try rig.packets(.defaultDropped, egress: true) == 1)
            try rig.run(Self.reversed(question).bytes)
            #expect(try rig.packets(.defaultDropped) == 1, "the connection ended with the question's packet")
        }
    }

    @Test func tcpBeginsWithItsHandshake() async throws {
        try await FirewallRig.with(Self.closed) { rig, _ in
            var frame = FirewallFrame(isEgress: true, number: 6, destinationPort: 80, flags: 16)
            try rig.run(frame.bytes, egress: true)
            #expect(try rig.packets(.invalid, egress: true) == 1, "an ACK of no connection")
            frame.flags = 2
            try rig.run(frame.bytes, egress: true)
            #expect(try rig.packets(ofRule: "web") == 1)
        }
    }

    @Test func rulesMayDecideOnStates() async throws {
        let config: TypedValue = [
            "accept_established": false, "drop_invalid": false, "default": ["ingress": "drop", "egress": "drop"],
            "rules": [
                ["id": "strange", "action": "drop", "state": "invalid"],
                ["id": "old", "action": "accept", "state": ["established", "related"]],
                ["id": "new", "action": "accept", "direction": "egress", "state": "new", "protocol": ["tcp", "udp"]],
            ],
        ]
        try await FirewallRig.with(config) { rig, _ in
            let question = FirewallFrame(isEgress: true)
            try rig.run(FirewallFrame(number: 6, flags: 16).bytes)
            for _ in 0..<2 { try rig.run(question.bytes, egress: true) }
            for _ in 0..<2 { try rig.run(Self.reversed(question).bytes) }
            for _ in 0..<4 { try rig.run(question.bytes, egress: true) }
            #expect(try rig.packets(ofRule: "strange") == 1)
            #expect(try rig.packets(ofRule: "new") == 2)
            #expect(try rig.packets(ofRule: "old") == 6)
        }
    }

    @Test func whatIsNotIPIsDecidedBeforeRules() async throws {
        let arp: [UInt8] =
            [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
            + [UInt8](repeating: 0, count: 30)
        let other = [UInt8](repeating: 2, count: 12) + [0x88, 0xb5] + [UInt8](repeating: 0, count: 46)
        try await FirewallRig.with(Self.closed) { rig, before in
            try rig.run(arp)
            try rig.run(other)
            #expect(try rig.packets(.arp) == 1)
            #expect(try rig.packets(.otherDropped) == 1)
            try await rig.change(before, to: FirewallRig.setup(["arp": "drop", "non_ip": "accept"]))
            try rig.run(arp)
            try rig.run(other)
            #expect(try rig.packets(.arpDropped) == 1)
            #expect(try rig.packets(.other) == 1)
        }
    }

    @Test func neighboursFindEachOther() async throws {
        var frame = FirewallFrame(isIPv4: false, number: 58, type: 135)
        frame.source = [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
        frame.destination = [0xff, 0x02] + [UInt8](repeating: 0, count: 13) + [1]
        var bytes = frame.bytes
        try await FirewallRig.with(Self.closed) { rig, _ in
            try rig.run(bytes)
            #expect(try rig.packets(.discovery) == 0, "a hop limit of 64: it has come from far away")
            bytes[21] = 255
            try rig.run(bytes)
            #expect(try rig.packets(.discovery) == 1)
        }
    }

    @Test func malformedPacketsAreDropped() async throws {
        let good = FirewallFrame(isEgress: true).bytes
        try await FirewallRig.with(["rules": [["action": "accept"]]]) { rig, _ in
            var packets: [[UInt8]] = []
            for (place, value) in [(14, 0x55), (14, 0x44), (16, 0xff), (14, 0x4f), (39, 200), (39, 3)] as [(Int, UInt8)]
            {
                var packet = good
                packet[place] = value
                packets.append(packet)
            }
            packets.append(Array(good[..<38]))
            for packet in packets { try rig.run(packet, egress: true) }
            #expect(try rig.packets(.malformed, egress: true) == UInt64(packets.count))
            #expect(try rig.packets(.ruleAccepted, egress: true) == 0)
        }
    }

    @Test func fragmentsFollowTheFirstOne() async throws {
        var first = FirewallFrame(isEgress: true).bytes
        // More fragments.
        first[20] = 0x20
        let rest = FirewallFrame(isEgress: true, fragmentOffset: 2).bytes
        try await FirewallRig.with(Self.closed) { rig, before in
            try rig.run(rest, egress: true)
            #expect(try rig.packets(.defaultDropped, egress: true) == 1, "nothing was before it")
            try rig.run(first, egress: true)
            #expect(try rig.packets(ofRule: "dns") == 1)
            try rig.run(rest, egress: true)
            #expect(try rig.packets(.fragment, egress: true) == 1)
            try rig.run(rest)
            #expect(try rig.packets(.defaultDropped) == 1, "the other direction is another question")
            try await rig.change(before, to: FirewallRig.setup(["default": ["egress": "drop"]]))
            try rig.run(rest, egress: true)
            #expect(try rig.packets(.defaultDropped, egress: true) == 2, "by other rules it was not accepted")
        }
    }

    @Test func newConnectionsAreDroppedWhereThereIsNoRoom() async throws {
        guard case .object(var config) = Self.closed else { return }
        config["connections"] = 16
        try await FirewallRig.with(.object(config)) { rig, _ in
            for port in 0..<20 {
                try rig.run(FirewallFrame(isEgress: true, sourcePort: UInt16(2000 + port)).bytes, egress: true)
            }
            #expect(try rig.packets(.full, egress: true) == 4)
            #expect(try rig.packets(.ruleAccepted, egress: true) == 16)
        }
    }

    @Test func withoutRulesNothingPasses() async throws {
        try await FirewallRig.with(Self.closed) { rig, setup in
            // As between the load of the programs and their first configuration.
            let none = ModuleSetup(constants: setup.constants, sizes: setup.sizes, tables: [])
            try await rig.change(setup, to: none)
            try rig.run(FirewallFrame(isEgress: true).bytes, egress: true)
            #expect(try rig.packets(.noRules, egress: true) == 1)
        }
    }
}
