// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import TestSupport
import Testing

/// What a module sends to its slow path, and what the slow path gets of it.
@Suite struct SlowPathTests {
    static let toController = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	__u32 numbers[3] = { 11, 22, 33 };

        	pkt_set_metadata(pkt, numbers);
        	md->data[2].type = 5;
        	md->data[2].value = 0x123456789abc;
        	return pkt_controller(pkt, md, 7);
        }
        """

    private static func listen(
        _ rig: Rig, to name: String, _ limits: SlowPathLimits = SlowPathLimits()
    ) async throws -> PacketIns {
        try await rig.dataplane.listen(toModule: "m:" + name, limits: limits)
    }

    @Test func aPacketComesWithAllThatTheModuleSaid() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController, number: 42)
            let packets = try await Self.listen(rig, to: "a")
            #expect(try rig.receive(frame, on: 2, of: "a").verdict == Verdict.shot)
            let packet = try #require(await packets.nextBatch()?.first { _ in true })
            #expect(packet.module == 42)
            #expect(packet.port == 2)
            #expect(packet.reason == 7)
            #expect(packet.metadata == SIMD3<UInt32>(11, 22, 33))
            #expect(packet.data == PacketData(0, 0, 0x1234_5678_9abc << 8 | 5, 0))
            #expect(packet.length == 64)
            #expect(packet.isWhole)
            #expect(packet.segmentSize == 0)
            #expect(packet.key == nil)
            #expect(Array(packet.bytes) == frame)
            #expect(packet.time > 0)
            let counted = try await rig.counters("a")
            #expect(counted.packetIns == 1)
            #expect(counted.drops.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func packetsComeInOrder() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a")
            for number in 1...200 {
                _ = try rig.receive(frame.dropLast() + [UInt8(number)], of: "a")
            }
            var seen: [UInt8] = []
            var iterator = packets.makeAsyncIterator()
            while seen.count < 200, let packet = await iterator.next() {
                seen.append(packet.bytes.last ?? 0)
            }
            #expect(seen == (1...200).map { UInt8($0) })
        }
    }

    @Test func whoWaitsIsWokenByAPacket() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a")
            async let waiting = packets.nextBatch()
            await Task.yield()
            _ = try rig.receive(frame, of: "a")
            #expect(await waiting?.count == 1)
        }
    }

    @Test(arguments: [14, 60, 127, 128, 129, 512, 513, 1535, 1536, 1537, 3000])
    func ofALongPacketTheLengthIsToldAndTheBytesAreCapped(length: Int) async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a")
            let long = (0..<length).map { $0 == 12 ? 0x88 : $0 == 13 ? 0xb5 : UInt8(truncatingIfNeeded: $0) }
            _ = try rig.receive(long, of: "a")
            let packet = try #require(await packets.nextBatch()?.first { _ in true })
            #expect(packet.length == length)
            #expect(Array(packet.bytes) == Array(long.prefix(1536)))
            #expect(packet.isWhole == (length <= 1536))
        }
    }

    @Test func theSnapLengthIsTheListeners() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a", SlowPathLimits(snapLength: 20))
            _ = try rig.receive(frame, of: "a")
            #expect(await packets.nextBatch()?.first { _ in true }?.bytes.count == 20)
            try await rig.dataplane.setLimits(SlowPathLimits(snapLength: 30), ofModule: "m:a")
            _ = try rig.receive(frame, of: "a")
            #expect(await packets.nextBatch()?.first { _ in true }?.bytes.count == 30)
        }
    }

    @Test func aGSOPacketTellsItsSegments() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a")
            let long = frame + [UInt8](repeating: 1, count: 2900)
            _ = try rig.receive(long, of: "a", segmentSize: 1448)
            let packet = try #require(await packets.nextBatch()?.first { _ in true })
            #expect(packet.segmentSize == 1448)
            #expect(packet.length == long.count)
            #expect(packet.bytes.count == 1536)
        }
    }

    @Test func whatIsOverTheRateIsCounted() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a", SlowPathLimits(rate: 1, burst: 100))
            try rig.receive(frame, of: "a", times: 1000)
            let counted = try await rig.counters("a")
            let received = try #require(await packets.nextBatch()?.count)
            #expect((100...101).contains(received))
            #expect(counted.packetIns == UInt64(received))
            #expect(counted.drops[.controllerRate] == UInt64(1000 - received))
        }
    }

    @Test func aSlowPathThatNeverReadsCostsNoMoreThanItsRing() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.toController)
            let packets = try await Self.listen(rig, to: "a", SlowPathLimits(rate: 100_000_000, burst: 1_000_000))
            let sent = 400_000
            try rig.receive(frame, of: "a", times: sent)
            let counted = try await rig.counters("a")
            let full = Int(counted.drops[.controllerFull] ?? 0)
            #expect(full > 0)
            var received = 0
            while received + full < sent, let batch = await packets.nextBatch() {
                received += batch.count
            }
            #expect(received + full == sent, "each packet is read or counted")
            #expect(counted.packetIns == UInt64(received))
        }
    }

    @Test func aStormOfOneModuleDoesNotKeepAnothersPacketsBack() async throws {
        try await Rig.with { rig in
            try await rig.load("storm", Self.toController, number: 1)
            try await rig.load("calm", Self.toController, number: 2)
            let limits = SlowPathLimits(rate: 100_000_000, burst: 1_000_000)
            let unread = try await Self.listen(rig, to: "storm", limits)
            let packets = try await Self.listen(rig, to: "calm")
            try rig.receive(frame, of: "storm", times: 400_000)
            _ = try rig.receive(frame, on: 2, of: "calm")
            let packet = try #require(await packets.nextBatch()?.first { _ in true })
            #expect(packet.module == 2)
            #expect(try await rig.counters("calm").drops.values.allSatisfy { $0 == 0 })
            #expect(try await rig.counters("storm").drops[.controllerFull] ?? 0 > 0)
            withExtendedLifetime(unread) {}
        }
    }
}
