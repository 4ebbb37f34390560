// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import TestSupport

/// Broadcast frames to all ports of one module, beside a Linux bridge with as many members.
struct FloodBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flood", abstract: "Broadcast frames a second to 2, 8, 32 ports, beside a Linux bridge.")

    @Option(help: "Runs of each, alternating.")
    var rounds = 9

    /// Each is sent to all ports but the one that it came by.
    private static let copies = 400_000

    func run() async throws {
        var report = Report(bench: "flood", ours: "hover", peer: "Linux bridge")
        for ports in [2, 8, 32] {
            let figures = try await measure(ports: ports)
            report.add(
                "\(ports) ports, packets flooded", ours: median(figures.ours), peer: median(figures.peer),
                unit: "k/s", better: .higher, bar: .ratio(1))
        }
        try report.finish()
    }

    private func measure(ports: Int) async throws -> (ours: [Double], peer: [Double]) {
        var ours: [Double] = []
        var peer: [Double] = []
        try await HoverDaemon.with { daemon in
            let hosts = try await addHosts(ports, to: daemon.network)
            let module = try await daemon.client.createModule(
                ModuleRequest(name: "hub", type: "bpf/forward", source: try source("flood.c"), ports: ports))
            for round in 0..<rounds {
                for isOurs in round.isMultiple(of: 2) ? [true, false] : [false, true] {
                    if isOurs {
                        for number in 1...ports {
                            _ = try await daemon.client.createLink(
                                from: LinkEnd(node: "i:p\(number)"), to: LinkEnd(node: module.id, port: number))
                        }
                        ours.append(try await flood(ports: ports, from: hosts))
                        for link in try await daemon.client.links() {
                            try await daemon.client.deleteLink(link.id)
                        }
                    } else {
                        try await bridge(ports, in: daemon.network)
                        peer.append(try await flood(ports: ports, from: hosts))
                        try await daemon.network.ip("link", "delete", "bridge")
                    }
                }
            }
        }
        return (ours, peer)
    }

    /// Interfaces p1, p2, … whose other ends e1, e2, … are all in one namespace, which is returned. Neither end has an
    /// address, so that they carry what the bench sends and nothing else.
    private func addHosts(_ ports: Int, to network: Network) async throws -> String {
        let hosts = network.namespace + "-hosts"
        try await shell("ip", "netns", "add", hosts)
        for namespace in [network.namespace, hosts] {
            try await shell(
                "nsenter", "--net=/run/netns/\(namespace)", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1",
                "net.ipv6.conf.all.disable_ipv6=1")
        }
        for number in 1...ports {
            try await network.ip(
                "link", "add", "p\(number)", "up", "type", "veth", "peer", "name", "e\(number)", "netns", hosts)
            try await shell("ip", "-n", hosts, "link", "set", "e\(number)", "up")
        }
        return hosts
    }

    /// A bridge that does nothing but forward.
    private func bridge(_ ports: Int, in network: Network) async throws {
        try await network.ip(
            "link", "add", "bridge", "up", "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        for number in 1...ports {
            try await network.ip("link", "set", "p\(number)", "master", "bridge")
        }
        try await wait(for: "the bridge's ports to forward") {
            try await network.ip("-d", "-o", "link", "show", "master", "bridge")
                .split(separator: "\n").filter { $0.contains("state forwarding") }.count == ports
        }
    }

    /// Thousands of packets a second, from the first sent to the last copy received.
    private func flood(ports: Int, from hosts: String) async throws -> Double {
        try await inNamespace(hosts) {
            let sender = try FrameSocket(interface: "e1")
            let packets = Self.copies / ports
            try sender.send(broadcastFrame, count: 1_000)
            usleep(20_000)
            let before = try receivedPackets()
            let start = ContinuousClock.now
            try sender.send(broadcastFrame, count: packets)
            let sent = ContinuousClock.now
            var missing: [Int: Int] = [:]
            repeat {
                let now = try receivedPackets()
                missing = [:]
                for number in 2...ports {
                    let received = (now["e\(number)"] ?? 0) - (before["e\(number)"] ?? 0)
                    if received < packets { missing[number] = packets - received }
                }
            } while !missing.isEmpty && ContinuousClock.now < sent + .seconds(2)
            let taken = (ContinuousClock.now - start).components
            guard missing.isEmpty else {
                throw CommandFailure(
                    command: ["flood \(ports) ports"], status: "copies did not arrive, by port: \(missing)", output: "")
            }
            return Double(packets) / (Double(taken.seconds) * 1e3 + Double(taken.attoseconds) / 1e15)
        }
    }
}
