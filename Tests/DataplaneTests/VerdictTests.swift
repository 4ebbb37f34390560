// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

/// What becomes of a packet by what `handle_rx` says of it: fixtures as data, run by BPF_PROG_TEST_RUN.
@Suite struct VerdictTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        let description: String
        /// The body of `handle_rx`.
        let body: String
        let verdict: Int32
        /// The reason by which the packet is counted as dropped.
        let drop: DropReason?
        /// The packet as the module leaves it.
        var packet: [UInt8] = frame

        var testDescription: String { description }
    }

    static let fixtures = [
        Fixture(
            description: "RX_OK gives the packet back to the kernel", body: "return RX_OK;",
            verdict: Verdict.unspecified, drop: nil),
        Fixture(description: "RX_DROP", body: "return RX_DROP;", verdict: Verdict.shot, drop: .verdict),
        Fixture(
            description: "pkt_drop answers RX_DROP", body: "return pkt_drop(pkt, md);", verdict: Verdict.shot,
            drop: .verdict),
        Fixture(description: "RX_ERROR", body: "return RX_ERROR;", verdict: Verdict.shot, drop: .error),
        Fixture(description: "no verdict at all", body: "return 99;", verdict: Verdict.shot, drop: .error),
        Fixture(
            description: "a port without a link", body: "return pkt_redirect(pkt, md, 2);", verdict: Verdict.shot,
            drop: .unlinked),
        Fixture(
            description: "a port above 8 without a link", body: "return pkt_redirect(pkt, md, 12);",
            verdict: Verdict.shot, drop: .unlinked),
        Fixture(
            description: "port 0", body: "return pkt_redirect(pkt, md, 0);", verdict: Verdict.shot, drop: .noPort),
        Fixture(
            description: "a port that the module cannot have", body: "return pkt_redirect(pkt, md, 17);",
            verdict: Verdict.shot, drop: .noPort),
        Fixture(
            description: "a negative port", body: "return pkt_redirect(pkt, md, -1);", verdict: Verdict.shot,
            drop: .noPort),
        Fixture(
            description: "no slow path listens", body: "return pkt_controller(pkt, md, 7);", verdict: Verdict.shot,
            drop: .controller),
        Fixture(
            description: "recirculating without end", body: "return RX_RECIRCULATE;", verdict: Verdict.shot,
            drop: .loop),
        Fixture(
            description: "the packet's first byte is changed",
            body: """
                struct __sk_buff *skb = pkt;
                __u8 *data = (void *)(long)skb->data;
                if (data + 1 > (__u8 *)(long)skb->data_end)
                	return RX_ERROR;
                data[0] = 0x42;
                return RX_OK;
                """,
            verdict: Verdict.unspecified, drop: nil, packet: [0x42] + frame.dropFirst()),
        Fixture(
            description: "what the module is told of the packet",
            body: """
                struct __sk_buff *skb = pkt;
                if (md->in_ifc != 1 || md->module_id != 42 || md->pktlen != 64 || md->is_egress)
                	return RX_ERROR;
                return RX_DROP;
                """,
            verdict: Verdict.shot, drop: .verdict),
    ]

    @Test(arguments: fixtures) func isCarriedOut(_ fixture: Fixture) async throws {
        try await Rig.with { rig in
            try await rig.load(
                "judge", "static int handle_rx(void *pkt, struct metadata *md)\n{\n\(fixture.body)\n}\n")
            let run = try rig.receive(frame, of: "judge")
            #expect(run.verdict == fixture.verdict)
            #expect(run.data == fixture.packet)
            let counted = try await rig.counters("judge")
            for reason in DropReason.allCases {
                #expect(counted.drops[reason] == (reason == fixture.drop ? 1 : 0), "\(reason)")
            }
            #expect(counted.ports[1].rxPackets >= 1)
            #expect(counted.ports[1].rxBytes == 64 * counted.ports[1].rxPackets)
            #expect(counted.ports.allSatisfy { $0.txPackets == 0 }, "nothing left by a port")
        }
    }
}
