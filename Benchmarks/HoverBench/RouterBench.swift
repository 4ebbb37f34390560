// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import ModuleKit
import TestSupport
import TypedValue

/// The router between two namespaces, beside the kernel's own forwarding on the same interfaces.
struct RouterBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "router", abstract: "TCP and 64-byte packets through the router, beside the kernel's ip_forward.")

    @Option(help: "Runs of each, alternating.")
    var rounds = 5

    @Option(help: "Seconds of each run.")
    var seconds = 3

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
                interfaces.append([
                    "name": .string(host.interface), "addresses": [.string(address + "/24")],
                    "mac": .string(try await mac(of: host.interface, in: network)),
                ])
            }
            let module = try await daemon.client.createModule(
                ModuleRequest(name: "router", type: "router", config: ["interfaces": .array(interfaces)]))
            try await withServer(on: right) {
                for offloads in ["on", "off"] {
                    try await set(offloads, hosts: [left, right], network)
                    let figures = try await compare(daemon, module.id) { try await throughput(from: left) }
                    report.add(
                        "1 TCP stream, offloads \(offloads)", ours: median(figures.ours), peer: median(figures.peer),
                        unit: "Gbit/s", better: .higher, bar: .ratio(offloads == "on" ? 1.1 : 1.3))
                }
            }
            try await set("on", hosts: [left, right], network)
            let frame = try packet(to: try await mac(of: "left", in: network))
            let figures = try await compare(daemon, module.id) { try await rate(of: frame, from: left, to: right) }
            report.add(
                "64-byte UDP", ours: median(figures.ours), peer: median(figures.peer), unit: "Mpps", better: .higher,
                bar: .ratio(1.3))
        }
        try report.finish()
    }

    private func compare(
        _ daemon: HoverDaemon, _ module: String, _ measure: () async throws -> Double
    ) async throws -> (ours: [Double], peer: [Double]) {
        var ours: [Double] = []
        var peer: [Double] = []
        for round in 0..<rounds {
            // Which of the two comes first alternates too.
            for isOurs in round.isMultiple(of: 2) ? [true, false] : [false, true] {
                guard isOurs else {
                    peer.append(try await measure())
                    continue
                }
                for interface in ["left", "right"] {
                    _ = try await daemon.client.createLink(
                        from: LinkEnd(node: "i:" + interface), to: LinkEnd(node: module))
                }
                ours.append(try await measure())
                for link in try await daemon.client.links() {
                    try await daemon.client.deleteLink(link.id)
                }
            }
        }
        return (ours, peer)
    }

    private func set(_ offloads: String, hosts: [TestHost], _ network: Network) async throws {
        for host in hosts {
            try await host.run("ethtool", "-K", "eth0", "tso", offloads, "gso", offloads, "gro", offloads)
            try await network.run(
                "ethtool", "-K", host.interface, "tso", offloads, "gso", offloads, "gro", offloads)
        }
    }

    private func mac(of interface: String, in network: Network) async throws -> String {
        let shown = try await network.ip("-o", "link", "show", "dev", interface)
        let words = shown.split(separator: " ").map(String.init)
        guard let at = words.firstIndex(of: "link/ether"), at + 1 < words.count else {
            throw CommandFailure(command: ["ip", "link", "show", interface], status: "no address", output: shown)
        }
        return words[at + 1]
    }

    private func throughput(from host: TestHost) async throws -> Double {
        guard try await host.pings("10.0.2.2", count: 2, wait: "5") else {
            throw CommandFailure(command: ["ping"], status: "no answer", output: "")
        }
        let printed = try await host.run("iperf3", "-J", "-c", "10.0.2.2", "-t", "\(seconds)", "-O", "0.5")
        let answer = try JSONDecoder().decode(IperfReport.self, from: Data(printed.utf8))
        return answer.end.sum_received.bits_per_second / 1e9
    }

    /// 64 bytes of UDP to a port where nobody is.
    private func packet(to mac: String) throws -> [UInt8] {
        guard let mac = MACAddress(mac), let own = MACAddress("02:00:00:00:00:01"), let source = IPAddress("10.0.1.2"),
            let destination = IPAddress("10.0.2.2")
        else { throw CommandFailure(command: ["make a packet"], status: "no address", output: "") }
        let datagram = UDPDatagram(sourcePort: 4000, destinationPort: 9, payload: [UInt8](repeating: 0, count: 22))
        let packet = IPv4Packet(
            protocol: IPProtocol.udp, source: source, destination: destination,
            payload: datagram.bytes(source: source, destination: destination))
        return EthernetFrame(destination: mac, source: own, etherType: EtherType.ipv4, payload: packet.bytes).bytes
    }

    /// Millions of packets a second that arrive, while one sender sends as fast as it can.
    private func rate(of frame: [UInt8], from: TestHost, to: TestHost) async throws -> Double {
        guard try await from.pings("10.0.2.2", count: 2, wait: "5") else {
            throw CommandFailure(command: ["ping"], status: "no answer", output: "")
        }
        let socket = try await inNamespace(from.namespace) { try FrameSocket(interface: "eth0") }
        let before = try await inNamespace(to.namespace) { try receivedPackets()["eth0"] ?? 0 }
        let end = ContinuousClock.now + .seconds(seconds)
        let taken = try await inNamespace(from.namespace) {
            let start = ContinuousClock.now
            while ContinuousClock.now < end { try socket.send(frame, count: 1000) }
            return (ContinuousClock.now - start) / .microseconds(1)
        }
        let after = try await inNamespace(to.namespace) { try receivedPackets()["eth0"] ?? 0 }
        return Double(after - before) / taken
    }

    private func withServer(on host: TestHost, _ body: () async throws -> Void) async throws {
        let pidFile = "/tmp/\(host.namespace)-iperf3.pid"
        try await host.run("iperf3", "-s", "-D", "-I", pidFile)
        defer {
            // iperf3 ends the file with a zero byte.
            let text = (try? String(contentsOfFile: pidFile, encoding: .utf8)) ?? ""
            if let process = Int32(text.prefix { $0.isNumber }) {
                kill(process, SIGTERM)
            }
            try? FileManager.default.removeItem(atPath: pidFile)
        }
        try await wait(for: "iperf3") { FileManager.default.fileExists(atPath: pidFile) }
        try await body()
    }
}

/// What the bench reads of iperf3's JSON.
private struct IperfReport: Decodable {
    struct End: Decodable {
        struct Sum: Decodable {
            let bits_per_second: Double
        }
        let sum_received: Sum
    }
    let end: End
}
