// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A packet socket (packet(7)) on a host's `eth0`: sends frames as they are, and gets those that arrive, each with its
/// VLAN tag, if it has one, in its place.
final class FrameSocket: Sendable {
    private let descriptor: Int32

    static func open(on host: TestHost) async throws -> FrameSocket {
        try await inNamespace(host.namespace) { try FrameSocket() }
    }

    // linux/if_packet.h, linux/if_ether.h
    private static let packetFamily: Int32 = 17
    private static let packetLevel: Int32 = 263
    private static let auxiliaryData: Int32 = 8
    private static let ignoreOutgoing: Int32 = 23
    private static let allProtocols: UInt16 = 3
    private static let vlanIsValid: UInt32 = 0x10

    private init() throws {
        let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(Self.packetFamily, type, Int32(Self.allProtocols.bigEndian))
        var on: Int32 = 1
        // struct sockaddr_ll: family, protocol, interface, and 12 bytes that need not be set.
        var address = [UInt8](repeating: 0, count: 20)
        let index = if_nametoindex("eth0")
        address.replaceSubrange(0..<2, with: withUnsafeBytes(of: UInt16(Self.packetFamily), Array.init))
        address.replaceSubrange(2..<4, with: withUnsafeBytes(of: Self.allProtocols.bigEndian, Array.init))
        address.replaceSubrange(4..<8, with: withUnsafeBytes(of: index, Array.init))
        let bound = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, 20) }
        }
        guard descriptor >= 0, index != 0, bound == 0,
            setsockopt(descriptor, Self.packetLevel, Self.auxiliaryData, &on, 4) == 0,
            setsockopt(descriptor, Self.packetLevel, Self.ignoreOutgoing, &on, 4) == 0
        else { throw failure("packet socket") }
    }

    deinit { close(descriptor) }

    func send(_ frame: [UInt8]) throws {
        guard write(descriptor, frame, frame.count) == frame.count else { throw failure("send a frame") }
    }

    /// The frames of EtherType 0x88b5 that arrived since the last call, cut to their addresses, tag and EtherType.
    func arrived() -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while let frame = receive() {
            let length = frame.count > 17 && frame[12...13] == [0x81, 0x00] ? 18 : 14
            if frame.prefix(length).suffix(2) == [0x88, 0xb5] {
                frames.append(Array(frame.prefix(length)))
            }
        }
        return frames
    }

    /// The next frame that arrived, whatever it is; nil when there is none.
    func receive() -> [UInt8]? {
        var frame = [UInt8](repeating: 0, count: 2048)
        var control = [UInt8](repeating: 0, count: 64)
        let length = frame.withUnsafeMutableBytes { frame in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: frame.baseAddress, iov_len: frame.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return recvmsg(descriptor, &message, 0)
                }
            }
        }
        guard length >= 14 else { return nil }
        frame.removeSubrange(length...)
        // struct cmsghdr has 16 bytes; struct tpacket_auxdata begins with the status, and its tag is at 16, the control field first.
        let data = control.dropFirst(16)
        let status = data.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        if status & Self.vlanIsValid != 0 {
            frame.insert(contentsOf: [data[35], data[34], data[33], data[32]], at: 12)
        }
        return frame
    }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(command: [what], status: String(cString: strerror(errno)), output: "")
    }
}
