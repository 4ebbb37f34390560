// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

/// What ports count of frames, whose length a program asks for as seldom as it can.
@Suite struct CounterTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let hook: Hook
        let length: Int
        /// Bytes that the module cuts off the frame's end.
        let cut: Int

        var testDescription: String { "\(length) bytes at \(hook.rawValue), \(cut) cut off" }
    }

    /// At xdp the length of the first part is not that of the frame from a page on; from 1,024 bytes on the program asks.
    static let cases =
        [64, 3000].flatMap { length in [0, 10].map { Case(hook: .tc, length: length, cut: $0) } }
        + [64, 1023, 1024, 3000, 9000].flatMap { length in [0, 10].map { Case(hook: .xdp, length: length, cut: $0) } }

    private static func forward(cutting cut: Int) -> String {
        """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        #if \(cut) && defined(HOVER_XDP)
        	if (bpf_xdp_adjust_tail(pkt, -\(cut)))
        		return RX_ERROR;
        #elif \(cut)
        	if (bpf_skb_change_tail(pkt, md->pktlen - \(cut), 0))
        		return RX_ERROR;
        #endif
        	return pkt_redirect(pkt, md, 2);
        }
        """
    }

    private static let end = """
        static int handle_rx(void *pkt, struct metadata *md) { return RX_DROP; }
        """

    private static func frame(of length: Int) -> [UInt8] {
        DataplaneTests.frame + [UInt8](repeating: 0, count: length - DataplaneTests.frame.count)
    }

    @Test(arguments: cases) func countWholeFrames(_ one: Case) async throws {
        try await Rig.with { rig in
            try await rig.load("first", Self.forward(cutting: one.cut), atXDP: true)
            try await rig.load("end", Self.end, number: 100, atXDP: true)
            try await rig.wire("first", 2, to: "end", 1)
            _ = try rig.receive(Self.frame(of: one.length), of: "first", at: one.hook)
            let first = try await rig.counters("first")
            let left = UInt64(one.length - one.cut)
            #expect(first.ports[1] == PortCount(rxPackets: 1, rxBytes: UInt64(one.length)))
            #expect(first.ports[2] == PortCount(txPackets: 1, txBytes: left))
            let end = try await rig.counters("end")
            #expect(end.ports[1] == PortCount(rxPackets: 1, rxBytes: left))
            #expect(end.drops[.verdict] == 1)
        }
    }

    @Test(arguments: cases) func whatDoesNotLeaveIsNotCountedAsSent(_ one: Case) async throws {
        try await Rig.with { rig in
            try await rig.load("first", Self.forward(cutting: one.cut), atXDP: true)
            _ = try rig.receive(Self.frame(of: one.length), of: "first", at: one.hook)
            let first = try await rig.counters("first")
            #expect(first.ports[1] == PortCount(rxPackets: 1, rxBytes: UInt64(one.length)))
            #expect(first.ports[2] == PortCount())
            #expect(first.drops[.unlinked] == 1)
        }
    }
}
