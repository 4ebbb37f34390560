// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Numbered UDP packets of many flows from one host to another, counted where they arrive.
public final class UDPTraffic: Sendable {
    /// What came of the packets.
    public struct Count: Sendable, Hashable, CustomStringConvertible {
        public var sent = 0
        public var received = 0
        /// Packets that arrived after a later one of their flow.
        public var reordered = 0
        /// Those that the kernel dropped in front of the receiving socket, or of a CPU's queue: the machine was too slow.
        public var droppedElsewhere = 0

        /// From the first packet to the last one.
        public var seconds = 0.0

        public var lost: Int { sent - received }

        public var description: String {
            """
            \(sent) packets in \(Int(seconds)) s (\(Int(Double(sent) / max(seconds, 0.001))) a second), \(lost) lost \
            (\(droppedElsewhere) where the machine was too slow), \(reordered) reordered
            """
        }
    }

    private let flows: Int
    private let rate: Int
    private let isStopped = Atomic<Bool>(false)

    /// - Parameters:
    ///   - flows: how many; they differ in the source port, from 20000.
    ///   - rate: packets a second, of all flows.
    public init(flows: Int, rate: Int) {
        self.flows = flows
        self.rate = rate
    }

    /// Sends while `body` runs, and counts.
    public func during(
        from sender: TestHost, to receiver: TestHost, at address: String, _ body: () async throws -> Void
    ) async throws -> Count {
        let before = try Self.softnetDrops()
        let socket = try await inNamespace(receiver.namespace) { try UDPSocket(port: 9999, buffer: 64 << 20) }
        async let received = inNamespace(receiver.namespace) { try self.receive(socket) }
        let begin = ContinuousClock.now
        async let sent = inNamespace(sender.namespace) { try self.send(to: address) }
        do {
            try await body()
        } catch {
            isStopped.store(true, ordering: .releasing)
            _ = try? await (sent, received)
            throw error
        }
        isStopped.store(true, ordering: .releasing)
        let end = ContinuousClock.now
        var count = try await received
        count.sent = try await sent
        count.seconds = (end - begin) / .seconds(1)
        count.droppedElsewhere += try Self.softnetDrops() - before
        return count
    }

    private func send(to address: String) throws -> Int {
        let sockets = try (0..<flows).map { try UDPSocket(port: UInt16(20_000 + $0)) }
        let destination = UDPSocket.address(address, port: 9999)
        var sent = 0
        let begin = ContinuousClock.now
        while !isStopped.load(ordering: .acquiring) {
            let due = min(Int((ContinuousClock.now - begin) / .nanoseconds(1_000_000_000 / rate)), sent + rate / 100)
            while sent < due {
                try sockets[sent % flows].send(UInt64(sent), to: destination)
                sent += 1
            }
            usleep(1000)
        }
        return sent
    }

    /// Until nothing has come for a while after the sender stopped.
    private func receive(_ socket: UDPSocket) throws -> Count {
        var count = Count()
        var last = [UInt64](repeating: 0, count: flows)
        while true {
            guard let (number, port) = socket.receive() else {
                if isStopped.load(ordering: .acquiring) { break }
                continue
            }
            count.received += 1
            let flow = Int(port) - 20_000
            guard last.indices.contains(flow) else { continue }
            if number < last[flow] {
                count.reordered += 1
            }
            last[flow] = max(last[flow], number)
        }
        count.droppedElsewhere = try socket.drops()
        return count
    }

    /// Of all CPUs' queues (/proc/net/softnet_stat, second column).
    private static func softnetDrops() throws -> Int {
        try String(contentsOfFile: "/proc/net/softnet_stat", encoding: .utf8).split(separator: "\n").reduce(0) {
            $0 + (Int($1.split(separator: " ")[1], radix: 16) ?? 0)
        }
    }
}

/// A UDP socket of the calling thread's network namespace.
private final class UDPSocket: Sendable {
    private let descriptor: Int32

    init(port: UInt16, buffer: Int32 = 0) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else {
            throw CommandFailure(command: ["socket"], status: String(cString: strerror(errno)), output: "")
        }
        var size = buffer
        if buffer > 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 0, tv_usec: 300_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bound = Self.with(Self.address("0.0.0.0", port: port)) { bind(descriptor, $0, $1) }
        guard bound == 0 else {
            throw CommandFailure(command: ["bind UDP \(port)"], status: String(cString: strerror(errno)), output: "")
        }
    }

    deinit { close(descriptor) }

    static func address(_ text: String, port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return address
    }

    private static func with<Result>(
        _ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func send(_ number: UInt64, to address: sockaddr_in) throws {
        var number = number
        let sent = Self.with(address) { sendto(descriptor, &number, 8, 0, $0, $1) }
        guard sent == 8 else {
            throw CommandFailure(command: ["send UDP"], status: String(cString: strerror(errno)), output: "")
        }
    }

    /// The next packet's number and source port; nil when none comes for a while.
    func receive() -> (UInt64, UInt16)? {
        var number: UInt64 = 0
        var from = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let received = withUnsafeMutablePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(descriptor, &number, 8, 0, $0, &size) }
        }
        return received == 8 ? (number, UInt16(bigEndian: from.sin_port)) : nil
    }

    /// What did not fit into its buffer (SK_MEMINFO_DROPS, linux/sock_diag.h).
    func drops() throws -> Int {
        var information = [UInt32](repeating: 0, count: 9)
        var size = socklen_t(36)
        getsockopt(descriptor, SOL_SOCKET, 55, &information, &size)
        return Int(information[8])
    }
}
