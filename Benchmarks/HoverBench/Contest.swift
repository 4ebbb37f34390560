// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import TestSupport
import TypedValue

/// Hover and the kernel at the same job, between the same two hosts, in turns.
struct Contest {
    /// One of the two.
    struct Side {
        /// Makes it the one that does the job.
        var begin: () async throws -> Void
        /// Leaves the way free for the other.
        var end: () async throws -> Void
    }

    /// What `ours/peer` is to be, at least.
    struct Bars {
        var offloads: Double
        var noOffloads: Double
        var smallPackets: Double
    }

    let network: Network
    /// Who sends.
    let client: TestHost
    /// Who receives, at an address.
    let server: TestHost
    let serverAddress: String
    /// 60 bytes of UDP, as they come from the client.
    var frame: [UInt8]
    let ours: Side
    let peer: Side
    /// What the way costs without any work on it, where that is told too.
    var bare: Side?
    let rounds: Int
    let seconds: Int

    /// Packets of a run: few enough that what disturbs the machine meets both alike.
    static let packets = 500_000

    /// Measures TCP with offloads and without, and small UDP packets.
    func measure(_ name: String, in report: inout Report, bars: Bars) async throws {
        let hosts = [client, server]
        try await server.servingIperf {
            for (offloads, bar) in [("on", bars.offloads), ("off", bars.noOffloads)] {
                try await network.setOffloads(offloads, of: hosts)
                let figures = try await alternate { try await client.throughput(to: serverAddress, seconds: seconds) }
                add("\(name)TCP, offloads \(offloads)", figures, unit: "Gbit/s", bar: bar, to: &report)
            }
        }
        try await network.setOffloads("on", of: hosts)
        try await dropSmallPackets {
            let program = try deliver(flows: 1, hosts: 1)
            let figures = try await alternate { try await packetRate(program) }
            add("\(name)64-byte UDP", figures, unit: "Mpps", bar: bars.smallPackets, to: &report)
        }
    }

    /// What each side reached in its turns.
    struct Figures {
        var ours: [Double] = []
        var peer: [Double] = []
        var bare: [Double] = []
    }

    /// Adds what the sides reached in the middle, and what the way costs without any work where that was measured.
    func add(_ name: String, _ figures: Figures, unit: String, bar: Double?, to report: inout Report) {
        report.add(
            name, ours: median(figures.ours), peer: median(figures.peer), unit: unit, better: .higher,
            bar: bar.map { .ratio($0) })
        if !figures.bare.isEmpty {
            report.add(
                "  bare redirect_peer instead", ours: median(figures.bare), peer: median(figures.peer), unit: unit,
                better: .higher)
        }
    }

    /// Which of them comes first alternates too.
    func alternate(_ figure: () async throws -> Double) async throws -> Figures {
        var figures = Figures()
        for round in 0..<rounds {
            let turns = [\Figures.ours, \.peer] + (bare == nil ? [] : [\.bare])
            for turn in round.isMultiple(of: 2) ? turns : turns.reversed() {
                let side = turn == \.ours ? ours : turn == \.peer ? peer : bare ?? peer
                try await side.begin()
                figures[keyPath: turn].append(try await figure())
                try await side.end()
            }
        }
        return figures
    }

    /// The program that delivers the frame, with other source ports and addresses.
    func deliver(flows: Int, hosts: Int) throws -> BPFProgram {
        let object = try BPFObject(bytes: DeliverObject.bytes, name: "deliver")
        try object.setConstants(["frame": frame, "flows": bytes(of: UInt32(flows)), "hosts": bytes(of: UInt32(hosts))])
        try object.load()
        guard let program = object.programs.first else {
            throw ObjectError(object: "deliver", reason: "it has no program")
        }
        return try program.program
    }

    /// Millions of packets a second that arrive, of those that come in at the client's end of the data plane.
    func packetRate(_ program: BPFProgram, packets: Int = Self.packets) async throws -> Double {
        let before = try await received()
        let interface = client.interface
        let frame = frame
        let taken = try await inNamespace(network.namespace) {
            let context = [0, UInt32(frame.count), 0, if_nametoindex(interface), 0, 0].flatMap { bytes(of: $0) }
            let start = ContinuousClock.now
            _ = try program.testRun(
                data: frame, repeat: packets, context: context, flags: BPFProgram.liveFrames, batchSize: 64)
            return (ContinuousClock.now - start).components
        }
        let arrived = try await received() - before
        return Double(arrived) / (Double(taken.seconds) * 1e6 + Double(taken.attoseconds) / 1e12)
    }

    private func received() async throws -> Int {
        try await inNamespace(server.namespace) { try receivedPackets()["eth0"] ?? 0 }
    }

    /// The server takes no notice of the packets, so that what is measured is their way to it.
    func dropSmallPackets(_ body: () async throws -> Void) async throws {
        try await server.run(
            "nft", "add table ip raw; add chain ip raw in { type filter hook prerouting priority -300 ; }")
        try await server.run("nft", "add rule ip raw in udp dport 9 drop")
        try await body()
        try await server.run("nft", "delete table ip raw")
    }
}

extension BPFObject {
    /// Gives `const volatile` globals their values, before the object is loaded.
    func setConstants(_ constants: [String: [UInt8]]) throws {
        guard let section = maps.first(where: { $0.isInternal && $0.name.hasSuffix(".rodata") }),
            var initial = section.initialValue, let types = try types
        else { throw ObjectError(object: "\(self)", reason: "it has no constants") }
        for (name, value) in constants {
            guard let variable = types.variable(named: name), variable.offset + value.count <= initial.count else {
                throw ObjectError(object: name, reason: "there is no such constant")
            }
            initial.replaceSubrange(variable.offset..<variable.offset + value.count, with: value)
        }
        try section.setInitialValue(initial)
    }
}

/// 60 bytes of UDP to the discard port, from one host's Ethernet and IPv4 address to another's.
func smallPacket(
    from source: (mac: MACAddress, address: IPAddress), to destination: (mac: MACAddress, address: IPAddress)
) -> [UInt8] {
    var ip: [UInt8] =
        [0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0] + source.address.bytes + destination.address.bytes
    let sum = stride(from: 0, to: ip.count, by: 2).reduce(0) { $0 + Int(ip[$1]) << 8 + Int(ip[$1 + 1]) }
    let check = ~UInt16(sum & 0xffff + sum >> 16)
    ip[10] = UInt8(check >> 8)
    ip[11] = UInt8(check & 0xff)
    // Without a checksum (RFC 768): it would have to follow the ports.
    let udp: [UInt8] = [0x10, 0, 0, 9, 0, 26, 0, 0] + [UInt8](repeating: 0, count: 18)
    return destination.mac.bytes + source.mac.bytes + [8, 0] + ip + udp
}
