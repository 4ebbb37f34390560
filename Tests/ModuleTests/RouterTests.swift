// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
private let python = root.appending(path: ".venv/bin/python")

/// Routers between real hosts.
@Suite("Router", .serialized) struct RouterTests {
    @Test func hostsReachEachOther() async throws {
        try await RouterRig.with { rig in
            #expect(try await rig.left.pings("10.0.2.2", count: 3, wait: "5"), "the first one waits for ARP")
            #expect(try await rig.left.pings("2001:db8:2::2", count: 3, wait: "5"))
            #expect(try await rig.left.pings("10.0.1.1"), "the near side")
            #expect(try await rig.left.pings("10.0.2.1"), "the far side")
            #expect(try await rig.left.pings("2001:db8:1::1"))
            #expect(try await rig.right.pings("2001:db8:1::1"))
            let mac = try #require(try await rig.mac(port: 1))
            #expect(try await rig.left.pings("\(IPAddress.linkLocal(of: mac))%eth0"))
            for address in ["10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"] {
                #expect(try await rig.neighbour(address) != nil, "\(address)")
            }
            let routes = try await rig.list("routes")
            #expect(routes.contains { $0["prefix"] == "10.0.2.0/24" && $0["interface"] == "right" })
            let drops = try await rig.drops()
            #expect(drops.keys.allSatisfy { ["multicast", "ignored", "nd_not_for_us"].contains($0) }, "\(drops)")
        }
    }

    @Test func packetsOfAnySizePass() async throws {
        try await RouterRig.with { rig in
            for size in ["0", "1", "1472", "4000"] {
                let reply = try await rig.left.attempts("ping", "-c", "1", "-W", "5", "-s", size, "10.0.2.2")
                #expect(reply.succeeded, "\(size): \(reply.output)")
                let six = try await rig.left.attempts("ping", "-c", "1", "-W", "5", "-s", size, "2001:db8:2::2")
                #expect(six.succeeded, "\(size): \(six.output)")
            }
        }
    }

    @Test func traceroutesShowTheRouter() async throws {
        try await RouterRig.with { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            let four = try await rig.left.run("traceroute", "-n", "-q", "1", "-w", "2", "10.0.2.2")
            let hops = four.split(separator: "\n").dropFirst().map { $0.split(separator: " ")[1] }
            #expect(hops == ["10.0.1.1", "10.0.2.2"], "\(four)")
            #expect(try await rig.left.pings("2001:db8:2::2", wait: "5"))
            let six = try await rig.left.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "2001:db8:2::2")
            #expect(
                six.split(separator: "\n").dropFirst().map { $0.split(separator: " ")[1] } == [
                    "2001:db8:1::1", "2001:db8:2::2",
                ], "\(six)")
            let own = try await rig.left.run("traceroute", "-n", "-q", "1", "-w", "2", "10.0.2.1")
            #expect(own.contains("10.0.1.1 ") || own.contains("10.0.2.1 "), "a port of ours is unreachable: \(own)")
        }
    }

    @Test func aSmallerLinkIsFoundOut() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await RouterRig.addHosts(daemon.network)
            try await daemon.network.ip("link", "set", "right", "mtu", "1280")
            try await shell("ip", "-n", right.namespace, "link", "set", "eth0", "mtu", "1280")
            try await daemon.apply(RouterRig.manifest())
            #expect(try await left.pings("10.0.2.2", wait: "5"))
            let big = try await left.attempts("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", "10.0.2.2")
            #expect((big.output + big.errors).contains("1280"), "\(big.output)")
            let six = try await left.attempts("ping", "-c", "2", "-i", "0.2", "-W", "1", "-s", "1400", "2001:db8:2::2")
            #expect(six.succeeded, "the second one is cut by its sender: \(six.output)")
            // Without DF the router cuts.
            try await shell("ip", "-n", left.namespace, "route", "flush", "cache")
            let cut = try await left.attempts("ping", "-c", "1", "-W", "5", "-M", "dont", "-s", "1400", "10.0.2.2")
            #expect(cut.succeeded, "\(cut.output)")
            // TCP, whose packets the kernel makes larger than any link.
            for address in ["10.0.2.2", "2001:db8:2::2"] {
                #expect(try await transfers(from: left, to: right, at: address), "\(address)")
            }
        }
    }

    /// Whether a megabyte arrives by TCP.
    private func transfers(from: TestHost, to: TestHost, at address: String) async throws -> Bool {
        let family = address.contains(":") ? "AF_INET6" : "AF_INET"
        let server = """
            import socket
            s = socket.socket(socket.\(family)); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("\(address)", 7000)); s.listen(); s.settimeout(20); c, _ = s.accept(); n = 0
            while True:
                d = c.recv(65536)
                if not d: break
                n += len(d)
            print(n)
            """
        let client = """
            import socket, time
            for _ in range(200):
                s = socket.socket(socket.\(family)); s.settimeout(15)
                try: s.connect(("\(address)", 7000)); break
                except ConnectionRefusedError: time.sleep(0.05)
            s.sendall(bytes(1000000)); s.close()
            """
        async let received = to.attempts("/usr/bin/python3", "-c", server)
        async let sent = from.attempts("/usr/bin/python3", "-c", client)
        let (one, other) = try await (received, sent)
        return one.output == "1000000\n" && other.succeeded
    }

    @Test func routesThatLeadNowhere() async throws {
        let routes = """
                  routes:
                    - {prefix: 10.7.0.0/16, type: blackhole}
                    - {prefix: 10.8.0.0/16, type: unreachable}
                    - {prefix: 10.9.0.0/16, type: prohibit}
                    - {prefix: "2001:db8:9::/48", type: prohibit}
            """
        try await RouterRig.with(routes) { rig in
            func says(_ address: String) async throws -> String {
                try await rig.left.attempts("ping", "-c", "1", "-W", "2", address).output
            }
            #expect(try await says("10.8.0.1").contains("Destination Host Unreachable"))
            #expect(try await says("10.9.0.1").contains("Packet filtered"))
            #expect(try await says("172.16.0.1").contains("Destination Net Unreachable"), "no route")
            #expect(try await says("2001:db8:9::1").contains("Administratively prohibited"))
            #expect(try await says("2001:db8:ffff::1").contains("No route"))
            #expect(try await rig.left.attempts("ping", "-c", "1", "-W", "1", "10.7.0.1").output.contains("0 received"))
            let drops = try await rig.drops()
            #expect(drops["unreachable"] == 1 && drops["blackhole"] == 1 && drops["prohibited"] == 2, "\(drops)")
            #expect(drops["no_route"] == 2, "\(drops)")
        }
    }

    @Test func aNeighbourThatIsNotThereIsUnreachable() async throws {
        try await RouterRig.with { rig in
            let ping = try await rig.left.attempts("ping", "-c", "1", "-W", "8", "10.0.2.99")
            #expect(ping.output.contains("Destination Host Unreachable"), "\(ping.output)")
            #expect(try await rig.neighbour("10.0.2.99") == "failed")
            let six = try await rig.left.attempts("ping", "-c", "1", "-W", "8", "2001:db8:2::99")
            #expect(six.output.contains("Address unreachable"), "\(six.output)")
            try await wait(for: "it to be forgotten") { try await rig.neighbour("10.0.2.99") == nil }
        }
    }

    @Test func aNeighbourThatIsUsedIsConfirmed() async throws {
        try await RouterRig.with("      reachable_time: 1") { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            try await wait(for: "it to be stale") { try await rig.neighbour("10.0.2.2") == "stale" }
            // That it is used is noted once a second.
            try await wait(for: "it to be asked") {
                guard try await rig.left.pings("10.0.2.2") else { return false }
                return try await rig.neighbour("10.0.2.2") != "stale"
            }
            try await wait(for: "it to answer", atMost: .seconds(15)) {
                try await rig.neighbour("10.0.2.2") == "reachable"
            }
        }
    }

    @Test func severalNextHopsShareTheFlows() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.1.2/24")
            try await left.addGateways("10.0.1.1")
            var gateways: [TestHost] = []
            for number in 2...3 {
                let host = try await daemon.network.addHost(
                    "gate\(number)", address: "10.0.\(number).2/24", "10.7.0.1/32")
                try await host.addGateways("10.0.\(number).1")
                gateways.append(host)
            }
            try await daemon.apply(
                """
                modules:
                  - name: r
                    type: router
                    config:
                      interfaces:
                        - {name: left, addresses: [10.0.1.1/24]}
                        - {name: gate2, addresses: [10.0.2.1/24]}
                        - {name: gate3, addresses: [10.0.3.1/24]}
                      routes:
                        - {prefix: 10.7.0.0/16, via: [10.0.2.2, 10.0.3.2]}
                links:
                  - {from: r, to: i:left}
                  - {from: r, to: i:gate2}
                  - {from: r, to: i:gate3}
                """)
            #expect(try await left.pings("10.0.2.2", wait: "5"))
            #expect(try await left.pings("10.0.3.2", wait: "5"))
            let send = """
                import socket
                for port in range(20000, 20064):
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", port))
                    for _ in range(4): s.sendto(b"x", ("10.7.0.1", 9))
                """
            try await left.run("/usr/bin/python3", "-c", send)
            func received(_ host: TestHost) async throws -> Int {
                let lines = try await host.run("cat", "/proc/net/snmp").split(separator: "\n")
                let udp = lines.filter { $0.hasPrefix("Udp:") }.map { $0.split(separator: " ") }
                guard udp.count == 2, let at = udp[0].firstIndex(of: "NoPorts") else { return 0 }
                return Int(udp[1][at]) ?? 0
            }
            let counts = [try await received(gateways[0]), try await received(gateways[1])]
            #expect(counts.reduce(0, +) == 256, "\(counts)")
            #expect(counts.allSatisfy { $0 >= 48 && $0 % 4 == 0 }, "all packets of a flow go the same way: \(counts)")
        }
    }

    @Test func configurationChangesWhilePacketsPass() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await RouterRig.addHosts(daemon.network)
            try await daemon.apply(RouterRig.manifest())
            #expect(try await left.pings("10.0.2.2", wait: "5"))
            let blackhole = "      routes:\n        - {prefix: 10.0.2.2/32, type: blackhole}"
            try await daemon.apply(RouterRig.manifest(blackhole))
            try await wait(for: "the blackhole") { try await !left.pings("10.0.2.2", wait: "0.2") }
            try await daemon.apply(RouterRig.manifest())
            try await wait(for: "the way back") { try await left.pings("10.0.2.2") }
            #expect(try await daemon.client.module("r").generation == 0, "in place")
        }
    }

    @Test func goesOnWithoutItsDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right) = try await RouterRig.addHosts(daemons.network)
            try await daemons.apply(RouterRig.manifest())
            #expect(try await left.pings("10.0.2.2", wait: "5"))
            #expect(try await left.pings("2001:db8:2::2", wait: "5"))
            let lost = try await Pinging.losses(from: left, to: "10.0.2.2") {
                daemons.kill()
                // Who comes and asks is answered, and found.
                for host in [left, right] {
                    try await shell("ip", "-n", host.namespace, "neighbor", "flush", "dev", "eth0")
                }
                #expect(try await left.pings("2001:db8:2::2", count: 3))
                #expect(try await left.pings("10.0.1.1"))
                try await daemons.start()
            }
            #expect(lost.isEmpty, "\(lost)")
            guard case .array(let neighbours)? = try await daemons.client.state(of: "r")["neighbours"] else { return }
            #expect(neighbours.count >= 4)
        }
    }

    /// What another implementation reads in the answers (Tests/Packets/router.py, with scapy).
    @Test(.enabled(if: FileManager.default.fileExists(atPath: python.path()), "scripts/test installs .venv"))
    func answersAreRightToOthers() async throws {
        let advertisements =
            ", router_advertisements: {dns_servers: [\"2001:db8::53\"], dns_search: [example.org]}"
        try await RouterRig.with(interface: advertisements) { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            let script = root.appending(path: "Tests/Packets/router.py").path()
            let result = try await rig.left.attempts(python.path(), script)
            #expect(result.succeeded, "\(result.output)\(result.errors)")
        }
    }

    @Test(arguments: ["xdp-native", "xdp-generic"]) func routesAtXDP(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await RouterRig.addHosts(daemon.network)
            let manifest = RouterRig.manifest().replacing("to: i:left}", with: "to: i:left, hook: \(hook)}")
                .replacing("to: i:right}", with: "to: i:right, hook: \(hook)}")
            try await daemon.apply(manifest)
            #expect(try await left.pings("10.0.2.2", count: 3, wait: "5"))
            #expect(try await left.pings("2001:db8:2::2", count: 3, wait: "5"))
            #expect(try await left.pings("10.0.1.1"))
            let trace = try await left.run("traceroute", "-n", "-q", "1", "-w", "2", "10.0.2.2")
            #expect(trace.contains(" 10.0.1.1 ") && trace.contains(" 10.0.2.2 "), "\(trace)")
        }
    }

    // examples/router/router.yaml of iovisor-ovn.
    @Test func iovisorOvnsManifestApplies() async throws {
        try await HoverDaemon.with { daemon in
            var hosts: [TestHost] = []
            for number in 1...3 {
                let host = try await daemon.network.addHost("veth\(number)", address: "10.0.\(number).100/24")
                try await host.addGateways("10.0.\(number).1")
                hosts.append(host)
            }
            let file = root.appending(path: "examples/router/router.yaml").path()
            #expect(try await daemon.hoverctl("apply", "-f", file).lines().last == "now at revision 1")
            for host in hosts {
                for number in 1...3 {
                    #expect(try await host.pings("10.0.\(number).100", wait: "5"))
                }
            }
            #expect(try await daemon.hoverctl("apply", "-f", file).lines() == ["no changes"])
            #expect(try await hosts[0].run("ip", "neighbor", "show", "10.0.1.1").contains("82:73:8d:f3:62:01"))
        }
    }
}
