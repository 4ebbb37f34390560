// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import TestSupport

/// Who sends back what a host sends.
enum Answerer: String, CaseIterable {
    /// A module's slow path, by packet-out.
    case hover
    /// A thread that reads a packet socket and writes to it.
    case packetSocket = "AF_PACKET echo"
    /// The kernel, which answers a ping of the same length.
    case kernel = "ping"
}

/// A host in a namespace that sends frames of 64 bytes one at a time, each when the one before has come back.
struct RoundTrips {
    /// Of one run, in microseconds.
    struct Times {
        /// The median.
        let half: Double
        /// Of 99 in 100 at most this.
        let most: Double

        init(_ samples: [Double]) {
            let sorted = samples.sorted()
            half = median(sorted)
            most = sorted[(sorted.count - 1) * 99 / 100]
        }
    }

    private static let count = 2_000
    /// Before these, so that all are awake and in the caches.
    private static let warmUp = 200
    /// For local experiments (IEEE 802), which nobody else answers.
    private static let etherType: UInt16 = 0x88b5
    private static let interface = "punt"

    private let rig: PuntRig
    private let index: Int
    private let frames: FrameSocket
    private let pings: FrameSocket

    /// Runs `body` with a veth between this process's network namespace and a host's, which is removed afterwards.
    static func with(_ rig: PuntRig, _ body: (RoundTrips) async throws -> Void) async throws {
        try await Network.with { host in
            try await shell(
                "ip", "link", "add", interface, "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "eth0",
                "address", "02:00:00:00:00:02", "netns", host.namespace)
            try await shell("sysctl", "-qw", "net.ipv6.conf.\(interface).disable_ipv6=1")
            try await host.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
            try await shell("ip", "address", "add", "10.0.0.1/24", "dev", interface)
            try await shell("ip", "link", "set", interface, "up")
            try await host.ip("link", "set", "eth0", "up")
            // The host has no address, for it must answer nothing.
            try await shell("ip", "neighbor", "add", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", interface)
            let trips = RoundTrips(
                rig: rig, index: Int(if_nametoindex(interface)),
                frames: try await inNamespace(host.namespace) {
                    try FrameSocket(interface: "eth0", receiving: etherType)
                },
                pings: try await inNamespace(host.namespace) { try FrameSocket(interface: "eth0", receiving: 0x0800) })
            try await trips.attach()
            do {
                try await body(trips)
            } catch {
                try await rig.dataplane.detach(interface: trips.index)
                throw error
            }
            try await rig.dataplane.detach(interface: trips.index)
        }
    }

    private func attach() async throws {
        try await rig.dataplane.attach(interface: index, peer: nil)
        try await rig.dataplane.wire(.ingress(interface: index), to: .port(module: rig.module, number: 1))
        try await rig.dataplane.wire(.port(module: rig.module, number: 1), to: .exit(interface: index))
    }

    func run(_ answerer: Answerer) async throws -> Times {
        switch answerer {
        case .hover: try await throughSlowPath()
        case .packetSocket: try await throughPacketSocket()
        case .kernel: try await onThread { [pings] in try Self.measure(pings, Ping.request, Ping.isReply) }
        }
    }

    private func throughSlowPath() async throws -> Times {
        let slowPath = try await rig.dataplane.slowPath(ofModule: rig.module)
        let packets = try await slowPath.listen(limits: SlowPathLimits(rate: 1_000_000))
        let echo = Task {
            for await packet in packets {
                try await slowPath.send(PacketOut(Array(packet.bytes)), .outOf, port: packet.port)
            }
        }
        try await rig.dataplane.hook(interface: index, .ingress)
        let times: Result<Times, any Error>
        do {
            times = .success(try await onThread { [frames] in try Self.measure(frames, Self.frame, ==) })
        } catch {
            times = .failure(error)
        }
        try await rig.dataplane.unhook(interface: index, .ingress)
        packets.close()
        try await echo.value
        return try times.get()
    }

    private func throughPacketSocket() async throws -> Times {
        // Only now: a packet socket costs the packets of the others too.
        let near = try FrameSocket(interface: Self.interface, receiving: Self.etherType)
        async let echo: Void = onThread {
            var frame = [UInt8](repeating: 0, count: 64)
            for _ in 0..<Self.warmUp + Self.count {
                try near.receive(into: &frame)
                try near.send(frame)
            }
        }
        let times = try await onThread { [frames] in try Self.measure(frames, Self.frame, ==) }
        try await echo
        return times
    }

    private static func measure(
        _ socket: FrameSocket, _ frame: (UInt16) -> [UInt8], _ isAnswer: ([UInt8], [UInt8]) -> Bool
    ) throws -> Times {
        var answer = [UInt8](repeating: 0, count: 64)
        var samples: [Double] = []
        for number in 0..<warmUp + count {
            let sent = frame(UInt16(truncatingIfNeeded: number))
            let start = ContinuousClock.now
            try socket.send(sent)
            repeat {
                try socket.receive(into: &answer)
            } while !isAnswer(answer, sent)
            let taken = (ContinuousClock.now - start).components
            if number >= warmUp {
                samples.append(Double(taken.seconds) * 1e6 + Double(taken.attoseconds) / 1e12)
            }
        }
        return Times(samples)
    }

    private static func frame(_ number: UInt16) -> [UInt8] {
        broadcastFrame.dropLast(2) + bytes(of: number)
    }
}

/// ICMP echo (RFC 792) from 10.0.0.2 to 10.0.0.1, 64 bytes with its Ethernet header.
private enum Ping {
    static func request(_ number: UInt16) -> [UInt8] {
        // Version, header of 20 bytes, 50 in all, lifetime 64, ICMP.
        var header: [UInt8] = [0x45, 0, 0, 50, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]
        header.replaceSubrange(10..<12, with: checksum(header))
        // Echo request, identifier 1.
        var message: [UInt8] = [8, 0, 0, 0, 0, 1] + bytes(of: number) + [UInt8](repeating: 0, count: 22)
        message.replaceSubrange(2..<4, with: checksum(message))
        return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0] + header + message
    }

    /// Whether it is an echo reply of the same number.
    static func isReply(_ frame: [UInt8], _ request: [UInt8]) -> Bool {
        frame[23] == 1 && frame[34] == 0 && frame[38..<64] == request[38..<64]
    }

    /// RFC 1071.
    private static func checksum(_ words: [UInt8]) -> [UInt8] {
        var sum = stride(from: 0, to: words.count, by: 2).reduce(0) {
            $0 + (UInt32(words[$1]) << 8 | UInt32(words[$1 + 1]))
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + sum >> 16
        }
        return bytes(of: ~UInt16(sum).bigEndian)
    }
}

/// Runs `body` on a thread of its own, where it may block.
func onThread<Result: Sendable>(_ body: @Sendable @escaping () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result { try body() }) }.start()
    }
}
