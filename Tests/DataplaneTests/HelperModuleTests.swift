// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Testing

/// Modules that use the helpers, loaded as hoverd loads them: a program for each port, at both hooks, on the same tables.
@Suite struct HelperModuleTests {
    private static let source = """
        #define HOVER_CONNECTIONS 1024
        #include <hover/aging.h>
        #include <hover/checksum.h>
        #include <hover/clock.h>
        #include <hover/conntrack.h>
        #include <hover/log.h>
        #include <hover/parse.h>
        #include <hover/set.h>
        #include <hover/vlan.h>

        struct station {
        	__u32 port;
        };
        HOVER_AGING_TABLE(stations, mac_addr_t, struct station, 64, 60 * HOVER_SECOND, 0);

        __u64 seen;

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct station station = { .port = md->in_ifc };
        	struct hover_headers headers;
        	struct hover_tracked tracked;
        	struct hover_flow flow;
        	struct ethhdr ethernet;

        	__sync_fetch_and_add(&seen, 1);
        	if (pkt_load(pkt, 0, &ethernet, sizeof(ethernet)) || pkt_parse(pkt, &headers) != HOVER_PARSE_OK)
        		return RX_ERROR;
        	stations_insert((mac_addr_t *)ethernet.h_source, &station);
        	hover_flow_of(pkt, &headers, &flow);
        	if (hover_track(&flow, &tracked) == HOVER_NEW && hover_connect(&flow, &tracked))
        		return RX_ERROR;
        	hover_log("port %d: %d bytes", md->in_ifc, md->pktlen);
        	return RX_DROP;
        }
        """
    /// UDP from 10.0.0.1:1000 to 10.0.0.2:53, from 02:00:00:00:00:<last>.
    private func datagram(from last: UInt8) -> [UInt8] {
        [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, last, 8, 0]
            + [0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0x66, 0xcb, 10, 0, 0, last, 10, 0, 0, 2]
            + [0x03, 0xe8, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4] + [UInt8](repeating: 0, count: 18)
    }

    @Test func bothHooksKeepTheSameTables() async throws {
        try await Rig.with { rig in
            let tables = try await rig.load("helped", Self.source, atXDP: true)
            let stations = try #require(tables["stations"])
            #expect(tables["connections"] != nil)
            for (number, hook) in [Hook.tc, .xdp, .tc].enumerated() {
                let run = try rig.receive(datagram(from: UInt8(number + 1)), on: 2, of: "helped", at: hook)
                // TC_ACT_SHOT and XDP_DROP.
                #expect(run.verdict == (hook == .tc ? 2 : 1))
            }
            let drops = try await rig.counters("helped").drops
            #expect(drops[.verdict] == 3, "\(drops)")
            let entries = try await rig.dataplane.entries(of: stations, ofModule: "m:helped", after: nil, limit: 10)
            #expect(Set(entries.map { $0.key.last }) == [1, 2, 3])

            // An array of 1,024, of which three are connections.
            let connections = try #require(tables["connections"])
            let three = try await rig.dataplane.entries(
                of: connections, ofModule: "m:helped", after: nil, limit: 1024)
            #expect(three.count == 3)
            let key = try #require(three.last).key
            #expect(try await rig.dataplane.entry(key, of: connections, ofModule: "m:helped") != nil)
            #expect(try await rig.dataplane.entry([9, 0, 0, 0], of: connections, ofModule: "m:helped") == nil)
            let before = try await rig.dataplane.entries(
                of: connections, ofModule: "m:helped", after: three.first?.key, limit: 1)
            #expect(before == [three[1]])
            // What the helpers keep for themselves is not shown.
            #expect(
                Set(tables.keys) == ["stations", "stations_counts", "connections", "connections_counts"],
                "\(tables.keys.sorted())")
        }
    }

    @Test func variablesThatDifferBetweenTheHooksAreRefused() async throws {
        let source = """
            #ifdef HOVER_XDP
            __u64 first;
            #endif
            __u64 second;
            static int handle_rx(void *pkt, struct metadata *md)
            {
            #ifdef HOVER_XDP
            	first++;
            #endif
            	second++;
            	return RX_DROP;
            }
            """
        try await Rig.with { rig in
            await #expect(throws: DataplaneError.self) { try await rig.load("two", source, atXDP: true) }
        }
    }
}
