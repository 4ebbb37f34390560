// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BPF
import Foundation
import HoverAPI
import TestSupport

/// Packets through modules at xdp, beside a program that only redirects.
struct XDPBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xdp", abstract: "64-byte packets a second through 1 and 4 modules at xdp, beside bare redirect.")

    @Option(help: "Runs of each, alternating, on each loading.")
    var rounds = 20

    @Option(help: "How often everything is loaded anew: where the kernel places programs makes a difference.")
    var loadings = 5

    /// Few enough that what disturbs the machine meets both programs alike.
    private static let packets = 300_000

    func run() async throws {
        var report = Report(bench: "xdp", ours: "hover", peer: "bare bpf_redirect")
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            try await network.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
            try await network.addHost("left")
            let right = try await network.addHost("right")
            try await right.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            // Without it the interface has no NAPI, and takes no frames of xdp programs. Hover sees to it by itself.
            try await right.run("ethtool", "-K", "eth0", "gro", "on")
            for modules in [1, 4] {
                var figures: (ours: [Double], peer: [Double]) = ([], [])
                for _ in 0..<loadings {
                    let more = try await compare(daemon, modules: modules, to: right)
                    figures.ours += more.ours
                    figures.peer += more.peer
                }
                report.add(
                    "\(modules) \(modules == 1 ? "module" : "modules")", ours: median(figures.ours),
                    peer: median(figures.peer), unit: "Mpps", better: .higher, bar: .ratio(0.95))
            }
        }
        try report.finish()
    }

    /// Both on the same interfaces, where the chain is hooked all the time: the kernel runs programs without their hook.
    private func compare(
        _ daemon: HoverDaemon, modules: Int, to right: TestHost
    ) async throws -> (ours: [Double], peer: [Double]) {
        let client = daemon.client
        for number in 1...modules {
            _ = try await client.createModule(
                ModuleRequest(name: "m\(number)", type: "bpf/forward", source: try source("forward.c"), ports: 2))
        }
        for number in 1..<modules {
            _ = try await client.createLink(
                from: LinkEnd(node: "m\(number)", port: 2), to: LinkEnd(node: "m\(number + 1)", port: 1))
        }
        _ = try await client.createLink(
            from: LinkEnd(node: "i:left"), to: LinkEnd(node: "m1", port: 1), hook: "xdp-native")
        _ = try await client.createLink(
            from: LinkEnd(node: "m\(modules)", port: 2), to: LinkEnd(node: "i:right"), hook: "xdp-native")
        let indices = try await inNamespace(daemon.network.namespace) {
            (if_nametoindex("left"), if_nametoindex("right"))
        }
        let chain = try BPFProgram(pinned: "\(daemon.pinFolder)/interfaces/\(indices.0)/xdp/ingress")
        let bare = try loadBare(RedirectObject.bytes, name: "redirect", redirectingTo: indices.1)
        var ours: [Double] = []
        var peer: [Double] = []
        for round in 0..<rounds {
            for isOurs in round.isMultiple(of: 2) ? [true, false] : [false, true] {
                let rate = try await rate(isOurs ? chain : bare, in: daemon.network, from: indices.0, to: right)
                if isOurs { ours.append(rate) } else { peer.append(rate) }
            }
        }
        for link in try await client.links() {
            try await client.deleteLink(link.id)
        }
        for number in 1...modules {
            try await client.deleteModule("m\(number)")
        }
        return (ours, peer)
    }

    /// Millions of packets a second, all of which arrive. When the kernel leaves receiving to its thread (ksoftirqd),
    /// the interface's ring overflows: a run that lost packets does not count, of either.
    private func rate(
        _ program: BPFProgram, in network: Network, from interface: UInt32, to host: TestHost
    ) async throws -> Double {
        let context = context(interface: interface, length: broadcastFrame.count)
        for _ in 0..<10 {
            let before = try await received(by: host)
            let taken = try await inNamespace(network.namespace) {
                let start = ContinuousClock.now
                _ = try program.testRun(
                    data: broadcastFrame, repeat: Self.packets, context: context, flags: BPFProgram.liveFrames,
                    batchSize: 64)
                return (ContinuousClock.now - start).components
            }
            if try await received(by: host) - before >= Self.packets {
                return Double(Self.packets) / (Double(taken.seconds) * 1e6 + Double(taken.attoseconds) / 1e12)
            }
        }
        throw CommandFailure(command: ["xdp bench"], status: "packets are lost in each of 10 runs", output: "")
    }

    private func received(by host: TestHost) async throws -> Int {
        try await inNamespace(host.namespace) { try receivedPackets()["eth0"] ?? 0 }
    }

    /// A `struct xdp_md` (linux/bpf.h): data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    private func context(interface: UInt32, length: Int) -> [UInt8] {
        [0, UInt32(length), 0, interface, 0, 0].flatMap { bytes(of: $0) }
    }
}
