// SPDX-License-Identifier: Apache-2.0

import BPF
import CNDPI
import Dataplane
import ModuleKit
import TestSupport
import Testing
import TypedValue

@testable import DPIModule

/// What the fast path hands up, and what nDPI says to it.
@Suite(.serialized) struct DPIInspectionTests {
    private static let limits = SlowPathLimits(rate: 20_000, burst: 4000, snapLength: 2048)

    /// What the slow path says of packets, one after the other, until it says nothing new.
    private func findings(
        _ rig: DPIRig, _ inspector: FlowInspector, _ packets: PacketIns
    ) async throws -> [FlowInspector.Finding] {
        guard let batch = await packets.nextBatch() else { return [] }
        return try await inspector.look(at: batch)
    }

    @Test(
        arguments: [
            (DPIFrame.dns("www.example.com"), "DNS", nil, "www.example.com"),
            (.dns("www.youtube.com"), "YouTube", "DNS", "www.youtube.com"),
            (.tls("www.example.com"), "TLS", nil, "www.example.com"),
            (.tls("www.youtube.com"), "YouTube", "TLS", "www.youtube.com"),
            (.http("www.example.com"), "HTTP", nil, "www.example.com"), (.quic, "QUIC", nil, "example.com"),
            (DPIFrame(number: .icmp, payload: [UInt8](repeating: 97, count: 48)), "ICMP", nil, ""),
        ] as [(DPIFrame, String, String?, String)])
    func packetsTellTheirApplication(
        frame: DPIFrame, application: String, master: String?, host: String
    ) async throws {
        for (hook, isIPv4, tag) in [(.tc, true, nil), (.tc, false, 7), (.xdp, false, nil), (.xdp, true, 7)]
            as [(Hook, Bool, UInt16?)] where isIPv4 || frame.number != .icmp
        {
            try await DPIRig.with([:], at: hook) { rig, _ in
                let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
                var frame = frame
                frame.isIPv4 = isIPv4
                frame.tag = tag
                try rig.run(frame)
                let found = try await findings(rig, FlowInspector(mostFlows: 16), packets)
                try #require(found.count == 1)
                let verdict = found[0].verdict
                #expect(found[0].key == (try rig.flows[0].key))
                #expect(ApplicationNames.known.application(verdict.application) == application)
                #expect(verdict.master == master.map { UInt16(DPIRig.number($0)) } ?? 0)
                #expect(verdict.host == host)
                #expect(verdict.isFinal, "no more is wanted")
                #expect(Verdict.answer(verdict.answer(id: 7)) == (verdict, 7), "as the fast path is told")
            }
        }
    }

    @Test func aGreetingInTwoPacketsIsPutTogether() async throws {
        try await DPIRig.with([:]) { rig, _ in
            let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
            let inspector = FlowInspector(mostFlows: 16)
            var first = DPIFrame.tls("www.youtube.com")
            var second = first
            first.payload = Array(first.payload.prefix(60))
            second.payload = Array(second.payload.dropFirst(60))
            second.sequence = 61
            try rig.run(first)
            #expect(try await findings(rig, inspector, packets).isEmpty)
            try rig.run(second)
            let found = try await findings(rig, inspector, packets)
            #expect(found.first?.verdict.host == "www.youtube.com")
        }
    }

    @Test func onlyTheFirstPacketsWithPayloadAreHandedUp() async throws {
        try await DPIRig.with(["packets": 3]) { rig, _ in
            let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
            var acknowledgement = DPIFrame()
            acknowledgement.isReply = true
            for index in 0..<6 {
                var frame = DPIFrame.noise(index)
                frame.number = .tcp
                frame.destinationPort = 45_678
                frame.sequence = UInt32(1 + 100 * index)
                try rig.run(frame)
                acknowledgement.destinationPort = frame.destinationPort
                try rig.run(acknowledgement)
            }
            #expect(try rig.count(.handed) == 3)
            #expect(try rig.flows.first?.inspected == 3)
            let batch = try #require(await packets.nextBatch())
            #expect(batch.map(\.length) == Array(repeating: 154, count: 3), "no acknowledgement")
            #expect(batch.map { $0.reason >> 16 } == [0, 0, 1], "the last one is said to be it")
            let found = try await FlowInspector(mostFlows: 16).look(at: batch)
            #expect(found.count == 1)
            #expect(found.first?.verdict.isFinal == true, "it has to decide by the third")
            #expect(found.first?.verdict.application == 0)
        }
    }

    @Test func longPacketsAreCutOff() async throws {
        for isIPv4 in [true, false] {
            try await DPIRig.with([:]) { rig, _ in
                let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
                var frame = DPIFrame.http("www.example.com")
                frame.isIPv4 = isIPv4
                frame.payload += [UInt8](repeating: 97, count: 2500)
                try rig.run(frame)
                let batch = try #require(await packets.nextBatch())
                #expect(batch.map(\.bytes.count) == [2048])
                let found = try await FlowInspector(mostFlows: 16).look(at: batch)
                #expect(found.first?.verdict.host == "www.example.com")
            }
        }
    }

    @Test func nothingIsLostWhereNobodyListens() async throws {
        try await DPIRig.with([:]) { rig, _ in
            for index in 0..<20 { try rig.run(DPIFrame.noise(index)) }
            #expect(try rig.count(.nobodyListens) == 20)
            #expect(try rig.flows.first?.inspected == 0)
            let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
            try rig.run(DPIFrame.noise(20))
            #expect(await packets.nextBatch()?.count == 1, "it is looked at later")
            #expect(try await rig.dataplane.counters(ofModule: rig.id).drops[.controller] ?? 0 == 0)
        }
    }

    @Test func whatTheLimitLeavesOutIsCounted() async throws {
        try await DPIRig.with([:]) { rig, _ in
            let packets = try await rig.dataplane.listen(
                toModule: rig.id, limits: SlowPathLimits(rate: 1, burst: 5, snapLength: 2048))
            for port in 0..<8 { try rig.run(DPIFrame.dns("example.com", port: UInt16(3000 + port))) }
            #expect(try rig.count(.handed) == 5)
            #expect(try rig.count(.rate) == 3)
            #expect(await packets.nextBatch()?.count == 5)
            #expect(try await rig.dataplane.counters(ofModule: rig.id).drops[.controllerRate] ?? 0 == 0, "no drops")
        }
    }

    @Test func aNewSlowPathIsGivenPacketsAnew() async throws {
        try await DPIRig.with(["packets": 2]) { rig, _ in
            let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
            try rig.begin(session: 1)
            for index in 0..<5 { try rig.run(DPIFrame.noise(index)) }
            #expect(try rig.count(.handed) == 2)
            try rig.begin(session: 2)
            for index in 0..<5 { try rig.run(DPIFrame.noise(index)) }
            #expect(try rig.count(.handed) == 4)
            try rig.answer(DPIRig.verdict("SSH"))
            try rig.run(DPIFrame.noise())
            try rig.begin(session: 3)
            try rig.run(DPIFrame.noise())
            #expect(try rig.count(.handed) == 4, "not of what has its verdict")
            packets.close()
        }
    }

    @Test func aFlowWithoutAnAnswerIsUnclassifiedAndPasses() async throws {
        let config: TypedValue = ["packets": 1, "rules": [["application": "Unknown", "action": "block"]]]
        try await DPIRig.with(config) { rig, _ in
            let packets = try await rig.dataplane.listen(toModule: rig.id, limits: Self.limits)
            try rig.run(DPIFrame.noise())
            try rig.run(DPIFrame.noise())
            #expect(try rig.amount(DPIRig.pending).packets == 2, "an answer may still come")
            // As if a long time had passed since it was asked for: `asked` in `struct dpi_flow`.
            let entry = try #require(try rig.map("flows").entries(limit: 1).first)
            var value = entry.values[0]
            value.replaceSubrange(24 + 32..<24 + 40, with: StructureBytes().u64(1).bytes)
            try rig.map("flows").set(value, for: entry.key)
            try rig.run(DPIFrame.noise())
            try rig.run(DPIFrame.noise())
            #expect(try rig.count(.unanswered) == 1)
            #expect(
                try rig.amount(DPIRig.unclassified)
                    == DPIRig.Amount(
                        packets: 2, bytes: UInt64(2 * DPIFrame.noise().bytes.count)))
            try rig.begin(session: 9)
            try rig.run(DPIFrame.noise())
            #expect(try rig.count(.handed) == 2, "the next slow path is asked again")
            packets.close()
        }
    }

    @Test func hostileBytesDoNoHarm() async throws {
        var random = SystemRandomNumberGenerator()
        let frames = [
            DPIFrame.dns("www.example.com"), .tls("www.youtube.com"), .http("www.example.com"), .quic, .noise(),
        ]
        try await DPIRig.with(["packets": 32, "flows": 4096]) { rig, _ in
            let packets = try await rig.dataplane.listen(
                toModule: rig.id, limits: SlowPathLimits(rate: 1_000_000, burst: 10_000, snapLength: 2048))
            let inspector = FlowInspector(mostFlows: 64)
            var handed = 0
            for _ in 0..<40 {
                for frame in frames {
                    for _ in 0..<5 {
                        var bytes = frame.bytes
                        for _ in 0..<Int.random(in: 1...8, using: &random) {
                            let place = Int.random(in: 14..<bytes.count, using: &random)
                            bytes[place] = UInt8.random(in: 0...255, using: &random)
                        }
                        try rig.run(Array(bytes.prefix(Int.random(in: 40...bytes.count, using: &random))))
                        try rig.run(bytes)
                    }
                }
                try rig.run(DPIFrame.dns("example.com", port: 50_000))
                let batch = try #require(await packets.nextBatch())
                handed += batch.count
                _ = try await inspector.look(at: batch)
            }
            #expect(handed > 100)
        }
    }

    /// nDPI 4.2 ends the process where TLS goes on in what is no TCP.
    @Test func whatIsNoPacketOfTheFlowIsLeftOut() throws {
        let inspector = try #require(ndpi_inspector_create())
        defer { ndpi_inspector_destroy(inspector) }
        for isIPv4 in [true, false] {
            let flow = try #require(ndpi_inspected_flow_create())
            defer { ndpi_inspected_flow_destroy(flow) }
            var frame = DPIFrame.tls("www.youtube.com")
            frame.isIPv4 = isIPv4
            let good = Array(frame.bytes.dropFirst(14))
            var strange = [good]
            // Other protocols, a TCP header that is too short or too long, and datagrams that end within a header.
            let (number, offset) = isIPv4 ? (9, 20) : (6, 40)
            for protocolNumber in [47, 17, 59, 44, 0, 135] as [UInt8] {
                strange.append(good)
                strange[strange.count - 1][number] = protocolNumber
            }
            for length in [0x00, 0x40, 0xf0] as [UInt8] {
                strange.append(Array(good.prefix(offset + 24)))
                strange[strange.count - 1][offset + 12] = length
            }
            strange += [0, 1, 19, 20, 39, 40, offset + 1, offset + 19].map { Array(good.prefix($0)) }
            for (time, packet) in strange.enumerated() {
                let opinion = ndpi_inspector_look(inspector, flow, packet, packet.count, UInt64(time))
                #expect(opinion.application == UInt16(DPIRig.number("YouTube")), "\(packet)")
            }
        }
    }

    @Test func whatHostsSendIsShownReadably() {
        var bytes = Verdict().answer(id: 1)
        bytes.replaceSubrange(16..<22, with: [97, 27, 0xc3, 0xa4, 10, 98])
        #expect(Verdict.answer(bytes).verdict.host == "a????b")
    }

    @Test func theOldestFlowsAreForgotten() {
        var flows = RecentFlows<Int>(most: 4)
        func key(_ id: Int) -> FlowKey { FlowKey(bytes: [], id: UInt32(id)) }
        for id in 0..<3 { flows[key(id)] = id }
        #expect(flows[key(0)] == 0, "used")
        for id in 3..<5 { flows[key(id)] = id }
        #expect(flows[key(0)] == 0)
        #expect(flows[key(1)] == nil)
        for id in 5..<1000 {
            flows[key(id)] = id
            #expect(flows.count <= 4)
        }
    }
}
