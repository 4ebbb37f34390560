// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing

/// Lines that modules write.
@Suite struct ModuleLogTests {
    @Test func comeIntoTheLogWithTheModulesName() async throws {
        let source = """
            #include <hover/log.h>
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	hover_log("port %d:\\n%d bytes", md->in_ifc, md->pktlen);
            	return RX_DROP;
            }
            """
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.forward("talker", source: source)
            try await daemon.link(("i:left", nil), ("talker", 1))
            _ = try await left.pings("10.0.0.2", wait: "0.2")
            try await wait(for: "the line") { try daemon.log.contains("module talker: port 1:?42 bytes") }
        }
    }
}
