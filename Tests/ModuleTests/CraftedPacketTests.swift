// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
private let python = root.appending(path: ".venv/bin/python")

/// Packets that nobody should send, made by another implementation at one end of a chain, and what it reads at the other:
/// Tests/Packets, with scapy. The router's are in RouterTests.
@Suite(
    "Crafted packets", .serialized,
    .enabled(if: FileManager.default.fileExists(atPath: python.path()), "scripts/test installs .venv"))
struct CraftedPacketTests {
    /// Runs a module's script between hosts without addresses, whose kernels say nothing of their own accord.
    ///
    /// - Parameter manifest: without links.
    private func check(
        _ module: String, hosts: [String], links: [String], hook: String, _ manifest: String
    ) async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.network.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            for name in hosts {
                let host = try await daemon.network.addHost(name)
                try await host.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
            }
            let lines = zip(links, hosts).map { "  - {from: \"\($0)\", to: \"i:\($1)\", hook: \(hook)}" }
            try await daemon.apply("\(manifest)\nlinks:\n\(lines.joined(separator: "\n"))")
            let script = root.appending(path: "Tests/Packets/\(module).py").path()
            let result = try await attempt([
                python.path(), "-B", script, daemon.socket, daemon.network.namespace + "-", hook,
            ])
            #expect(result.succeeded && result.output.isEmpty, "\(result.output)\(result.errors)")
        }
    }

    @Test(arguments: ["tc", "xdp"]) func aSwitchForwardsWhatItMay(hook: String) async throws {
        try await check(
            "switch", hosts: ["one", "two", "trunk", "guarded"], links: ["sw", "sw", "sw", "sw"], hook: hook,
            """
            modules:
              - name: sw
                type: switch
                config:
                  ports:
                    - {name: one, access: 10}
                    - {name: two, access: 10}
                    - {name: trunk, trunk: [10, 20]}
                    - {name: guarded, access: 10, allowed_addresses: [192.0.2.3, "2001:db8::3", "fe80::/10"]}
                  forwarding_table:
                    - {port: one, mac: "02:00:00:00:00:0a"}
                    - {port: two, mac: "02:00:00:00:00:0b"}
            """)
    }

    @Test(arguments: ["tc", "xdp"]) func aNATTranslatesWhatBelongsToSessions(hook: String) async throws {
        try await check(
            "nat", hosts: ["inside", "outside"], links: ["nat:1", "nat:2"], hook: hook,
            """
            modules:
              - name: nat
                type: nat
                config:
                  public_ip: 192.0.2.1
                  forwards:
                    - {protocol: udp, external_port: 8053, internal_ip: 10.0.0.3, internal_port: 53}
            """)
    }

    @Test(arguments: ["tc", "xdp"]) func aOneToOneNATTranslatesWhatItKnows(hook: String) async throws {
        try await check(
            "onetoonenat", hosts: ["inside", "outside"], links: ["nat:1", "nat:2"], hook: hook,
            """
            modules:
              - name: nat
                type: onetoonenat
                config:
                  unmatched: drop
                  nat_entries:
                    - {internal_ip: 10.0.0.2, external_ip: 192.0.2.2}
                  prefixes:
                    - {internal: 10.1.0.0/16, external: 198.18.0.0/16}
                    - {internal: "fd01:203:405::/48", external: "2001:db8:1::/48"}
            """)
    }

    @Test(arguments: ["tc", "xdp"]) func aFirewallLetsPassWhatItShould(hook: String) async throws {
        try await check(
            "firewall", hosts: ["left", "right"], links: ["wire", "wire"], hook: hook,
            """
            modules:
              - name: fw
                type: firewall
                tags: [wire]
                config:
                  default: {ingress: drop}
                  connections: 1024
                  # Longer than the packets take on any machine.
                  udp_timeout: 3600
                  icmp_timeout: 3600
                  icmpv6_timeout: 3600
                  rules:
                    - {id: ntp, action: reject, direction: egress, protocol: udp, destination_ports: 123}
                    - {id: mail, action: reject, direction: ingress, protocol: tcp, destination_ports: 25}
                    - {id: dns, action: reject, direction: ingress, protocol: udp, destination_ports: 53}
                    - {id: marker, action: accept, direction: ingress, protocol: udp, destination_ports: 8081}
                    - {id: web, action: accept, direction: ingress, protocol: tcp, destination_ports: 80}
                    - {id: from-left, action: accept, direction: ingress, source: [10.0.0.1, "fd00::1"]}
              - name: wire
                type: bpf/forward
                source: |
                  static int handle_rx(void *pkt, struct metadata *md)
                  {
                  	return pkt_redirect(pkt, md, 3 - md->in_ifc);
                  }
            """)
    }

    @Test(arguments: ["tc", "xdp"]) func aDHCPServerAnswersWhatItCanRead(hook: String) async throws {
        try await check(
            "dhcp", hosts: ["client"], links: ["dhcp"], hook: hook,
            """
            modules:
              - name: dhcp
                type: dhcp
                config:
                  server_ip: 192.168.1.250
                  server_mac: "b6:87:f8:5a:40:23"
                  netmask: 255.255.255.0
                  addr_low: 192.168.1.100
                  addr_high: 192.168.1.199
                  router: 192.168.1.1
                  dns: [192.168.1.1, 9.9.9.9]
                  domain: example.org
                  mtu: 1400
                  lease_time: 3600
                  conflict_wait: 0
                  rate: 10000
                  subnets:
                    - {network: 10.9.0.0/24, ranges: 10.9.0.10-10.9.0.20, router: 10.9.0.1}
                  ipv6: {dns: "2001:db8::53", domain_search: example.org}
            """)
    }
}
