// SPDX-License-Identifier: Apache-2.0

/// One end of a connection: an address of 4 or 16 bytes, and a port.
struct FlowEnd: Sendable, Hashable {
    var address: [UInt8]
    var port: UInt16

    /// 10.0.`net`.`host`, or 2001:db8:`net`::`host`.
    init(_ family: FlowFamily, net: UInt8 = 0, host: UInt8, port: UInt16) {
        switch family {
        case .ipv4: address = [10, 0, net, host]
        case .ipv6: address = [0x20, 0x01, 0x0d, 0xb8, 0, net] + [UInt8](repeating: 0, count: 9) + [host]
        }
        self.port = port
    }

    func with(port: UInt16) -> FlowEnd {
        var end = self
        end.port = port
        return end
    }
}

enum FlowFamily: CaseIterable, Sendable {
    case ipv4, ipv6
}

/// Frames for the tests. Checksums are 0: the helpers do not look at them.
enum FlowPacket {
    /// - Parameter flags: letters of F, S, R, P, A, U.
    static func tcp(
        _ from: FlowEnd, _ to: FlowEnd, _ flags: String, sequence: UInt32, acknowledged: UInt32 = 0,
        window: UInt16 = 1000, scale: UInt8? = nil, payload: Int = 0
    ) -> [UInt8] {
        let bits = flags.reduce(UInt8(0)) { bits, letter in
            bits | ["F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32][letter, default: 0]
        }
        // Maximum segment size, then perhaps a window scale, in 4 bytes each.
        let options = flags.contains("S") ? [2, 4, 5, 0xb4] + (scale.map { [1, 3, 3, $0] } ?? []) : []
        return ip(
            from, to, protocol: 6,
            from.port.network + to.port.network + sequence.network + acknowledged.network
                + [UInt8(20 + options.count) << 2, bits] + window.network + [0, 0, 0, 0] + options
                + [UInt8](repeating: 0xda, count: payload))
    }

    static func udp(_ from: FlowEnd, _ to: FlowEnd, payload: Int = 18) -> [UInt8] {
        ip(
            from, to, protocol: 17,
            from.port.network + to.port.network + UInt16(8 + payload).network + [0, 0]
                + [UInt8](repeating: 0xda, count: payload))
    }

    static func echo(_ from: FlowEnd, _ to: FlowEnd, id: UInt16, isReply: Bool = false) -> [UInt8] {
        let isIPv4 = from.address.count == 4
        let type: UInt8 = isIPv4 ? (isReply ? 0 : 8) : (isReply ? 129 : 128)
        return icmp(from, to, type: type, rest: id.network + [0, 1])
    }

    static func icmp(_ from: FlowEnd, _ to: FlowEnd, type: UInt8, code: UInt8 = 0, rest: [UInt8]) -> [UInt8] {
        ip(
            from, to, protocol: from.address.count == 4 ? 1 : 58,
            [type, code, 0, 0] + rest + [UInt8](repeating: 0xda, count: 16))
    }

    /// "Port unreachable" about a packet, of which the IP header and 8 bytes more are quoted.
    static func error(_ from: FlowEnd, _ to: FlowEnd, about packet: [UInt8]) -> [UInt8] {
        let isIPv4 = from.address.count == 4
        return ip(
            from, to, protocol: isIPv4 ? 1 : 58,
            (isIPv4 ? [3, 3] : [1, 4]) + [0, 0, 0, 0, 0, 0] + packet[14..<14 + (isIPv4 ? 20 : 40) + 8])
    }

    /// Part of an IPv4 datagram: `offset` in units of 8 bytes.
    static func fragment(_ from: FlowEnd, _ to: FlowEnd, offset: UInt16, more: Bool, _ content: [UInt8]) -> [UInt8] {
        ethernet(0x0800)
            + ([0x45, 0] + UInt16(20 + content.count).network + [0, 1] + (offset | (more ? 0x2000 : 0)).network
                + [64, 17, 0, 0] + from.address + to.address + content)
    }

    static func ip(_ from: FlowEnd, _ to: FlowEnd, protocol number: UInt8, _ content: [UInt8]) -> [UInt8] {
        if from.address.count == 4 {
            return ethernet(0x0800) + [0x45, 0] + UInt16(20 + content.count).network + [0, 1, 0, 0]
                + [64, number, 0, 0] + from.address + to.address + content
        }
        return ethernet(0x86dd) + [0x60, 0, 0, 0] + UInt16(content.count).network + [number, 64] + from.address
            + to.address + content
    }

    private static func ethernet(_ type: UInt16) -> [UInt8] {
        [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + type.network
    }
}

extension FixedWidthInteger {
    /// In network order.
    var network: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
