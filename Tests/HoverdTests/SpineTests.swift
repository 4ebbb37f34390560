// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import HoverAPI
import TestSupport
import Testing

/// From C over REST to packets through the kernel.
@Suite struct SpineTests {
    @Test func packetsCrossTwoUploadedModules() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24", "fd00::1/64")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
            let first = try await daemon.forward("first")
            let second = try await daemon.forward("second")
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"), "nothing is linked yet")
            try await daemon.link(("i:left", nil), ("first", 1))
            try await daemon.link(("first", 2), ("second", 1))
            try await daemon.link(("second", 2), ("i:right", nil))
            // What the hosts said before all was linked.
            let early = try await [daemon.client.module(first.id).drops, daemon.client.module(second.id).drops]
            #expect(try await left.pings("10.0.0.2", count: 10))
            #expect(try await right.pings("10.0.0.1"))
            #expect(try await left.pings("fd00::2"))

            for (id, early) in zip([first.id, second.id], early) {
                let module = try await daemon.client.module(id)
                for port in module.ports {
                    #expect(port.counters.rxPackets >= 12, "\(module.name):\(port.number)")
                    #expect(port.counters.txPackets >= 12)
                    #expect(port.counters.rxBytes >= 12 * 98)
                }
                #expect(module.drops == early)
            }
            let ports = try await daemon.client.ports(of: "first")
            #expect(ports.map(\.peer) == ["i:left", "\(second.id)/1"])
        }
    }

    @Test func tcpCrosses() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, module) = try await daemon.oneModule()
            try await right.run("iperf3", "-s", "-1", "-D")
            try await wait(for: "iperf3 to listen") {
                try await right.run("ss", "-ltn").contains(":5201")
            }
            let report = try await left.run("iperf3", "-c", "10.0.0.2", "-n", "64000000", "-J")
            // iperf3 ends when all is sent; what then still waits in the socket does not cross.
            let received = try #require(try receivedBytes(report))
            #expect(received > 32_000_000)
            let ports = try await daemon.client.ports(of: module.id)
            #expect(ports[0].counters.rxBytes > received)
            #expect(ports[1].counters.txBytes > received)
        }
    }

    /// What the receiver has got, of a report of iperf3's.
    private func receivedBytes(_ report: String) throws -> UInt64? {
        struct Report: Decodable {
            struct End: Decodable { var sum_received: Sum }
            struct Sum: Decodable { var bytes: UInt64 }
            var end: End
        }
        return try JSONDecoder().decode(Report.self, from: Data(report.utf8)).end.sum_received.bytes
    }

    @Test func deletingALinkStopsPacketsAndALinkLetsThemPassAgain() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, module) = try await daemon.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            let link = try #require(try await daemon.client.links().first { $0.to.node == "i:right" })
            try await daemon.client.deleteLink(link.id)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            #expect(try await daemon.client.module(module.id).drops["unlinked"] ?? 0 > 0)
            try await daemon.link(("middle", 2), ("i:right", nil))
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    @Test func deletingWhatIsLinkedTakesItsLinks() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            try await daemon.client.deleteModule("middle")
            #expect(try await daemon.client.links().isEmpty)
            #expect(try await daemon.client.modules().isEmpty)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
        }
    }

    @Test func eachDropHasOneReason() async throws {
        let source = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	switch (md->pktlen) {
            	case 142:
            		return pkt_drop(pkt, md);
            	case 242:
            		return RX_ERROR;
            	case 342:
            		return pkt_redirect(pkt, md, 2);
            	case 442:
            		return pkt_redirect(pkt, md, 77);
            	case 542:
            		return RX_RECIRCULATE;
            	case 642:
            		return pkt_controller(pkt, md, 3);
            	}
            	return pkt_redirect(pkt, md, 1);
            }

            """
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.forward("judge", source: source)
            try await daemon.link(("i:left", nil), ("judge", 1))
            try await left.run(
                "ip", "neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
            for size in ["100", "200", "300", "400", "500", "600"] {
                _ = try await attempt([
                    "nsenter", "--net=/run/netns/\(left.namespace)", "ping", "-c", "1", "-s", size, "-W", "0.05",
                    "10.0.0.2",
                ])
            }
            let drops = try await daemon.client.module("judge").drops
            #expect(
                drops.filter { $0.value != 0 } == [
                    "verdict": 1, "error": 1, "unlinked": 1, "no_port": 1, "loop": 1, "controller": 1,
                ])
        }
    }

    @Test(.enabled(if: Feature.tcx.probe() == .supported, "needs tcx (Linux 6.6)"))
    func otherProgramsOnTheInterfaceStay() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.ip("address", "add", "10.0.0.9/24", "dev", "left")
            let object = [UInt8](try kernelObject(Source.otherProgram))
            let index = try await daemon.client.interface("left").index
            let other = try await inNamespace(daemon.network.namespace) {
                let opened = try BPFObject(bytes: object, name: "other")
                try opened.load()
                return try opened.programs.map {
                    try BPFLink(tcx: .ingress, interfaceIndex: UInt32(index), program: $0.program)
                }
            }
            try await daemon.forward("middle")
            let link = try await daemon.link(("i:left", nil), ("middle", 1))
            #expect(try await daemon.network.programs() == ["other", "hover_ingress"])
            try await daemon.client.deleteLink(link.id)
            #expect(try await daemon.network.programs() == ["other"])
            #expect(try await left.pings("10.0.0.9"))
            withExtendedLifetime(other) {}
        }
    }

    @Test func manyClientsAtOnce() async throws {
        // As many as clang is ready with in the 60 s that a client waits for its answer.
        let count = isEmulated ? 4 : 12
        try await HoverDaemon.with { daemon in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<count {
                    group.addTask {
                        let module = try await daemon.forward("m\(number)")
                        try await daemon.link((module.id, 1), (module.id, 2))
                        _ = try await daemon.client.modules()
                        if number.isMultiple(of: 2) {
                            try await daemon.client.deleteModule(module.id)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await daemon.client.modules().count == count / 2)
            #expect(try await daemon.client.links().count == count / 2)
        }
    }
}
