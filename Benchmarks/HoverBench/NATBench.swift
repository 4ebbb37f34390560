// SPDX-License-Identifier: Apache-2.0

import APIClient
import ArgumentParser
import BPF
import HoverAPI
import TestSupport
import TypedValue

/// Module type `nat` behind `router`, beside the kernel's routing with a masquerade of nftables.
struct NATBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nat", abstract: "TCP, small packets and new flows through router and NAT, beside nftables.")

    @OptionGroup var options: ContestOptions

    /// New flows of a run: a good part of the ports that one public address has.
    private static let newFlows = 30_000

    func run() async throws {
        var report = Report(bench: "nat", ours: "hover", peer: "nftables")
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            let inside = try await network.addHost("inside", address: "10.0.0.2/16")
            let outside = try await network.addHost("outside", address: "192.0.2.2/24")
            let gateways = try await prepareKernel(network, inside, outside)
            try await createModules(daemon.client, gateways)
            let frame = smallPacket(
                from: (try await inside.ethernetAddress(), .init(ipv4: 0x0a00_0002)),
                to: (gateways.inside, .init(ipv4: 0xc000_0202)))
            let contest = Contest(
                network: network, client: inside, server: outside, serverAddress: "192.0.2.2", frame: frame,
                ours: .linked(
                    daemon.client, [("inside", "router", 1), ("outside", "nat", 2)], warmingUp: inside, "192.0.2.2"),
                peer: .init(begin: { try await warmUp(inside, "192.0.2.2") }, end: {}),
                bare: .bare(network, from: (inside, "10.0.0.2"), to: (outside, "192.0.2.2")), rounds: options.rounds,
                seconds: options.seconds)
            try await contest.measure(
                "", in: &report, bars: .init(offloads: 1.2, noOffloads: 1.5, smallPackets: 1.5))
            try await measureNewFlows(contest, in: &report)
        }
        try report.finish()
    }

    /// The kernel's side: always there, and without packets while Hover has the interfaces.
    private func prepareKernel(
        _ network: Network, _ inside: TestHost, _ outside: TestHost
    ) async throws -> (inside: MACAddress, outside: MACAddress) {
        try await network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        try await network.ip("address", "add", "10.0.0.1/16", "dev", inside.interface)
        try await network.ip("address", "add", "192.0.2.1/24", "dev", outside.interface)
        try await network.run(
            "nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100 ; }")
        try await network.run("nft", "add rule ip nat out oifname \(outside.interface) masquerade")
        try await network.run("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1")
        try await shell("ip", "-n", inside.namespace, "route", "add", "default", "via", "10.0.0.1")
        return (
            try await network.ethernetAddress(of: inside.interface),
            try await network.ethernetAddress(of: outside.interface)
        )
    }

    /// The router has the interfaces' own addresses, so that hosts need not learn others when turns change.
    private func createModules(
        _ client: HoverClient, _ gateways: (inside: MACAddress, outside: MACAddress)
    ) async throws {
        _ = try await client.createModule(
            ModuleRequest(
                name: "router", type: "router",
                config: [
                    "interfaces": [
                        ["name": "inside", "addresses": ["10.0.0.1/16"], "mac": .string("\(gateways.inside)")],
                        ["name": "nat", "addresses": ["192.0.2.1/24"], "mac": .string("\(gateways.outside)")],
                    ]
                ]))
        _ = try await client.createModule(
            ModuleRequest(
                name: "nat", type: "nat", config: ["public_ip": "192.0.2.1", "timeouts": ["udp_unreplied": 1]]))
        _ = try await client.createLink(
            from: LinkEnd(node: "router", port: 2), to: LinkEnd(node: "nat", port: 1))
    }

    /// Each packet is the first of its flow: the client is another one each time, and older flows have ended.
    private func measureNewFlows(_ contest: Contest, in report: inout Report) async throws {
        try await contest.dropSmallPackets {
            let client = Counter()
            var both = contest
            both.bare = nil
            let figures = try await both.alternate {
                var contest = contest
                contest.frame = smallPacket(
                    from: (
                        MACAddress(bytes: contest.frame[6..<12]) ?? .broadcast, .init(ipv4: 0x0a00_0a00 + client.next())
                    ),
                    to: (MACAddress(bytes: contest.frame[..<6]) ?? .broadcast, .init(ipv4: 0xc000_0202)))
                let program = try contest.deliver(flows: Self.newFlows, hosts: 1)
                let rate = try await contest.packetRate(program, packets: Self.newFlows)
                try await Task.sleep(for: .seconds(4))
                return rate
            }
            report.add(
                "new flows", ours: median(figures.ours), peer: median(figures.peer), unit: "M/s", better: .higher,
                bar: .ratio(1))
        }
    }

    /// Numbers from 0 on.
    private final class Counter {
        private var count: UInt32 = 0

        func next() -> UInt32 {
            defer { count += 1 }
            return count
        }
    }
}
