// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

/// What routers learn, and what hosts learn of them.
@Suite("Router: learning", .serialized) struct RouterLearningTests {
    @Test func hostsConfigureThemselves() async throws {
        let advertisements =
            ", router_advertisements: {interval: 4, dns_servers: [\"2001:db8::53\"], dns_search: [example.org], mtu: 1400}"
        try await HoverDaemon.with { daemon in
            let host = try await daemon.network.addHost("left")
            try await host.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.autoconf=1")
            let right = try await daemon.network.addHost("right", address: "2001:db8:2::2/64")
            try await right.addGateways("2001:db8:2::1")
            try await daemon.apply(RouterRig.manifest(interface: advertisements))
            try await wait(for: "an address") {
                let shown = try await host.run("ip", "-6", "address", "show", "dev", "eth0", "scope", "global")
                return shown.contains("2001:db8:1:") && !shown.contains("tentative")
            }
            let routes = try await host.run("ip", "-6", "route", "show", "default")
            #expect(routes.contains("proto ra"), "\(routes)")
            #expect(try await host.run("cat", "/proc/sys/net/ipv6/conf/eth0/mtu") == "1400\n")
            #expect(try await host.pings("2001:db8:2::2", wait: "5"))
            // No longer advertised: hosts are told.
            try await daemon.apply(RouterRig.manifest())
            try await wait(for: "the default route to go") {
                try await host.run("ip", "-6", "route", "show", "default").isEmpty
            }
        }
    }

    @Test func solicitationsAreAnswered() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.network.addHost("right", address: "2001:db8:2::2/64")
            let host = try await daemon.network.addHost("left")
            try await daemon.apply(RouterRig.manifest(interface: ", router_advertisements: {interval: 1800}"))
            // The first three, sixteen seconds apart at most, are for others.
            let late = try await daemon.network.addHost("late")
            _ = late
            try await host.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_ra=2")
            try await shell("ip", "-n", host.namespace, "link", "set", "eth0", "down")
            try await shell("ip", "-n", host.namespace, "link", "set", "eth0", "up")
            try await wait(for: "an address", atMost: .seconds(12)) {
                try await host.run("ip", "-6", "address", "show", "dev", "eth0", "scope", "global")
                    .contains("2001:db8:1:")
            }
        }
    }

    @Test func theKernelsRoutesAreFollowed() async throws {
        try await RouterRig.with("      import_kernel_routes: {table: 100}") { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            try await shell("ip", "-n", rig.right.namespace, "address", "add", "10.77.0.1/32", "dev", "lo")
            try await shell(
                "ip", "-n", rig.right.namespace, "address", "add", "2001:db8:77::1/128", "dev", "lo", "nodad")
            // The gateway is on a link of Hover's own, which the kernel here does not know.
            func route(_ verb: String, _ words: String...) async throws {
                try await shell(["ip", "-n", rig.network.name, "route", verb] + words + ["table", "100"])
            }
            try await route("add", "10.77.0.0/16", "via", "10.0.2.2", "dev", "right", "onlink", "proto", "bird")
            try await wait(for: "the route") { try await rig.left.pings("10.77.0.1") }
            try await route("add", "10.88.0.0/16", "via", "192.0.2.1", "dev", "right", "onlink")
            try await route("add", "prohibit", "10.99.0.0/16")
            try await route("add", "2001:db8:77::/48", "via", "2001:db8:2::2", "dev", "right", "onlink")
            try await wait(for: "the IPv6 route") { try await rig.left.pings("2001:db8:77::1") }
            let learned = try await rig.list("routes").filter { $0["source"] == "learned" }
            #expect(Set(learned.compactMap { $0["prefix"] }) == ["10.77.0.0/16", "10.99.0.0/16", "2001:db8:77::/48"])
            try await route("delete", "10.77.0.0/16")
            try await wait(for: "the route to go") { try await !rig.left.pings("10.77.0.1", wait: "0.2") }
        }
    }

    @Test func whatFindsNoRoomComesWhenOthersGo() async throws {
        let config = "      route_table_size: 64\n      import_kernel_routes: {table: 100}"
        try await RouterRig.with(config, expectedWarnings: ["learned routes have no room"]) { rig in
            func change(_ verb: String, _ numbers: Range<Int>) async throws {
                let lines = numbers.map {
                    "route \(verb) 10.77.\($0).0/24 via 10.0.2.2 dev right onlink table 100"
                }
                try await rig.network.run("sh", "-c", "echo '\(lines.joined(separator: "\n"))' | ip -batch -")
            }
            func learned() async throws -> Set<TypedValue> {
                Set(try await rig.list("routes").filter { $0["source"] == "learned" }.compactMap { $0["prefix"] })
            }
            try await change("add", 0..<80)
            try await wait(for: "as many as there is room for") { try await learned().count == 64 }
            try await change("delete", 0..<40)
            let left = Set((40..<80).map { TypedValue.string("10.77.\($0).0/24") })
            try await wait(for: "the others") { try await learned() == left }
        }
    }

    @Test func learnedRoutesSurviveTheDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right) = try await RouterRig.addHosts(daemons.network)
            try await daemons.apply(RouterRig.manifest("      import_kernel_routes: {table: 100}"))
            try await shell("ip", "-n", right.namespace, "address", "add", "10.77.0.1/32", "dev", "lo")
            try await daemons.network.ip(
                "route", "add", "10.77.0.0/16", "via", "10.0.2.2", "dev", "right", "onlink", "table", "100")
            try await wait(for: "the route") { try await left.pings("10.77.0.1") }
            let lost = try await Pinging.losses(from: left, to: "10.77.0.1") {
                daemons.kill()
                #expect(try await left.pings("10.77.0.1", count: 5))
                try await daemons.start()
                try await wait(for: "the slow path") {
                    guard case .object(let counts)? = try await daemons.client.state(of: "r")["counts"] else {
                        return false
                    }
                    return counts["learned_routes"] == 1
                }
            }
            #expect(lost.isEmpty, "\(lost)")
        }
    }

    @Test func aPortTakesTheAddressThatDHCPGotIt() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.1.2/24")
            try await left.addGateways("10.0.1.1")
            let right = try await daemon.network.addHost("right", address: "192.0.2.1/24", "198.51.100.1/32")
            try await right.run("ip", "route", "add", "10.0.1.0/24", "via", "192.0.2.9")
            try await daemon.apply(
                RouterRig.manifest().replacing(
                    "{name: right, addresses: [10.0.2.1/24, \"2001:db8:2::1/64\"]}", with: "{name: right, dhcp: true}"))
            #expect(try await !left.pings("198.51.100.1"))
            func lease(_ address: String, _ gateway: String, _ length: Int) async throws {
                _ = try await daemon.hoverctl(
                    "table", "set", "r", "leases", "2",
                    "{\"address\": \"\(address)\", \"gateway\": \"\(gateway)\", \"prefix_length\": \(length)}"
                ).lines()
            }
            try await lease("192.0.2.9", "192.0.2.1", 24)
            try await wait(for: "the lease") { try await left.pings("198.51.100.1") }
            #expect(try await right.pings("192.0.2.9"))
            try await lease("0.0.0.0", "0.0.0.0", 0)
            try await wait(for: "the lease to go") { try await !left.pings("198.51.100.1", wait: "0.2") }
        }
    }
}
