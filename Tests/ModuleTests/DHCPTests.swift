// SPDX-License-Identifier: Apache-2.0

import APIClient
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// The module with real clients.
@Suite struct DHCPTests {
    /// A server that gives away 192.168.1.100 and some more, behind links.
    private static func manifest(_ config: String = "", links: String) -> String {
        """
        modules:
          - name: dhcp
            type: dhcp
            config:
              netmask: 255.255.255.0
              addr_low: 192.168.1.100
              addr_high: 192.168.1.103
              dns: 8.8.8.8
              router: 192.168.1.1
              lease_time: 3600
              server_ip: 192.168.1.250
              server_mac: "b6:87:f8:5a:40:23"
              \(config)
          - name: hub
            type: bpf/forward
            ports: 4
            source: |
              static int handle_rx(void *pkt, struct metadata *md)
              {
                return pkt_flood(pkt, md);
              }
        \(links.isEmpty ? "" : "links:\n  \(links)")

        """
    }

    private static let direct = "- {from: dhcp, to: i:one}"
    private static let hub = """
        - {from: dhcp, to: hub}
          - {from: hub, to: i:one}
          - {from: hub, to: i:two}
          - {from: hub, to: i:three}
        """

    /// Runs `body` with a `hoverd` and hosts.
    private func withHosts(
        _ names: String..., body: (HoverDaemon, [DHCPHost]) async throws -> Void
    ) async throws {
        try await HoverDaemon.with { daemon in
            try await DHCPHost.with(daemon.network, names) { try await body(daemon, $0) }
        }
    }

    private func shown(_ client: HoverClient) async throws -> DHCPShown {
        DHCPShown(try await client.state(of: "dhcp"))
    }

    @Test(arguments: DHCPHost.Client.allCases) func givesEachClientALease(_ client: DHCPHost.Client) async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await daemon.apply(Self.manifest(links: Self.direct))
            #expect(try await one.start(client), "\(one.log(client))")
            #expect(try await one.addresses == ["192.168.1.100/24"])
            #expect(one.learned(by: client).contains("8.8.8.8"))
            #expect(one.learned(by: client).contains("192.168.1.1\n"))
            #expect(try await one.host.pings("192.168.1.250"))
            let state = try await shown(daemon.client)
            #expect(state.leases == ["192.168.1.100 bound"])
            #expect(state.pools == ["1 of 4"])
        }
    }

    @Test(arguments: ["xdp-native", "xdp-generic"]) func worksAtXDPToo(_ hook: String) async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await daemon.apply(Self.manifest(links: ""))
            _ = try await daemon.client.createLink(
                from: LinkEnd(node: "dhcp"), to: LinkEnd(node: "i:one"), hook: hook)
            #expect(try await daemon.client.links().map(\.hook) == [hook])
            #expect(try await one.start(.udhcpc), "\(one.log(.udhcpc))")
            #expect(try await one.addresses == ["192.168.1.100/24"])
            #expect(try await one.host.pings("192.168.1.250"))
        }
    }

    @Test func renewsAndReleases() async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await daemon.apply(Self.manifest(links: Self.direct))
            #expect(try await one.start(.udhcpc, "-x hostname:laptop"), "\(one.log(.udhcpc))")
            #expect(try await shown(daemon.client).lease("192.168.1.100")?["hostname"] == "laptop")
            try await one.signal("USR1")
            try await wait(for: "a second ack") { try await shown(daemon.client).count("ack") == 2 }
            #expect(try await shown(daemon.client).count("discover") == 1)
            #expect(try await one.addresses == ["192.168.1.100/24"])
            try await one.signal("USR2")
            try await wait(for: "the release") {
                try await shown(daemon.client).leases == ["192.168.1.100 released"]
            }
            #expect(try await shown(daemon.client).pools == ["0 of 4"])
        }
    }

    @Test func servesSeveralClientsBehindAHub() async throws {
        try await withHosts("one", "two", "three") { daemon, hosts in
            try await hosts[1].host.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:22")
            let reservation =
                "reservations: [{mac: \"02:00:00:00:00:22\", address: 192.168.1.7, hostname: printer}]"
            try await daemon.apply(Self.manifest(reservation, links: Self.hub))
            for (host, client) in zip(hosts, DHCPHost.Client.allCases) {
                #expect(try await host.start(client), "\(host.log(client))")
            }
            #expect(try await hosts[0].addresses == ["192.168.1.100/24"])
            #expect(try await hosts[1].addresses == ["192.168.1.7/24"])
            #expect(try await hosts[2].addresses == ["192.168.1.101/24"])
            #expect(try await hosts[0].host.pings("192.168.1.7"))
            #expect(try await hosts[1].host.pings("192.168.1.101"))
            #expect(try await shown(daemon.client).lease("192.168.1.7")?["hostname"] == "printer")
        }
    }

    @Test func anAddressThatSomebodyHasIsNotOffered() async throws {
        try await withHosts("one", "two", "three") { daemon, hosts in
            let one = hosts[0]
            let two = hosts[1]
            try await two.host.run("ip", "address", "add", "192.168.1.100/24", "dev", "eth0")
            try await daemon.apply(Self.manifest(links: Self.hub))
            #expect(try await one.start(.udhcpc), "\(one.log(.udhcpc))")
            #expect(try await one.addresses == ["192.168.1.101/24"])
            let state = try await shown(daemon.client)
            #expect(state.leases == ["192.168.1.100 quarantined", "192.168.1.101 bound"])
            #expect(state.count("conflict") == 1)
        }
    }

    @Test func aDeclinedAddressIsNotOfferedAgain() async throws {
        try await withHosts("one", "two", "three") { daemon, hosts in
            let one = hosts[0]
            let two = hosts[1]
            try await two.host.run("ip", "address", "add", "192.168.1.100/24", "dev", "eth0")
            // So the client is the one that notices.
            try await daemon.apply(Self.manifest("conflict_wait: 0", links: Self.hub))
            #expect(try await one.start(.udhcpc, "-a"), "\(one.log(.udhcpc))")
            #expect(try await one.addresses == ["192.168.1.101/24"])
            let state = try await shown(daemon.client)
            #expect(state.leases == ["192.168.1.100 quarantined", "192.168.1.101 bound"])
            #expect(state.count("decline") == 1)
        }
    }

    @Test func anExhaustedPoolIsSilentAndCounted() async throws {
        try await withHosts("one", "two", "three") { daemon, hosts in
            let one = hosts[0]
            let two = hosts[1]
            try await daemon.apply(Self.manifest("excluded: 192.168.1.101-192.168.1.103", links: Self.hub))
            #expect(try await one.start(.udhcpc), "\(one.log(.udhcpc))")
            #expect(try await !two.start(.udhcpc, isPatient: false))
            let state = try await shown(daemon.client)
            #expect(state.count("exhausted") > 0)
            #expect(state.pools == ["1 of 1"])
            #expect(try await two.addresses.isEmpty)
        }
    }

    /// Whoever has a lease keeps it, and nobody else gets it, whatever becomes of `hoverd`.
    @Test func leasesSurviveTheDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            try await DHCPHost.with(daemons.network, ["one", "two", "three"]) { hosts in
                let one = hosts[0]
                let two = hosts[1]
                try await daemons.apply(Self.manifest(links: Self.hub))
                #expect(try await one.start(.udhcpc), "\(one.log(.udhcpc))")
                let lease = try await shown(daemons.client).lease("192.168.1.100")
                daemons.kill()
                try await daemons.start()
                let kept = try await shown(daemons.client).lease("192.168.1.100")
                #expect(kept?["state"] == "bound")
                #expect(kept?["mac"] == lease?["mac"])
                #expect(try await two.start(.udhcpc), "\(two.log(.udhcpc))")
                #expect(try await two.addresses == ["192.168.1.101/24"])
                try await one.signal("USR1")
                try await wait(for: "the renewal") { try await shown(daemons.client).count("ack") == 2 }
                #expect(try await one.addresses == ["192.168.1.100/24"])
                try daemons.stop()
                try await daemons.start()
                #expect(try await shown(daemons.client).leases == ["192.168.1.100 bound", "192.168.1.101 bound"])
            }
        }
    }

    @Test func tellsHostsOverIPv6WhatTheyNeed() async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            let config = "ipv6: {dns: [\"2001:db8::53\"], domain_search: [home.example]}"
            try await daemon.apply(Self.manifest(config, links: Self.direct))
            try await wait(for: "a link-local address") {
                let shown = try await one.host.run("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")
                return !shown.isEmpty && !shown.contains("tentative")
            }
            let command =
                "timeout \(20 * patience) dhclient -6 -S -1 -v -cf \(one.folder)/empty -lf \(one.folder)/six.leases "
                + "-pf \(one.folder)/dhclient.pid -sf \(one.folder)/dhclient eth0"
            try await one.host.run("sh", "-c", command + " >\(one.folder)/dhclient.log 2>&1")
            #expect(
                one.learned(by: .dhclient).contains("new_dhcp6_name_servers=2001:db8::53"), "\(one.log(.dhclient))")
            #expect(one.learned(by: .dhclient).contains("new_dhcp6_domain_search=home.example"))
            #expect(try await shown(daemon.client).count("information_request") == 1)
            // b6 is b4 with the bit for universal addresses turned.
            #expect(try await one.host.pings("fe80::b487:f8ff:fe5a:4023%eth0"))
        }
    }

    @Test func anotherConfigurationHoldsFromNowOn() async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await daemon.apply(Self.manifest(links: Self.direct))
            #expect(try await one.start(.udhcpc), "\(one.log(.udhcpc))")
            try await daemon.apply(Self.manifest("domain: home.example", links: Self.direct))
            // Nothing was loaded anew for it.
            #expect(try await daemon.client.module("dhcp").generation == 0)
            try await wait(for: "the new domain") {
                try await one.signal("USR1")
                return one.learned(by: .udhcpc).contains("domain=home.example")
            }
            #expect(try await one.addresses == ["192.168.1.100/24"])
        }
    }

    @Test func whatIsNotForItIsCountedByReason() async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await one.host.run("ip", "address", "add", "192.168.1.9/24", "dev", "eth0")
            try await daemon.apply(Self.manifest(links: Self.direct))
            // It answers questions for its own address, and no others.
            try await one.host.run("arping", "-c", "1", "-w", "5", "-I", "eth0", "192.168.1.250")
            #expect(try await !one.host.pings("192.168.1.8"))
            _ = try await attempt([
                "nsenter", "--net=/run/netns/\(one.host.namespace)", "bash", "-c", "echo >/dev/udp/192.168.1.250/53",
            ])
            try await wait(for: "the counts") {
                let state = try await shown(daemon.client)
                return state.refused("other_address") > 0 && state.refused("other_protocol") > 0
            }
        }
    }

    @Test func aStormOfRequestsIsBounded() async throws {
        try await withHosts("one") { daemon, hosts in
            let one = hosts[0]
            try await one.host.run("ip", "address", "add", "192.168.1.9/24", "dev", "eth0")
            try await daemon.apply(Self.manifest("rate: 50", links: Self.direct))
            // 2000 datagrams that are no DHCP, at once.
            try await one.host.run(
                "bash", "-c", "for i in $(seq 2000); do echo $i >/dev/udp/192.168.1.250/67; done")
            let state = try await shown(daemon.client)
            #expect(state.refused("rate_limit") > 0)
            try await one.host.run("ip", "address", "flush", "dev", "eth0")
            try await wait(for: "a lease after the storm", atMost: .seconds(20)) { try await one.start(.udhcpc) }
            #expect(try await shown(daemon.client).count("malformed") > 0)
        }
    }

    @Test func aBadConfigurationIsRefusedWithItsPlace() async throws {
        try await HoverDaemon.with { daemon in
            let request = ModuleRequest(
                name: "dhcp", type: "dhcp",
                config: [
                    "netmask": "255.255.255.0", "addr_low": "192.168.2.1", "addr_high": "192.168.2.9",
                    "server_ip": "192.168.1.250", "server_mac": "b6:87:f8:5a:40:23",
                ])
            let problem = try await #require(throws: Problem.self) { try await daemon.client.createModule(request) }
            #expect(problem.pointer == "/config/addr_low")
            #expect(problem.detail == "config addr_low: 192.168.2.1 is no host of 192.168.1.0/24")
        }
    }
}
