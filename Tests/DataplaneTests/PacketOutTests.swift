// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing

/// What a slow path sends: into a module or out of its ports, and what it had held.
@Suite struct PacketOutTests {
    /// Sends on what it receives by port 1; anything else is an error.
    private static let forward = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return md->in_ifc == 1 ? pkt_redirect(pkt, md, 2) : RX_ERROR;
        }
        """
    /// Holds what it receives as long as it has no entry for the first byte.
    private static let ask = """
        struct {
        	__uint(type, BPF_MAP_TYPE_ARRAY);
        	__uint(max_entries, 256);
        	__type(key, __u32);
        	__type(value, __u32);
        } known SEC(".maps");

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	__u8 *data = (void *)(long)skb->data;
        	__u32 *value, key;

        	if (data + 1 > (__u8 *)(long)skb->data_end)
        		return RX_ERROR;
        	key = data[0];
        	value = bpf_map_lookup_elem(&known, &key);
        	if (!value || !*value)
        		return pkt_hold(pkt, md, 3, key);
        	return pkt_redirect(pkt, md, 2);
        }
        """

    /// Modules `a` and `end`, port 2 of `a` linked to port 1 of `end`, where a listener sees what arrives.
    private func withChain(
        _ source: String, _ body: (Rig, SlowPath, PacketIns) async throws -> Void
    ) async throws {
        try await Rig.with { rig in
            try await rig.load("a", source, ports: 3, number: 1)
            try await rig.load("end", SlowPathTests.toController, number: 2)
            try await rig.wire("a", 2, to: "end", 1)
            let arrived = try await rig.dataplane.listen(toModule: "m:end", limits: SlowPathLimits())
            try await body(rig, try await rig.dataplane.slowPath(ofModule: "m:a"), arrived)
        }
    }

    @Test func outOfAPort() async throws {
        try await withChain(Self.forward) { rig, slowPath, arrived in
            try await slowPath.send(PacketOut(frame), .outOf, port: 2)
            let packet = try #require(await arrived.nextBatch()?.first { _ in true })
            #expect(Array(packet.bytes) == frame)
            #expect(packet.port == 1)
            let counted = try await rig.counters("a")
            #expect(counted.ports[2].txPackets == 1)
            #expect(counted.ports[1].rxPackets == 0)
        }
    }

    @Test func intoAPortAsIfReceived() async throws {
        try await withChain(Self.forward) { rig, slowPath, arrived in
            try await slowPath.send(PacketOut(frame), .into, port: 1)
            #expect(await arrived.nextBatch()?.map { Array($0.bytes) } == [frame])
            try await slowPath.send(PacketOut(frame), .into, port: 3)
            let counted = try await rig.counters("a")
            #expect(counted.ports[1].rxPackets == 1)
            #expect(counted.ports[1].rxBytes == 64)
            #expect(counted.ports[3].rxPackets == 1)
            #expect(counted.drops[.error] == 1)
        }
    }

    @Test(arguments: [14, 15, 59, 60, 61, 1514, 9000, 15_000, 15_001, 40_000, 65_535])
    func everyLengthArrivesAsItIs(length: Int) async throws {
        try await withChain(Self.forward) { rig, slowPath, arrived in
            let bytes = frame.prefix(14) + (14..<max(length, 14)).map { UInt8(truncatingIfNeeded: $0 * 7) }
            try await slowPath.send(PacketOut(Array(bytes)), .outOf, port: 2)
            let packet = try #require(await arrived.nextBatch()?.first { _ in true })
            #expect(packet.length == length)
            #expect(packet.bytes.elementsEqual(bytes.prefix(1536)))
        }
    }

    @Test func dataTravelWithThePacket() async throws {
        let reads = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	return md->data[1].type == 9 && md->data[1].value == 77 ? pkt_redirect(pkt, md, 2) : RX_ERROR;
            }
            """
        try await withChain(reads) { rig, slowPath, arrived in
            try await slowPath.send(PacketOut(frame, data: PacketData(0, 77 << 8 | 9)), .into, port: 1)
            #expect(await arrived.nextBatch()?.count == 1)
            try await slowPath.send(PacketOut(frame), .into, port: 1)
            #expect(try await rig.counters("a").drops[.error] == 1)
        }
    }

    @Test func whatCannotBeSentIsRefusedWithTheReason() async throws {
        try await withChain(Self.forward) { rig, slowPath, _ in
            func refusal(_ body: () async throws(DataplaneError) -> Void) async -> String {
                do throws(DataplaneError) {
                    try await body()
                    return "nothing was refused"
                } catch {
                    return "\(error)"
                }
            }
            func out(_ bytes: [UInt8], _ port: Int) async -> String {
                await refusal { () async throws(DataplaneError) in
                    try await slowPath.send(PacketOut(bytes), .outOf, port: port)
                }
            }
            #expect(await out(frame, 1).hasPrefix("port 1 of module m:a is not linked"))
            #expect(await out(frame, 0).contains("no port 0"))
            #expect(await out(frame, 17).contains("no port 17: its ports are 1 to 16"))
            #expect(await out([UInt8](repeating: 0, count: 13), 2).contains("a packet of 13 bytes"))
            #expect(await out([], 2).contains("a packet of 0 bytes"))
            #expect(await out([UInt8](repeating: 0, count: 65_536), 2).contains("a packet of 65536 bytes"))
            let into = await refusal { () async throws(DataplaneError) in
                try await slowPath.send(PacketOut(frame), .into, port: 9)
            }
            #expect(into.contains("no port 9"))
            let counted = try await rig.counters("a")
            #expect(counted.drops.values.allSatisfy { $0 == 0 }, "\(counted.drops)")
        }
    }

    @Test func whatAModuleDropsIsNoError() async throws {
        try await withChain(SlowPathTests.toController) { rig, slowPath, _ in
            try await slowPath.send(PacketOut(frame), .into, port: 1)
            #expect(try await rig.counters("a").drops[.controller] == 1)
        }
    }

    @Test func heldPacketsGoOnInOrderOnceTheirKeyIsReleased() async throws {
        try await withChain(Self.ask) { rig, slowPath, arrived in
            let packets = try await slowPath.listen()
            let held = (1...3).map { [7] + frame.dropFirst().dropLast() + [UInt8($0)] }
            for one in held {
                _ = try rig.receive(one, of: "a")
            }
            _ = try rig.receive([8] + frame.dropFirst(), of: "a")
            let batch = try #require(await packets.nextBatch())
            #expect(batch.map(\.key) == [7, 7, 7, 8])
            #expect(batch.allSatisfy { $0.reason == 3 })
            #expect(slowPath.holds == HoldCounts(held: 4, expired: 0, overflowed: 0))

            try await rig.setEntry([7, 0, 0, 0], to: [1, 0, 0, 0], of: "known", in: "a")
            #expect(try await slowPath.release(7) == 3)
            #expect(await arrived.nextBatch()?.map { Array($0.bytes) } == held)
            #expect(try await slowPath.release(7) == 0)
            #expect(slowPath.holds.held == 1)
        }
    }

    @Test func aPacketThatIsHeldAgainComesAgain() async throws {
        try await withChain(Self.ask) { rig, slowPath, _ in
            let packets = try await slowPath.listen()
            _ = try rig.receive([7] + frame.dropFirst(), of: "a")
            for _ in 1...3 {
                #expect(await packets.nextBatch()?.map(\.key) == [7])
                #expect(try await slowPath.release(7) == 1)
            }
            #expect(await packets.nextBatch()?.map(\.key) == [7])
        }
    }

    @Test func aLongPacketIsHeldAsAWhole() async throws {
        try await withChain(Self.ask) { rig, slowPath, arrived in
            let packets = try await slowPath.listen(limits: SlowPathLimits(snapLength: 64))
            let long = [7] + frame.dropFirst() + (0..<2900).map { UInt8(truncatingIfNeeded: $0) }
            _ = try rig.receive(long, of: "a")
            #expect(await packets.nextBatch()?.first { _ in true }?.isWhole == true)
            try await rig.setEntry([7, 0, 0, 0], to: [1, 0, 0, 0], of: "known", in: "a")
            try await slowPath.release(7)
            #expect(await arrived.nextBatch()?.first { _ in true }?.length == long.count)
        }
    }
}
