// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import ModuleKit
import TestSupport
import Testing
import TypedValue

@testable import DPIModule

/// What the fast path does with packets of all kinds, and with what it is told of them.
@Suite(.serialized) struct DPIPacketTests {
    private static let blockYouTube: TypedValue = ["rules": [["application": "YouTube", "action": "block"]]]

    @Test(arguments: [(Hook.tc, true), (.tc, false), (.xdp, true), (.xdp, false)])
    func bothDirectionsAreOneFlow(hook: Hook, isIPv4: Bool) async throws {
        try await DPIRig.with([:], at: hook) { rig, _ in
            var frame = DPIFrame.tls("example.com")
            frame.isIPv4 = isIPv4
            try rig.run(frame)
            frame.isReply = true
            try rig.run(frame, egress: true)
            frame.tag = 7
            try rig.run(frame, egress: true)
            let flows = try rig.flows
            #expect(flows.count == 1)
            #expect(flows.first?.packets == 3)
            #expect(flows.first?.bytes == UInt64(3 * frame.bytes.count - 8), "whole frames, two without a tag")
            #expect(try rig.amount(DPIRig.pending).packets == 3)
            let ends = try #require(flows.first).key.ends(isReversed: flows[0].isReversed)
            #expect(ends.source.text == (isIPv4 ? "10.0.0.1:40000" : "[fd00::1]:40000"), "who sent first")
            #expect(ends.destination.text == (isIPv4 ? "10.0.0.2:443" : "[fd00::2]:443"))
        }
    }

    @Test func whoLiesTwiceOnTheWayCountsOnce() async throws {
        try await DPIRig.with([:]) { rig, _ in
            var frame = DPIFrame.tls("example.com")
            for _ in 0..<2 {
                try rig.run(frame)
                try rig.run(frame, egress: true)
            }
            frame.isReply = true
            try rig.run(frame)
            try rig.run(frame, egress: true)
            #expect(try rig.flows.first?.packets == 3)
            #expect(try rig.amount(DPIRig.pending).packets == 3)
        }
    }

    @Test(arguments: [Hook.tc, .xdp]) func aVerdictBlocksFromThenOn(hook: Hook) async throws {
        try await DPIRig.with(Self.blockYouTube, at: hook) { rig, setup in
            let youTube = DPIRig.number("YouTube")
            var frame = DPIFrame.tls("www.youtube.com")
            try rig.run(frame)
            #expect(try rig.amount(youTube) == DPIRig.Amount(), "nobody knows yet")
            try rig.answer(DPIRig.verdict("YouTube", in: "TLS", category: "Media"))
            frame.isReply = true
            try rig.run(frame)
            try rig.run(frame)
            let bytes = UInt64(2 * frame.bytes.count)
            #expect(try rig.amount(youTube) == DPIRig.Amount(packets: 2, bytes: bytes, blocked: 2))
            #expect(try await rig.dataplane.counters(ofModule: rig.id).drops[.verdict] == 2, "dropped")
            // Other rules count at once, for flows that have their verdict as well.
            try await rig.change(setup, to: [:])
            try rig.run(frame)
            #expect(try rig.amount(youTube).packets == 3)
            #expect(try rig.amount(youTube).blocked == 2)
        }
    }

    @Test func theFirstRuleThatMatchesDecides() async throws {
        let config: TypedValue = [
            "default": ["action": "mark", "dscp": 1],
            "rules": [
                ["application": "google", "action": "accept"], ["category": "Media", "action": "mark", "dscp": 8],
                ["application": "TLS", "action": "block"], ["application": "YouTube", "action": "accept"],
                ["application": "Unknown", "action": "block"],
            ],
        ]
        let outcomes: [(Verdict, UInt64, UInt64)] = [
            (DPIRig.verdict("YouTube", in: "TLS", category: "Media"), 0, 1),
            (DPIRig.verdict("TLS", category: "Web"), 1, 0),
            (DPIRig.verdict("Google", in: "TLS", category: "Web"), 0, 0),
            (DPIRig.verdict("Dropbox", in: "TLS", category: "Cloud"), 1, 0),
            (DPIRig.verdict("YouTube", in: "QUIC", category: "Web"), 0, 0), (DPIRig.verdict("SSH"), 0, 1),
            (DPIRig.verdict("Unknown"), 1, 0),
        ]
        for (verdict, blocked, marked) in outcomes {
            try await DPIRig.with(config) { rig, _ in
                try rig.run(DPIFrame.tls("example.com"))
                try rig.answer(verdict)
                try rig.run(DPIFrame.tls("example.com"))
                let amount = try rig.amount(Int(verdict.application))
                #expect(amount.blocked == blocked, "\(verdict)")
                #expect(amount.marked == marked, "\(verdict)")
            }
        }
    }

    @Test(arguments: [(Hook.tc, true), (.tc, false), (.xdp, true), (.xdp, false)])
    func marksWithRightChecksums(hook: Hook, isIPv4: Bool) async throws {
        let config: TypedValue = ["rules": [["application": "TLS", "action": "mark", "dscp": 46]]]
        try await DPIRig.with(config, at: hook) { rig, _ in
            for tag in [nil, 7] as [UInt16?] {
                var frame = DPIFrame.tls("example.com")
                frame.isIPv4 = isIPv4
                frame.tag = tag
                // DSCP 10, and ECN's two bits.
                frame.trafficClass = 10 << 2 | 3
                if tag == nil {
                    try rig.run(frame)
                    try rig.answer(DPIRig.verdict("TLS"))
                }
                let marked = try rig.run(frame)
                frame.trafficClass = 46 << 2 | 3
                #expect(marked == frame.bytes, "nothing else is changed, and the header's checksum is right")
            }
            #expect(try rig.amount(DPIRig.number("TLS")).marked == 2)
        }
    }

    @Test func whatBelongsToNoFlowPasses() async throws {
        try await DPIRig.with(Self.blockYouTube) { rig, _ in
            var first = DPIFrame.dns("example.com")
            first.fragment = 0x2000
            var rest = first
            rest.fragment = 2
            try rig.run(first)
            try rig.run(rest)
            #expect(try rig.count(.fragment) == 1)
            #expect(try rig.flows.count == 1, "the first fragment has ports")
            try rig.run(
                [UInt8](repeating: 2, count: 12) + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1] + [UInt8](repeating: 0, count: 40))
            #expect(try rig.count(.notIP) == 1)
            var unreachable = DPIFrame(number: .icmp, payload: first.bytes).bytes
            unreachable[34] = 3
            try rig.run(unreachable)
            #expect(try rig.count(.noFlow) == 1)
            let good = DPIFrame.tls("example.com").bytes
            let broken: [(Int, UInt8)] = [(14, 0x55), (14, 0x44), (16, 0xff), (14, 0x4f), (46, 0)]
            for (place, value) in broken {
                var packet = good
                packet[place] = value
                try rig.run(packet)
            }
            try rig.run(Array(good[..<38]))
            #expect(try rig.count(.malformed) == UInt64(broken.count + 1))
            #expect(try rig.flows.count == 1)
            #expect(try await rig.dataplane.counters(ofModule: rig.id).drops[.verdict] ?? 0 == 0)
        }
    }

    @Test func aBlockedDatagramHasNoFirstFragment() async throws {
        try await DPIRig.with(["rules": [["application": "DNS", "action": "block"]]]) { rig, _ in
            var frame = DPIFrame.dns("example.com")
            try rig.run(frame)
            try rig.answer(DPIRig.verdict("DNS"))
            frame.fragment = 0x2000
            try rig.run(frame)
            #expect(try rig.amount(DPIRig.number("DNS")).blocked == 1)
        }
    }

    @Test func handshakesTakeNoRoom() async throws {
        try await DPIRig.with([:]) { rig, _ in
            for port in 0..<20 {
                try rig.run(DPIFrame(sourcePort: UInt16(1000 + port)))
                try rig.run(DPIFrame(number: .udp, sourcePort: UInt16(1000 + port)))
            }
            #expect(try rig.flows.isEmpty)
            #expect(try rig.amount(DPIRig.pending).packets == 40)
        }
    }

    @Test func flowsThatFindNoRoomPass() async throws {
        let config: TypedValue = ["flows": 16, "rules": [["application": "Unknown", "action": "block"]]]
        try await DPIRig.with(config) { rig, _ in
            for port in 0..<20 {
                try rig.run(DPIFrame.dns("example.com", port: UInt16(2000 + port)))
            }
            #expect(try rig.flows.count == 16)
            #expect(try rig.count(.tableFull) == 4)
            #expect(try rig.amount(DPIRig.unclassified).packets == 4)
            #expect(try await rig.dataplane.counters(ofModule: rig.id).drops[.verdict] ?? 0 == 0)
        }
    }

    @Test func anAnswerIsForOneFlowOnly() async throws {
        try await DPIRig.with(Self.blockYouTube) { rig, _ in
            try rig.run(DPIFrame.tls("example.com"))
            let id = try rig.flows[0].key.id
            try rig.answer(DPIRig.verdict("YouTube"), id: id ^ 2)
            try rig.run(DPIFrame.tls("example.com"))
            #expect(try rig.amount(DPIRig.pending).packets == 2, "an earlier one had the same addresses and ports")
        }
    }

    @Test func whatIsKnownSoFarCountsUntilMoreIsKnown() async throws {
        try await DPIRig.with(Self.blockYouTube) { rig, _ in
            let frame = DPIFrame.tls("example.com")
            try rig.run(frame)
            try rig.answer(DPIRig.verdict("TLS", isFinal: false))
            try rig.run(frame)
            #expect(try rig.amount(DPIRig.number("TLS")).packets == 1)
            try rig.answer(DPIRig.verdict("YouTube", in: "TLS"))
            try rig.run(frame)
            #expect(try rig.amount(DPIRig.number("YouTube")).blocked == 1)
        }
    }

    @Test func flowsAreForgottenWhenTheyAreSilent() async throws {
        try await DPIRig.with(["timeout": 1, "tcp_timeout": 3600]) { rig, _ in
            try rig.run(DPIFrame.dns("example.com"))
            try rig.run(DPIFrame.tls("example.com"))
            try await wait(for: "the question to be forgotten") { try rig.flows.count == 1 }
            #expect(try rig.flows.first?.key.ends(isReversed: false).protocol == 6)
        }
    }
}
