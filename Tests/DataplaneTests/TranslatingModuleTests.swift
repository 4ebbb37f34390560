// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Testing

/// The packet helpers inside a module, with its tail calls and the verifier's check for every port.
@Suite struct TranslatingModuleTests {
    private static let source = """
        #include <hover/checksum.h>
        #include <hover/compute.h>
        #include <hover/vlan.h>

        static int translate(void *pkt, const struct hover_headers *headers, __be32 address, __be16 port)
        {
        	return pkt_set_ipv4_source(pkt, headers, address) ?: pkt_set_source_port(pkt, headers, port);
        }

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct hover_vlan vlan = { .protocol = bpf_htons(ETH_P_8021Q), .id = 100 };
        	struct hover_headers headers, quoted;

        	if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK)
        		return RX_DROP;
        	if (pkt_parse_quoted(pkt, &headers, &quoted) == HOVER_PARSE_OK) {
        		if (pkt_set_ipv4_destination(pkt, &quoted, bpf_htonl(0x0a000001)) < 0)
        			return RX_ERROR;
        		if (pkt_compute_l4_checksum(pkt, &headers) < 0)
        			return RX_ERROR;
        	} else if (translate(pkt, &headers, bpf_htonl(0x0a000001), bpf_htons(9999)) < 0) {
        		return RX_ERROR;
        	}
        	if (pkt_vlan_push(pkt, &vlan) < 0 || pkt_vlan_set_priority(pkt, 5) < 0)
        		return RX_ERROR;
        	return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
        }
        """

    /// UDP from 10.0.0.9 to 10.0.0.2, without a checksum.
    private static let packet: [UInt8] =
        frame[..<12] + [8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0x66, 0xaf, 10, 0, 0, 9, 10, 0, 0, 2]
        + [0x13, 0x88, 0, 53, 0, 30, 0, 0] + [UInt8](repeating: 0x5a, count: 22)

    @Test func aModuleUsesThemAtBothHooks() async throws {
        try await Rig.with { rig in
            let compiler = try Rig.compiler.get()
            let image = ModuleImage(
                code: ModuleCode(
                    ModuleObjects(
                        tc: try await compiler.compile(Self.source, file: "nat.c").object,
                        xdp: try await compiler.compile(Self.source, file: "nat.c", defining: ["HOVER_XDP"]).object)),
                number: 42, isPolicy: false, maxPort: 16, config: [:])
            _ = try await rig.dataplane.loadModule("m:nat", image: image)
            try await rig.dataplane.loadModuleAtXDP("m:nat")
            try await rig.dataplane.loadPort(1, ofModule: "m:nat")
            try await rig.load("end", "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }")
            try await rig.wire("nat", 2, to: "end", 1)
            let run = try rig.receive(Self.packet, of: "nat")
            #expect(run.verdict == Verdict.unspecified)
            #expect(Array(run.data[26..<30]) == [10, 0, 0, 1] && Array(run.data[34..<36]) == [0x27, 0x0f])
            #expect(try await rig.counters("end").ports[1].rxPackets == 1)
            let error = try await rig.counters("nat").drops[.error]
            #expect(error == 0)
        }
    }
}
