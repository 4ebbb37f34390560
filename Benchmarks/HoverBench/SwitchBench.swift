// SPDX-License-Identifier: Apache-2.0

import APIClient
import ArgumentParser
import HoverAPI
import TestSupport
import TypedValue

/// Module type `switch` beside the Linux bridge.
struct SwitchBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switch", abstract: "TCP and small packets through a switch, beside the Linux bridge.")

    @OptionGroup var options: ContestOptions

    func run() async throws {
        var report = Report(bench: "switch", ours: "hover", peer: "Linux bridge")
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            let left = try await network.addHost("left", address: "10.0.0.1/24")
            let right = try await network.addHost("right", address: "10.0.0.2/24")
            try await left.learn(right, as: "10.0.0.2")
            try await right.learn(left, as: "10.0.0.1")
            try await network.ip("link", "add", "br0", "type", "bridge")
            try await network.ip("link", "set", "br0", "up")
            _ = try await daemon.client.createModule(ModuleRequest(name: "switch", type: "switch"))
            let contest = Contest(
                network: network, client: left, server: right, serverAddress: "10.0.0.2",
                frame: smallPacket(
                    from: (try await left.ethernetAddress(), .init(ipv4: 0x0a00_0001)),
                    to: (try await right.ethernetAddress(), .init(ipv4: 0x0a00_0002))),
                ours: .linked(
                    daemon.client, [("left", "switch", 1), ("right", "switch", 2)], warmingUp: left, "10.0.0.2"),
                peer: .init(
                    begin: {
                        for host in [left, right] {
                            try await network.ip("link", "set", host.interface, "master", "br0")
                        }
                        try await warmUp(left, "10.0.0.2")
                    },
                    end: {
                        for host in [left, right] {
                            try await network.ip("link", "set", host.interface, "nomaster")
                        }
                    }),
                bare: .bare(network, "left", "right"), rounds: options.rounds, seconds: options.seconds)
            try await contest.measure(
                "", in: &report, bars: .init(offloads: 1.12, noOffloads: 1.45, smallPackets: 1.5))
        }
        try report.finish()
    }
}

/// How long a contest takes.
struct ContestOptions: ParsableArguments {
    @Option(help: "Runs of each, alternating.")
    var rounds = 15

    @Option(help: "Seconds of each run of TCP.")
    var seconds = 2
}

/// Waits until a host reaches another: both know each other then, and the data plane knows both.
func warmUp(_ host: TestHost, _ address: String) async throws {
    try await wait(for: "\(address) to answer") { try await host.pings(address) }
}

extension Contest.Side {
    /// Modules of Hover's that are linked to interfaces as long as it is their turn.
    static func linked(
        _ client: HoverClient, _ links: [(interface: String, module: String, port: Int)], warmingUp host: TestHost,
        _ address: String
    ) -> Contest.Side {
        Contest.Side(
            begin: {
                for (interface, module, port) in links {
                    _ = try await client.createLink(
                        from: LinkEnd(node: "i:" + interface), to: LinkEnd(node: module, port: port))
                }
                try await warmUp(host, address)
            },
            end: {
                for link in try await client.links()
                where link.from.node.hasPrefix("i:") || link.to.node.hasPrefix("i:") {
                    try await client.deleteLink(link.id)
                }
            })
    }
}
