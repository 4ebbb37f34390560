// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// 64 bytes to all, of the EtherType for local experiments (IEEE 802), which no receiver does anything with.
let broadcastFrame =
    [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 1, 0x88, 0xb5] + [UInt8](repeating: 0, count: 50)

/// Packets that each interface in the calling thread's network namespace has received.
func receivedPackets() throws -> [String: Int] {
    let text = try contents(of: "/proc/thread-self/net/dev")
    var received: [String: Int] = [:]
    for line in text.split(separator: "\n").dropFirst(2) {
        let fields = line.split { $0 == " " || $0 == ":" }
        if fields.count > 2, let packets = Int(fields[2]) {
            received[String(fields[0])] = packets
        }
    }
    return received
}

/// The whole of a file in /proc: Foundation believes its size, which is 0, and stops after a page.
private func contents(of path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &part, part.count)
        guard count >= 0 else {
            throw CommandFailure(command: ["read", path], status: String(cString: strerror(errno)), output: "")
        }
        if count == 0 { return String(decoding: text, as: UTF8.self) }
        text += part[..<count]
    }
}

/// A packet socket on one interface.
final class FrameSocket: Sendable {
    private let descriptor: Int32

    /// The socket stays in the calling thread's network namespace.
    ///
    /// - Parameter etherType: of the frames that it receives; 0 for none.
    init(interface: String, receiving etherType: UInt16 = 0) throws {
        descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
        // struct sockaddr_ll (linux/if_packet.h), which Glibc's module leaves out: the family, the protocol to receive,
        // the interface's index, and what bind() does not read.
        let address =
            bytes(of: UInt16(AF_PACKET)) + bytes(of: etherType.bigEndian) + bytes(of: if_nametoindex(interface))
            + [UInt8](repeating: 0, count: 12)
        let bound = address.withUnsafeBytes { raw in
            bind(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
        // Nothing that a bench waits for takes longer.
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard descriptor >= 0, bound == 0 else { throw Self.failure("open a packet socket on \(interface)") }
    }

    deinit { close(descriptor) }

    /// Sends a frame `count` times.
    func send(_ frame: [UInt8], count: Int = 1) throws {
        for _ in 0..<count {
            guard Glibc.send(descriptor, frame, frame.count, 0) == frame.count else {
                throw Self.failure("send a frame")
            }
        }
    }

    /// Waits for a frame and puts it into `frame`, as much of it as there is room for.
    func receive(into frame: inout [UInt8]) throws {
        guard recv(descriptor, &frame, frame.count, 0) >= 0 else { throw Self.failure("receive a frame") }
    }

    private static func failure(_ what: String) -> CommandFailure {
        CommandFailure(command: [what], status: String(cString: strerror(errno)), output: "")
    }
}

/// A number as the processor holds it.
func bytes(of number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number) { Array($0) }
}
