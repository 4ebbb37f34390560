// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

/// How modules lead to each other.
@Suite struct ChainTests {
    private static let redirect = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
        }
        """
    /// Adds one to the packet's first byte, and sends it on by the port of that number.
    private static let fanOut = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	__u8 *data = (void *)(long)skb->data;
        	if (data + 1 > (__u8 *)(long)skb->data_end)
        		return RX_ERROR;
        	return pkt_redirect(pkt, md, data[0]);
        }
        """
    private static let end = "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }"

    @Test func aPacketRunsToTheEndOfTheChain() async throws {
        try await Rig.with { rig in
            for name in ["a", "b"] {
                try await rig.load(name, Self.redirect)
            }
            try await rig.load("end", Self.end)
            try await rig.wire("a", 2, to: "b", 1)
            try await rig.wire("b", 2, to: "end", 2)
            #expect(try rig.receive(frame, of: "a").verdict == Verdict.unspecified)
            for name in ["a", "b"] {
                let counted = try await rig.counters(name)
                #expect(counted.ports[1].rxPackets == 1)
                #expect(counted.ports[2].txPackets == 1)
                #expect(counted.ports[2].txBytes == 64)
            }
            #expect(try await rig.counters("end").ports[2].rxPackets == 1)
        }
    }

    @Test func aSlotChangesForThePacketsThatComeAfter() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.redirect)
            try await rig.load("one", Self.end)
            try await rig.load("two", Self.end)
            for name in ["one", "two", "one"] {
                try await rig.wire("a", 2, to: name, 1)
                #expect(try rig.receive(frame, of: "a").verdict == Verdict.unspecified)
            }
            try await rig.dataplane.wire(.port(module: "m:a", number: 2), to: nil)
            #expect(try rig.receive(frame, of: "a").verdict == Verdict.shot)
            #expect(try await rig.counters("one").ports[1].rxPackets == 2)
            #expect(try await rig.counters("two").ports[1].rxPackets == 1)
            #expect(try await rig.counters("a").drops[.unlinked] == 1)
        }
    }

    @Test func everyPortLeadsWhereItIsLinked() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.fanOut, maxPort: 16)
            try await rig.load("end", Self.end, ports: 16, maxPort: 16)
            for port in 1...16 {
                try await rig.wire("a", port, to: "end", port)
            }
            for port in 1...16 {
                #expect(try rig.receive([UInt8(port)] + frame.dropFirst(), of: "a").verdict == Verdict.unspecified)
            }
            let counted = try await rig.counters("end")
            for port in 1...16 {
                #expect(counted.ports[port].rxPackets == 1, "port \(port)")
            }
        }
    }

    @Test func aLoopEndsInACountedDrop() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.redirect)
            try await rig.load("b", Self.redirect)
            try await rig.wire("a", 2, to: "b", 1)
            try await rig.wire("b", 2, to: "a", 1)
            #expect(try rig.receive(frame, of: "a").verdict == Verdict.shot)
            let drops = [try await rig.counters("a").drops, try await rig.counters("b").drops]
            #expect(drops.map { $0[.loop] ?? 0 }.reduce(0, +) == 1, "\(drops)")
            #expect(drops.allSatisfy { $0[.unlinked] == 0 })
        }
    }

    @Test func policiesLieBetweenModules() async throws {
        try await Rig.with { rig in
            let watch = """
                static int handle_rx(void *pkt, struct metadata *md)
                {
                	if (md->is_egress != (md->in_ifc == 2))
                		return RX_ERROR;
                	return RX_OK;
                }
                """
            try await rig.load("a", Self.redirect)
            try await rig.load("end", Self.end)
            try await rig.load("watch", watch, ports: 0, isPolicy: true)
            for (instance, handler) in [(1, PolicyHandler.ingress), (2, .egress)] {
                try await rig.dataplane.loadHop(instance, ofPolicy: "m:watch", handler: handler)
            }
            try await rig.dataplane.wire(
                .hop(policy: "m:watch", instance: 2), to: .port(module: "m:end", number: 1))
            try await rig.dataplane.wire(
                .hop(policy: "m:watch", instance: 1), to: .hop(policy: "m:watch", instance: 2))
            try await rig.dataplane.wire(
                .port(module: "m:a", number: 2), to: .hop(policy: "m:watch", instance: 1))
            #expect(try rig.receive(frame, of: "a").verdict == Verdict.unspecified)
            let counted = try await rig.counters("watch")
            #expect(counted.ports[1].rxPackets == 1)
            #expect(counted.ports[2].rxPackets == 1)
            #expect(try await rig.counters("end").ports[1].rxPackets == 1)
        }
    }

    @Test func aModuleThatIsUnloadedIsLeftByNobody() async throws {
        try await Rig.with { rig in
            try await rig.load("a", Self.redirect)
            try await rig.load("end", Self.end)
            try await rig.wire("a", 2, to: "end", 1)
            try await rig.dataplane.wire(.port(module: "m:a", number: 2), to: nil)
            try await rig.dataplane.unloadModule("m:end")
            #expect(try rig.receive(frame, of: "a").verdict == Verdict.shot)
        }
    }
}
