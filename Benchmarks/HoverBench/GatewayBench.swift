// SPDX-License-Identifier: Apache-2.0

import APIClient
import ArgumentParser
import HoverAPI
import TestSupport
import TypedValue

/// The chain of `examples/home-gateway` beside a Linux bridge, `ip_forward`, and nftables with the same rules and a
/// masquerade. Both track connections, and accept those that are established before any rule.
struct GatewayBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract:
            "TCP and small packets through switch, router, firewall and NAT, beside bridge, ip_forward and nftables."
    )

    @OptionGroup var options: ContestOptions

    func run() async throws {
        var report = Report(bench: "gateway", ours: "hover", peer: "kernel")
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            let home = try await network.addHost("lan", address: "192.168.1.10/24")
            let outside = try await network.addHost("wan", address: "203.0.113.1/24")
            let gateways = try await prepareKernel(network, home, outside)
            try await createModules(daemon.client, gateways)
            let contest = Contest(
                network: network, client: home, server: outside, serverAddress: "203.0.113.1",
                frame: smallPacket(
                    from: (try await home.ethernetAddress(), .init(ipv4: 0xc0a8_010a)),
                    to: (gateways.home, .init(ipv4: 0xcb00_7101))),
                ours: .linked(
                    daemon.client, [(home.interface, "switch", 1), (outside.interface, "nat", 2)], warmingUp: home,
                    "203.0.113.1"),
                peer: .init(
                    begin: {
                        try await network.ip("link", "set", home.interface, "master", "br0")
                        try await warmUp(home, "203.0.113.1")
                    },
                    end: { try await network.ip("link", "set", home.interface, "nomaster") }),
                bare: .bare(network, from: (home, "192.168.1.10"), to: (outside, "203.0.113.1")),
                rounds: options.rounds, seconds: options.seconds)
            try await contest.measure(
                "", in: &report, bars: .init(offloads: 1.2, noOffloads: 1.5, smallPackets: 1.5))
        }
        try report.finish()
    }

    /// The kernel's side: always there, and without packets while Hover has the interfaces.
    private func prepareKernel(
        _ network: Network, _ home: TestHost, _ outside: TestHost
    ) async throws -> (home: MACAddress, outside: MACAddress) {
        let gateways = (
            home: try await network.ethernetAddress(of: home.interface),
            outside: try await network.ethernetAddress(of: outside.interface)
        )
        try await network.ip("link", "add", "br0", "address", "\(gateways.home)", "type", "bridge")
        try await network.ip("link", "set", "br0", "up")
        try await network.ip("address", "add", "192.168.1.1/24", "dev", "br0")
        try await network.ip("address", "add", "203.0.113.2/24", "dev", outside.interface)
        try await network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        try await home.run("ip", "route", "add", "default", "via", "192.168.1.1")
        try await network.load(
            """
            table inet gateway {
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related counter accept
                    ct state invalid counter drop
                    iifname "wan" ip daddr 192.168.1.10 tcp dport 80 counter accept
                    iifname "wan" icmp type echo-request limit rate 10/second burst 10 packets counter accept
                    iifname "wan" icmpv6 type echo-request limit rate 10/second burst 10 packets counter accept
                    oifname "wan" ip saddr { 10.0.0.0/8, 172.16.0.0/12, 169.254.0.0/16, 127.0.0.0/8 } counter drop
                    oifname "wan" counter accept
                }
                chain out {
                    type nat hook postrouting priority srcnat;
                    oifname "wan" masquerade
                }
                chain in {
                    type nat hook prerouting priority dstnat;
                    iifname "wan" tcp dport 8080 dnat ip to 192.168.1.10:80
                }
            }
            """)
        return gateways
    }

    /// The router has the interfaces' own addresses, so that hosts need not learn others when turns change. What the
    /// WAN may begin, and what leaves it, is as in the example; so is where the firewall lies.
    private func createModules(
        _ client: HoverClient, _ gateways: (home: MACAddress, outside: MACAddress)
    ) async throws {
        let limit: TypedValue = ["rate": 10, "burst": 10]
        let router: [String: TypedValue] = [
            "interfaces": [
                ["name": "switch", "addresses": ["192.168.1.1/24"], "mac": .string("\(gateways.home)")],
                ["name": "nat", "addresses": ["203.0.113.2/24"], "mac": .string("\(gateways.outside)")],
            ]
        ]
        let nat: [String: TypedValue] = [
            "public_ip": "203.0.113.2",
            "forwards": [
                ["protocol": "tcp", "external_port": 8080, "internal_ip": "192.168.1.10", "internal_port": 80]
            ],
        ]
        let firewall: [String: TypedValue] = [
            "default": ["ingress": "drop", "egress": "accept"],
            "rules": [
                [
                    "id": "forwarded", "direction": "ingress", "action": "accept", "protocol": "tcp",
                    "destination": "192.168.1.10", "destination_ports": 80,
                ],
                [
                    "id": "ping", "direction": "ingress", "action": "accept", "protocol": "icmp", "icmp_type": 8,
                    "limit": limit,
                ],
                [
                    "id": "ping6", "direction": "ingress", "action": "accept", "protocol": "icmpv6", "icmp_type": 128,
                    "limit": limit,
                ],
                [
                    "id": "spoofed", "direction": "egress", "action": "drop", "family": "ipv4",
                    "source": ["10.0.0.0/8", "172.16.0.0/12", "169.254.0.0/16", "127.0.0.0/8"],
                ],
            ],
        ]
        _ = try await client.createModule(ModuleRequest(name: "switch", type: "switch"))
        _ = try await client.createModule(ModuleRequest(name: "router", type: "router", config: router))
        _ = try await client.createModule(ModuleRequest(name: "nat", type: "nat", config: nat))
        _ = try await client.createModule(
            ModuleRequest(
                name: "firewall", type: "firewall", placements: [Placement(node: "router", port: 2)], config: firewall))
        _ = try await client.createLink(from: LinkEnd(node: "switch", port: 2), to: LinkEnd(node: "router", port: 1))
        _ = try await client.createLink(from: LinkEnd(node: "router", port: 2), to: LinkEnd(node: "nat", port: 1))
    }
}

extension Network {
    /// Has nftables do what a text says, in `hoverd`'s namespace.
    func load(_ rules: String) async throws {
        try await shell("nsenter", "--net=/run/netns/\(namespace)", "nft", "-f", "-", input: rules)
    }
}
