// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TestSupport

/// TCP through one trivial module between two namespaces, beside a program that only redirects.
struct WireBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wire", abstract: "Gbit/s of one TCP stream through one module, beside bare bpf_redirect_peer.")

    @Option(help: "Runs of each, alternating.")
    var rounds = 7

    @Option(help: "Seconds of each run.")
    var seconds = 3

    func run() async throws {
        var report = Report(bench: "wire", ours: "hover", peer: "bare redirect_peer")
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let module = try await daemon.client.createModule(
                ModuleRequest(name: "forward", type: "bpf/forward", source: try source("forward.c"), ports: 2))
            try await right.servingIperf {
                for offloads in ["on", "off"] {
                    try await daemon.network.setOffloads(offloads, of: [left, right])
                    let figures = try await compare(daemon, module.id, from: left)
                    report.add(
                        "1 TCP stream, offloads \(offloads)", ours: median(figures.ours), peer: median(figures.peer),
                        unit: "Gbit/s", better: .higher, bar: .ratio(0.97))
                }
            }
        }
        try report.finish()
    }

    private func compare(
        _ daemon: HoverDaemon, _ module: String, from left: TestHost
    ) async throws -> (ours: [Double], peer: [Double]) {
        var ours: [Double] = []
        var peer: [Double] = []
        for round in 0..<rounds {
            // Which of the two comes first alternates too.
            for isOurs in round.isMultiple(of: 2) ? [true, false] : [false, true] {
                if isOurs {
                    _ = try await daemon.client.createLink(
                        from: LinkEnd(node: "i:left"), to: LinkEnd(node: module, port: 1))
                    _ = try await daemon.client.createLink(
                        from: LinkEnd(node: module, port: 2), to: LinkEnd(node: "i:right"))
                    ours.append(try await left.throughput(to: "10.0.0.2", seconds: seconds))
                    for link in try await daemon.client.links() {
                        try await daemon.client.deleteLink(link.id)
                    }
                } else {
                    let bare = Contest.Side.bare(daemon.network, "left", "right")
                    try await bare.begin()
                    peer.append(try await left.throughput(to: "10.0.0.2", seconds: seconds))
                    try await bare.end()
                }
            }
        }
        return (ours, peer)
    }
}
