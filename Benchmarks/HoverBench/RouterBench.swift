// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TestSupport
import TypedValue

/// Module type `router` beside the kernel's own forwarding on the same interfaces.
struct RouterBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "router", abstract: "TCP and small packets through a router, beside the kernel's ip_forward.")

    @OptionGroup var options: ContestOptions

    func run() async throws {
        var report = Report(bench: "router", ours: "hover", peer: "ip_forward")
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            let left = try await network.addHost("left", address: "10.0.1.2/24")
            let right = try await network.addHost("right", address: "10.0.2.2/24")
            // The kernel forwards whatever the router does not take before.
            try await network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
            var interfaces: [TypedValue] = []
            for (host, number) in [(left, 1), (right, 2)] {
                let address = "10.0.\(number).1"
                try await network.ip("address", "add", address + "/24", "dev", host.interface)
                try await host.run("ip", "route", "add", "default", "via", address)
                // The interfaces' own, so that hosts need not learn others when turns change.
                let mac = try await network.ethernetAddress(of: host.interface)
                interfaces.append([
                    "name": .string(host.interface), "addresses": [.string(address + "/24")], "mac": .string("\(mac)"),
                ])
            }
            _ = try await daemon.client.createModule(
                ModuleRequest(name: "router", type: "router", config: ["interfaces": .array(interfaces)]))
            let contest = Contest(
                network: network, client: left, server: right, serverAddress: "10.0.2.2",
                frame: smallPacket(
                    from: (try await left.ethernetAddress(), .init(ipv4: 0x0a00_0102)),
                    to: (try await network.ethernetAddress(of: "left"), .init(ipv4: 0x0a00_0202))),
                ours: .linked(
                    daemon.client, [("left", "router", 1), ("right", "router", 2)], warmingUp: left, "10.0.2.2"),
                peer: .init(begin: { try await warmUp(left, "10.0.2.2") }, end: {}),
                bare: .bare(network, from: (left, "10.0.1.2"), to: (right, "10.0.2.2")), rounds: options.rounds,
                seconds: options.seconds)
            try await contest.measure(
                "", in: &report, bars: .init(offloads: 1.1, noOffloads: 1.3, smallPackets: 1.3))
        }
        try report.finish()
    }
}
