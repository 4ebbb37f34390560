// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

/// Packets that leave a module several times, and what travels with them from module to module.
@Suite struct CopyTests {
    private static let end = "static int handle_rx(void *pkt, struct metadata *md) { return RX_DROP; }"
    /// Counts as an error whatever comes without the datum.
    private static let wantsDatum = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return md->data[1].type == 7 && md->data[1].value == 0x123456789abc ? RX_DROP : RX_ERROR;
        }
        """

    /// A module `hub` whose ports 1 to `ports` lead to modules `end-1`, `end-2`, ….
    private func withHub(
        _ body: String, ports: Int, end: String = end, _ check: (Rig) async throws -> Void
    ) async throws {
        try await Rig.with { rig in
            try await rig.load("hub", "static int handle_rx(void *pkt, struct metadata *md)\n{\n\(body)\n}\n")
            for port in 1...ports {
                try await rig.load("end-\(port)", end, number: UInt32(100 + port))
                try await rig.wire("hub", port, to: "end-\(port)", 1)
            }
            try await check(rig)
        }
    }

    private func received(_ rig: Rig, ports: Int) async throws -> [UInt64] {
        var counts: [UInt64] = []
        for port in 1...ports {
            counts.append(try await rig.counters("end-\(port)").ports[1].rxPackets)
        }
        return counts
    }

    @Test func aFloodReachesEveryLinkedPortButTheOneThatThePacketCameFrom() async throws {
        try await withHub("return pkt_flood(pkt, md);", ports: 5) { (rig: Rig) async throws -> Void in
            #expect(try rig.receive(frame, on: 2, of: "hub").verdict == Verdict.shot)
            #expect(try await received(rig, ports: 5) == [1, 0, 1, 1, 1])
            let hub = try await rig.counters("hub")
            #expect(hub.ports[1...6].map(\.txPackets) == [1, 0, 1, 1, 1, 0])
            #expect(hub.ports[1].txBytes == 64)
            #expect(hub.copies == 3, "the packet itself goes to the last port")
            #expect(hub.drops.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func aFloodReachesAThousandPorts() async throws {
        try await Rig.with { rig in
            try await rig.load(
                "hub", "static int handle_rx(void *pkt, struct metadata *md) { return pkt_flood(pkt, md); }",
                maxPort: 1000)
            try await rig.load("end", Self.end, ports: 1, number: 100)
            for port in [3, 64, 65, 999, 1000] {
                try await rig.wire("hub", port, to: "end", 1)
            }
            _ = try rig.receive(frame, of: "hub")
            #expect(try await rig.counters("end").ports[1].rxPackets == 5)
        }
    }

    @Test func aFloodGoesToThePortsOfAMask() async throws {
        try await withHub("return pkt_flood_mask(pkt, md, 1 << 0 | 1 << 2 | 1 << 4 | 1 << 9);", ports: 5) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 1, of: "hub")
            #expect(try await received(rig, ports: 5) == [0, 0, 1, 0, 1])
        }
    }

    @Test func aFloodToNobodyIsADropAsUnlinked() async throws {
        try await withHub("return pkt_flood(pkt, md);", ports: 1) { (rig: Rig) async throws -> Void in
            #expect(try rig.receive(frame, on: 1, of: "hub").verdict == Verdict.shot)
            #expect(try await rig.counters("hub").drops[.unlinked] == 1)
        }
    }

    @Test func aFloodToNoPortIsADropAsUnlinked() async throws {
        try await withHub("return pkt_flood_mask(pkt, md, 0);", ports: 2) { (rig: Rig) async throws -> Void in
            #expect(try rig.receive(frame, on: 1, of: "hub").verdict == Verdict.shot)
            let drops = try await rig.counters("hub").drops
            #expect(drops[.unlinked] == 1)
            #expect(drops[.loop] == 0)
        }
    }

    @Test func theControllersBroadcastFloods() async throws {
        try await withHub("return pkt_controller(pkt, md, PKT_BROADCAST);", ports: 3) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 1, of: "hub")
            #expect(try await received(rig, ports: 3) == [0, 1, 1])
        }
    }

    @Test func aMirrorGetsACopyBesidesTheVerdict() async throws {
        try await withHub("pkt_mirror(pkt, md, 3);\nreturn pkt_redirect(pkt, md, 2);", ports: 3) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 1, of: "hub")
            #expect(try await received(rig, ports: 3) == [0, 1, 1])
            let hub = try await rig.counters("hub")
            #expect(hub.copies == 1)
            #expect(hub.ports[2...3].map(\.txPackets) == [1, 1])
        }
    }

    @Test func whatIsMirroredMayBeDropped() async throws {
        try await withHub("pkt_mirror(pkt, md, 1);\nreturn RX_DROP;", ports: 1) { (rig: Rig) async throws -> Void in
            #expect(try rig.receive(frame, on: 1, of: "hub").verdict == Verdict.shot)
            #expect(try await received(rig, ports: 1) == [1], "also to the port that it came from")
            #expect(try await rig.counters("hub").drops[.verdict] == 1)
        }
    }

    @Test func dataTravelWithThePacketAndEachCopyOfIt() async throws {
        let mark = "md->data[1].type = 7;\nmd->data[1].value = 0x123456789abc;\n"
        try await withHub(mark + "return pkt_flood(pkt, md);", ports: 4, end: Self.wantsDatum) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 1, of: "hub")
            for port in 2...4 {
                #expect(try await rig.counters("end-\(port)").drops[.verdict] == 1, "port \(port)")
            }
        }
        try await withHub(mark + "return pkt_redirect(pkt, md, 1);", ports: 1, end: Self.wantsDatum) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 2, of: "hub")
            #expect(try await rig.counters("end-1").drops[.verdict] == 1)
        }
    }

    @Test func aFloodThatComesBackIsBounded() async throws {
        try await Rig.with { rig in
            let hub = "static int handle_rx(void *pkt, struct metadata *md) { return pkt_flood(pkt, md); }"
            try await rig.load("a", hub, ports: 3, number: 1)
            try await rig.load("b", hub, ports: 3, number: 2)
            for port in 1...3 {
                try await rig.wire("a", port, to: "b", port)
                try await rig.wire("b", port, to: "a", port)
            }
            _ = try rig.receive(frame, of: "a")
            let drops = [try await rig.counters("a"), try await rig.counters("b")].map { $0.drops[.loop] ?? 0 }
            #expect(drops.reduce(0, +) > 0)
        }
    }

    @Test func whatACopyLeavesIsNotTheOriginals() async throws {
        let writes = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	md->data[1].value = 1;
            	md->data[2].value = 2;
            	return RX_DROP;
            }
            """
        let mark = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	md->data[1].type = 7;
            	md->data[1].value = 0x123456789abc;
            	pkt_mirror(pkt, md, 3);
            	return pkt_redirect(pkt, md, 2);
            }
            """
        try await Rig.with { rig in
            try await rig.load("mark", mark)
            try await rig.load("writer", writes, number: 101)
            try await rig.load("end", Self.wantsDatum, number: 102)
            try await rig.wire("mark", 3, to: "writer", 1)
            try await rig.wire("mark", 2, to: "end", 1)
            _ = try rig.receive(frame, on: 1, of: "mark")
            #expect(try await rig.counters("writer").drops[.verdict] == 1)
            #expect(try await rig.counters("end").drops[.verdict] == 1)
        }
    }

    @Test func aCopyThatIsGivenBackToTheKernelIsADrop() async throws {
        let end = "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }"
        try await withHub("pkt_mirror(pkt, md, 1);\nreturn RX_DROP;", ports: 1, end: end) {
            (rig: Rig) async throws -> Void in
            _ = try rig.receive(frame, on: 1, of: "hub")
            #expect(try await rig.counters("end-1").drops[.unlinked] == 1)
        }
    }

    @Test func dataTravelAtXDPToo() async throws {
        let mark = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	md->data[1].type = 7;
            	md->data[1].value = 0x123456789abc;
            	return pkt_redirect(pkt, md, 1);
            }
            """
        try await Rig.with { rig in
            try await rig.load("mark", mark, atXDP: true)
            try await rig.load("end", Self.wantsDatum, number: 100, atXDP: true)
            try await rig.wire("mark", 1, to: "end", 1)
            _ = try rig.receive(frame, on: 2, of: "mark", at: .xdp)
            #expect(try await rig.counters("end").drops[.verdict] == 1)
        }
    }

    @Test(arguments: Hook.allCases) func stagesGoOnWithWhatTheModuleKnows(hook: Hook) async throws {
        let source = """
            HOVER_STAGE(1, second)
            HOVER_STAGE(2, third)
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	md->data[0].value = 40;
            	return pkt_continue(pkt, md, 1);
            }
            static int second(void *pkt, struct metadata *md)
            {
            	md->data[0].value++;
            	return pkt_continue(pkt, md, 2);
            }
            static int third(void *pkt, struct metadata *md)
            {
            	return md->data[0].value == 41 && md->in_ifc == 2 ? pkt_redirect(pkt, md, 1) : RX_ERROR;
            }
            """
        try await Rig.with { rig in
            try await rig.load("staged", source, atXDP: true)
            try await rig.load("end", Self.end, number: 100, atXDP: true)
            try await rig.wire("staged", 1, to: "end", 1)
            _ = try rig.receive(frame, on: 2, of: "staged", at: hook)
            #expect(try await rig.counters("end").ports[1].rxPackets == 1)
            #expect(try await rig.counters("staged").ports[1].txPackets == 1)
        }
    }

    @Test func copiesCanBeMadeBeforeAStageChangesThePacket() async throws {
        let source = """
            HOVER_STAGE(1, second)
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	md->data[1].type = 7;
            	md->data[1].value = 0x123456789abc;
            	pkt_flood_mask(pkt, md, 1 << 1 | 1 << 2 | 1 << 9);
            	return pkt_copy_and_continue(pkt, md, 1);
            }
            static int second(void *pkt, struct metadata *md)
            {
            	md->data[1].value = 0;
            	return pkt_flood_mask(pkt, md, 1 << 0 | 1 << 3 | 1 << 4);
            }
            """
        try await Rig.with { rig in
            try await rig.load("hub", source)
            for port in 1...5 {
                try await rig.load("end-\(port)", Self.wantsDatum, number: UInt32(100 + port))
                try await rig.wire("hub", port, to: "end-\(port)", 1)
            }
            #expect(try rig.receive(frame, on: 1, of: "hub").verdict == Verdict.shot)
            for port in 2...5 {
                let drops = try await rig.counters("end-\(port)").drops
                #expect(drops[.verdict] == (port <= 3 ? 1 : 0), "port \(port) gets the packet as it was first")
                #expect(drops[.error] == (port <= 3 ? 0 : 1), "port \(port) gets the packet as it was changed")
            }
            #expect(try await rig.counters("end-1").ports[1].rxPackets == 0)
            #expect(try await rig.counters("hub").copies == 3)
        }
    }

    @Test func aFloodThatSentItsCopiesBeforeIsNoDrop() async throws {
        let source = """
            HOVER_STAGE(1, second)
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	pkt_flood_mask(pkt, md, md->in_ifc == 1 ? 1 << 1 : 1 << 8);
            	return pkt_copy_and_continue(pkt, md, 1);
            }
            static int second(void *pkt, struct metadata *md) { return pkt_flood_mask(pkt, md, 1 << 9); }
            """
        try await Rig.with { rig in
            try await rig.load("hub", source)
            try await rig.load("end", Self.end, number: 100)
            try await rig.wire("hub", 2, to: "end", 1)
            #expect(try rig.receive(frame, on: 1, of: "hub").verdict == Verdict.shot)
            #expect(try await rig.counters("end").ports[1].rxPackets == 1)
            #expect(try await rig.counters("hub").drops.values.allSatisfy { $0 == 0 })
            #expect(try rig.receive(frame, on: 2, of: "hub").verdict == Verdict.shot)
            #expect(try await rig.counters("hub").drops[.unlinked] == 1, "nobody got it")
        }
    }

    @Test func aStageComesAlsoWithoutCopiesBefore() async throws {
        let source = """
            HOVER_STAGE(1, second)
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	pkt_flood_mask(pkt, md, 0);
            	return pkt_copy_and_continue(pkt, md, 1);
            }
            static int second(void *pkt, struct metadata *md) { return pkt_redirect(pkt, md, 1); }
            """
        try await Rig.with { rig in
            try await rig.load("staged", source)
            try await rig.load("end", Self.end, number: 100)
            try await rig.wire("staged", 1, to: "end", 1)
            _ = try rig.receive(frame, on: 2, of: "staged")
            #expect(try await rig.counters("end").ports[1].rxPackets == 1)
        }
    }

    @Test func aStageThatIsNotThereIsAnError() async throws {
        try await Rig.with { rig in
            try await rig.load(
                "staged", "static int handle_rx(void *pkt, struct metadata *md) { return pkt_continue(pkt, md, 5); }")
            #expect(try rig.receive(frame, of: "staged").verdict == Verdict.shot)
            #expect(try await rig.counters("staged").drops[.error] == 1)
        }
    }
}
