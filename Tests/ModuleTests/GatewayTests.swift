// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Modules together.
@Suite struct GatewayTests {
    /// examples/home-gateway, as `make demo` shows it.
    @Test func theDemoRuns() async throws {
        let demo = try await attempt(["scripts/demo"])
        #expect(demo.succeeded, "\(demo.output) \(demo.errors)")
        #expect(demo.output.contains("==> Done"))
        #expect(demo.output.contains("all is in order"), "\(demo.output)")
    }

    /// A provider that gives its customers addresses, and a home behind one of them.
    private static let byDHCP = """
        modules:
          - {name: provider, type: switch}
          - name: addresses
            type: dhcp
            config:
              server_ip: 203.0.113.9
              server_mac: "02:00:00:00:00:09"
              netmask: 255.255.255.0
              addr_low: 203.0.113.100
              addr_high: 203.0.113.110
              router: 203.0.113.1
              lease_time: 600
              conflict_wait: 0
          - name: gw
            type: router
            config:
              interfaces:
                - {name: inside, addresses: [192.168.1.1/24]}
                - {name: nat, dhcp: true}
          - {name: nat, type: nat}
        links:
          - {from: gw, to: nat}
          - {from: nat, to: provider}
          - {from: provider, to: addresses}
        external_interfaces:
          - {module: gw, iface: inside}
          - {module: provider, iface: outside}
        """

    @Test func theRouterGetsItsAddressByDHCPAndTellsTheNAT() async throws {
        try await DaemonSequence.with { daemons in
            let inside = try await daemons.network.addHost("inside", address: "192.168.1.10/24")
            try await inside.run("ip", "route", "add", "default", "via", "192.168.1.1")
            try await daemons.network.addHost("outside", address: "203.0.113.1/24")
            try await daemons.start()
            try await daemons.apply(Self.byDHCP)
            try await wait(for: "the way out", atMost: .seconds(30)) { try await inside.pings("203.0.113.1") }
            #expect(try await daemons.client.state(of: "nat")["learned_public_address"] == "203.0.113.100")
            daemons.kill()
            #expect(try await inside.pings("203.0.113.1", count: 3), "nobody has to run for that")
            try await daemons.start()
            #expect(try await inside.pings("203.0.113.1", count: 3))
            #expect(try await daemons.client.state(of: "nat")["learned_public_address"] == "203.0.113.100")
            guard case .array(let leases)? = try await daemons.client.state(of: "addresses")["leases"] else {
                Issue.record("there is no lease")
                return
            }
            #expect(leases.count == 1, "the router asks for the address that it had")
        }
    }

    /// What goes wrong in one part of a slow path is not left at that while its other parts wait.
    @Test func theNATLearnsItsAddressAfterAFault() async throws {
        func manifest(_ address: String) -> String {
            """
            modules:
              - {name: gw, type: router, config: {interfaces: [{name: nat, addresses: [\(address)/24]}]}}
              - {name: nat, type: nat}
            links:
              - {from: gw, to: nat}
            """
        }
        let fault = "the slow path of module nat failed, and begins again"
        try await HoverDaemon.with(expectedWarnings: [fault]) { daemon in
            try await daemon.apply(manifest("203.0.113.2"))
            func learned() async throws -> TypedValue? {
                try await daemon.client.state(of: "nat")["learned_public_address"]
            }
            try await wait(for: "the address") { try await learned() == "203.0.113.2" }
            let id = try await daemon.client.module("nat").id.dropFirst("m:".count)
            let pin = "\(daemon.pinFolder)/modules/\(id)/tables/public_address"
            try FileManager.default.moveItem(atPath: pin, toPath: pin + "-away")
            try await daemon.apply(manifest("203.0.113.3"))
            try await wait(for: "a fault") { try daemon.log.contains(fault) }
            try FileManager.default.moveItem(atPath: pin + "-away", toPath: pin)
            try await wait(for: "the other address") { try await learned() == "203.0.113.3" }
        }
    }

    /// With streams of packets going through, functions come, change and go.
    @Test func functionsAreExchangedWhilePacketsGoThrough() async throws {
        func manifest(_ wall: String, _ more: String = "") -> String {
            """
            modules:
              - {name: lan, type: switch}
              - name: gw
                type: router
                config:
                  interfaces:
                    - {name: lan, addresses: [192.168.1.1/24]}
                    - {name: nat, addresses: [203.0.113.2/24]}
              - {name: nat, type: nat, config: {public_ip: 203.0.113.2}}
            \(wall)\(more)
            links:
              - {from: lan, to: gw}
              - {from: gw, to: nat}
            external_interfaces:
              - {module: lan, iface: inside}
              - {module: nat, iface: outside}
            """
        }
        let places = "placements: [{node: gw, port: 2, direction: ingress}, {node: gw, port: 2, direction: egress}]"
        // A new wall refuses the answers that are on their way when it comes up, for it has not seen their questions: its
        // rules count them.
        let refusing = """
            {id: pings, direction: ingress, action: drop, protocol: icmp}, \
            {id: calls, direction: ingress, action: drop, protocol: udp}
            """
        let wall = """
              - name: wall
                type: firewall
                \(places)
                config: {default: {ingress: drop, egress: accept}, rules: [\(refusing)]}

            """
        let another = """
              - name: wall-2
                type: firewall
                \(places)
                config:
                  default: {ingress: drop, egress: accept}
                  rules: [{direction: egress, action: drop, protocol: tcp, destination_ports: 25}, \(refusing)]
              - {name: count, type: counter, tags: [lan]}
              - {name: apps, type: dpi, tags: [lan], config: {rules: [{application: BitTorrent, action: block}]}}

            """
        try await DaemonSequence.with { daemons in
            let inside = try await daemons.network.addHost("inside", address: "192.168.1.10/24")
            try await inside.run("ip", "route", "add", "default", "via", "192.168.1.1")
            let outside = try await daemons.network.addHost("outside", address: "203.0.113.1/24")
            try await daemons.start()
            try await daemons.apply(manifest(wall))
            #expect(try await inside.pings("203.0.113.1", count: 2, wait: "5"))
            var refused: [String: UInt64] = [:]
            var lost: [Int] = []
            let streams = try await Streams.between(inside, and: outside, at: "203.0.113.1") {
                lost = try await Pinging.losses(from: inside, to: "203.0.113.1") {
                    // The firewall goes, another one, a counter and dpi come, and all that it was comes back.
                    try await daemons.apply(manifest(""), "--prune")
                    try await daemons.apply(manifest(another), "--prune")
                    refused.merge(try await FirewallTests.packets(daemons.client, of: "wall-2"), uniquingKeysWith: +)
                    try await daemons.apply(manifest(wall), "--prune")
                    try await daemons.apply(
                        manifest(wall).replacingOccurrences(
                            of: "type: switch", with: "type: switch, config: {ageing_time: 60}"))
                    daemons.kill()
                    try await daemons.start()
                    refused.merge(try await FirewallTests.packets(daemons.client, of: "wall"), uniquingKeysWith: +)
                }
            }
            #expect(lost.count == refused["pings"] ?? 0, "\(lost) of the pings, \(refused)")
            #expect(streams.lost == refused["calls"] ?? 0, "\(streams), \(refused)")
            #expect(lost.count + streams.lost <= 4, "no wall keeps conversations from going on")
            #expect(streams.sent > 0 && streams.received > 0 && streams.pause < 5, "\(streams)")
        }
    }

    /// A forwarded port is reached by the public address from home too, also over hoverd's end, and through a firewall.
    @Test func theOwnPublicAddressLeadsHomeAgain() async throws {
        let forward = "{protocol: tcp, external_port: 8080, internal_ip: 192.168.1.11, internal_port: 80}"
        let manifest = """
            modules:
              - {name: lan, type: switch}
              - name: gw
                type: router
                config:
                  interfaces:
                    - {name: lan, addresses: [192.168.1.1/24], reverse_path_filter: strict}
                    - {name: nat, addresses: [203.0.113.2/24], reverse_path_filter: strict}
              - {name: nat, type: nat, config: {forwards: [\(forward)]}}
              - name: wall
                type: firewall
                placements: [{node: gw, port: 2, direction: ingress}, {node: gw, port: 2, direction: egress}]
                config:
                  default: {ingress: drop, egress: accept}
                  rules:
                    - {direction: ingress, action: accept, protocol: tcp, destination: 192.168.1.11,
                       destination_ports: 80}
            links:
              - {from: lan, to: gw}
              - {from: gw, to: nat}
            external_interfaces:
              - {module: lan, iface: client}
              - {module: lan, iface: server}
              - {module: nat, iface: outside}
            """
        try await DaemonSequence.with { daemons in
            let client = try await daemons.network.addHost("client", address: "192.168.1.10/24")
            let server = try await daemons.network.addHost("server", address: "192.168.1.11/24")
            for host in [client, server] { try await host.run("ip", "route", "add", "default", "via", "192.168.1.1") }
            let outside = try await daemons.network.addHost("outside", address: "203.0.113.1/24")
            try await daemons.start()
            try await daemons.apply(manifest)
            #expect(try await client.pings("203.0.113.1", wait: "5"))
            #expect(try await client.pings("203.0.113.2"), "the router answers for its address itself")
            async let _ = server.run("python3", "-m", "http.server", "80", "--directory", "/var/empty")
            let url = "http://203.0.113.2:8080/"
            try await wait(for: "the server") { try await outside.reaches(url) }
            try await wait(for: "the router to know the NAT") { try await client.reaches(url) }
            daemons.kill()
            #expect(try await client.reaches(url), "nobody has to run for that")
            try await daemons.start()
            #expect(try await client.reaches(url), "nor is it forgotten")
            #expect(try await !client.reaches("http://203.0.113.2:8081/"), "nothing is forwarded there")
        }
    }
}

extension GatewayTests {
    /// Public addresses in the subnet outside, that nobody routes here: who is there asks for them by ARP.
    @Test func publicAddressesOnTheLinkAreAnsweredFor() async throws {
        let manifest = """
            modules:
              - name: gw
                type: router
                config:
                  interfaces:
                    - {name: home, addresses: [192.168.1.1/24], reverse_path_filter: strict}
                    - {name: nat, addresses: [203.0.113.2/24], reverse_path_filter: strict}
                    - {name: pairs, addresses: [198.51.100.1/24]}
              - name: nat
                type: nat
                config:
                  pools: [{addresses: [203.0.113.10-203.0.113.13]}]
                  forwards:
                    - {protocol: tcp, external_ip: 203.0.113.20, external_port: 80, internal_ip: 192.168.1.10}
              - name: pairs
                type: onetoonenat
                config: {nat_entries: [{internal_ip: 192.168.1.10, external_ip: 198.51.100.30}]}
            links:
              - {from: gw, to: nat}
              - {from: gw, to: pairs}
            external_interfaces:
              - {module: gw, iface: home}
              - {module: nat, iface: outside}
              - {module: pairs, iface: other}
            """
        try await DaemonSequence.with { daemons in
            let home = try await daemons.network.addHost("home", address: "192.168.1.10/24")
            try await home.run("ip", "route", "add", "default", "via", "192.168.1.1")
            let outside = try await daemons.network.addHost("outside", address: "203.0.113.1/24")
            let other = try await daemons.network.addHost("other", address: "198.51.100.9/24")
            try await daemons.start()
            try await daemons.apply(manifest)
            try await wait(for: "the way out by an address of the pool") { try await home.pings("203.0.113.1") }
            try await wait(for: "the pair's address") { try await other.pings("198.51.100.30") }
            let neighbours = try await outside.run("ip", "neighbor")
            #expect(neighbours.contains("203.0.113.1"), "\(neighbours)")
            async let _ = home.run("python3", "-m", "http.server", "80", "--directory", "/var/empty")
            try await wait(for: "the server") { try await outside.reaches("http://203.0.113.20/") }
            daemons.kill()
            for host in [outside, other] { try await host.run("ip", "neighbor", "flush", "all") }
            #expect(try await outside.reaches("http://203.0.113.20/"), "nobody has to run for that")
            #expect(try await home.pings("203.0.113.1", count: 2))
            #expect(try await other.pings("198.51.100.30"))
            #expect(try await home.reaches("http://203.0.113.20/"), "also from home")
            try await daemons.start()
            #expect(try await home.reaches("http://203.0.113.20/"))
            guard case .array(let routes)? = try await daemons.client.state(of: "gw")["routes"] else {
                Issue.record("the router shows no routes")
                return
            }
            let translated = routes.filter { $0["type"] == "translated" }.map { $0["prefix"] }
            // The pool is 203.0.113.10/31 and 203.0.113.12/31.
            #expect(translated.count == 4 && translated.contains("203.0.113.20/32"), "\(translated)")
        }
    }
}

extension TestHost {
    /// Whether somebody answers HTTP there.
    fileprivate func reaches(_ url: String) async throws -> Bool {
        try await attempt(
            ["ip", "netns", "exec", namespace, "curl", "--silent", "--max-time", "2", "--output", "/dev/null", url]
        ).succeeded
    }
}
