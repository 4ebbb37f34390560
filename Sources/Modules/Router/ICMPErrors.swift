// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a packet's sender is told of its end; `enum reason`, tables.h.
enum PacketError: UInt32, Sendable {
    case timeExceeded = 16
    case noRoute, hostUnreachable, prohibited, portUnreachable, protocolUnreachable, tooBig
}

/// ICMP errors (RFC 792 and 1812; RFC 4443).
enum ICMPErrors {
    /// The router's addresses, of which an error comes.
    struct Sources: Sendable {
        /// Of the port that the packet came by, first the ones to prefer.
        var addresses: [IPAddress]
        /// For a port without an address of a family.
        var others: [IPAddress]
        var linkLocal: IPAddress
    }

    /// The packet that tells of another one's end: what an Ethernet frame is to carry, from IP on. Nil where nobody is to
    /// be told.
    ///
    /// - Parameters:
    ///   - frame: the one that ended; it may be cut off.
    ///   - mtu: for `tooBig`.
    static func packet(about frame: EthernetFrame, _ error: PacketError, mtu: Int, from sources: Sources) -> [UInt8]? {
        guard !frame.destination.isMulticast, !frame.source.isMulticast else { return nil }
        switch frame.etherType {
        case EtherType.ipv4: return ipv4(about: frame.payload, error, mtu: mtu, from: sources)
        case EtherType.ipv6: return ipv6(about: frame.payload, error, mtu: mtu, from: sources)
        default: return nil
        }
    }

    private static func ipv4(about bytes: [UInt8], _ error: PacketError, mtu: Int, from sources: Sources) -> [UInt8]? {
        guard let packet = IPv4Packet(quoted: bytes), isHost(packet.source), isHost(packet.destination),
            packet.fragmentOffset == 0, !(packet.protocolNumber == IPProtocol.icmp && isError4(packet.payload.first)),
            let source = source(for: packet.source, of: sources), source != packet.source
        else { return nil }
        let (type, code): (UInt8, UInt8) =
            switch error {
            case .timeExceeded: (11, 0)
            case .noRoute: (3, 0)
            case .hostUnreachable: (3, 1)
            case .protocolUnreachable: (3, 2)
            case .portUnreachable: (3, 3)
            case .tooBig: (3, 4)
            case .prohibited: (3, 13)
            }
        // 576 bytes in all (RFC 1812, section 4.3.2.3). What is behind the datagram is padding.
        let length = Int(bytes[2]) << 8 | Int(bytes[3])
        let message = ICMPMessage(
            type: type, code: code, word: error == .tooBig ? UInt32(mtu & 0xffff) : 0,
            body: Array(bytes.prefix(min(length == 0 ? 548 : length, 548))))
        var answer = IPv4Packet(
            protocol: IPProtocol.icmp, source: source, destination: packet.source, payload: message.bytes)
        // Internetwork control (RFC 1812, section 4.3.2.5).
        answer.typeOfService = 0xc0
        return answer.bytes
    }

    private static func ipv6(about bytes: [UInt8], _ error: PacketError, mtu: Int, from sources: Sources) -> [UInt8]? {
        guard let packet = IPv6Packet(quoted: bytes), isHost(packet.source), isHost(packet.destination),
            let upper = upperLayer(of: packet), !(upper.number == IPProtocol.icmpv6 && isError6(upper.first)),
            let source = source(for: packet.source, of: sources), source != packet.source
        else { return nil }
        let (type, code, word): (UInt8, UInt8, UInt32) =
            switch error {
            case .timeExceeded: (3, 0, 0)
            case .noRoute: (1, 0, 0)
            case .prohibited: (1, 1, 0)
            case .hostUnreachable: (1, 3, 0)
            case .portUnreachable: (1, 4, 0)
            // Parameter problem: a next header that is not known, and where it is named.
            case .protocolUnreachable: (4, 1, UInt32(upper.place))
            case .tooBig: (2, 0, UInt32(mtu))
            }
        // 1,280 bytes in all (RFC 4443, section 2.4).
        let length = Int(bytes[4]) << 8 | Int(bytes[5])
        let body = bytes.prefix(min(length == 0 ? 1232 : length + 40, 1232))
        let message = ICMPMessage(type: type, code: code, word: word, body: Array(body))
        return IPv6Packet(
            nextHeader: IPProtocol.icmpv6, source: source, destination: packet.source,
            payload: message.bytes(source: source, destination: packet.source)
        ).bytes
    }

    private static func isHost(_ address: IPAddress) -> Bool {
        !address.isUnspecified && !address.isMulticast && !address.isLoopback
            && !(address.isIPv4 && (address.bytes[0] == 0 || address.bytes[0] >= 224))
    }

    /// About an error there is no other one (RFC 1812, section 4.3.2.7). Nor about what has no type.
    private static func isError4(_ type: UInt8?) -> Bool {
        guard let type else { return true }
        return ![0, 8, 9, 10, 13, 14, 15, 16, 17, 18].contains(type)
    }

    private static func isError6(_ type: UInt8?) -> Bool { (type ?? 0) < 128 || type == 137 }

    /// What is behind the extension headers, and where it is named; nil for a fragment that is not the first one, and for
    /// what is cut off in between.
    private static func upperLayer(of packet: IPv6Packet) -> (number: UInt8, first: UInt8?, place: Int)? {
        var number = packet.nextHeader
        var place = 6
        var rest = packet.payload[...]
        for _ in 0..<16 {
            guard [0, 43, 44, 60].contains(number) else { return (number, rest.first, place) }
            guard rest.count >= 8 else { return nil }
            let header = Array(rest.prefix(8))
            let size = number == 44 ? 8 : (Int(header[1]) + 1) * 8
            if number == 44, header[2] != 0 || header[3] & 0xf8 != 0 { return nil }
            place = 40 + packet.payload.count - rest.count
            number = header[0]
            rest = rest.dropFirst(size)
        }
        return nil
    }

    private static func source(for destination: IPAddress, of sources: Sources) -> IPAddress? {
        if destination.isLinkLocal, !destination.isIPv4 { return sources.linkLocal }
        return (sources.addresses + sources.others).first { $0.isIPv4 == destination.isIPv4 }
            ?? (destination.isIPv4 ? nil : sources.linkLocal)
    }
}
