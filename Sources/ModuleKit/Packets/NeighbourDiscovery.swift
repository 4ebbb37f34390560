// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// Options of Neighbour Discovery messages (RFC 4861, section 4.6): a type, and what is behind its length.
public enum DiscoveryOption {
    public static let sourceAddress: UInt8 = 1
    public static let targetAddress: UInt8 = 2
    public static let prefix: UInt8 = 3
    public static let mtu: UInt8 = 5
    /// RFC 8106.
    public static let nameServers: UInt8 = 25
    /// RFC 8106.
    public static let searchList: UInt8 = 31

    /// The bytes of an option, filled up to a multiple of eight.
    public static func bytes(_ type: UInt8, _ content: [UInt8]) -> [UInt8] {
        let size = (content.count + 2 + 7) / 8
        return StructureBytes().u8(type).u8(size).bytes(content).padded(to: 8).bytes
    }

    /// The options that fill some bytes; nil if one has no length or goes beyond the end: such a message is void
    /// (RFC 4861, section 4.6).
    public static func split(_ bytes: some Collection<UInt8>) -> [(type: UInt8, content: [UInt8])]? {
        var rest = Array(bytes)[...]
        var options: [(type: UInt8, content: [UInt8])] = []
        while let type = rest.first {
            let size = Int(rest.dropFirst().first ?? 0) * 8
            guard size > 0, size <= rest.count else { return nil }
            options.append((type, Array(rest.prefix(size).dropFirst(2))))
            rest = rest.dropFirst(size)
        }
        return options
    }
}

/// Neighbour Discovery's messages between hosts, as ICMPv6 carries them (RFC 4861, sections 4.3 and 4.4).
public enum NeighbourMessage: Sendable, Hashable {
    /// Asks for the Ethernet address of `target`. `source` is the asker's, nil while it has no address.
    case solicitation(target: IPAddress, source: MACAddress?)
    case advertisement(
        target: IPAddress, address: MACAddress?, isRouter: Bool, isSolicited: Bool, overrides: Bool)

    /// Types of ICMPv6.
    public static let solicitationType: UInt8 = 135
    public static let advertisementType: UInt8 = 136

    /// Nil for other messages, and for such that are void. Whether addresses and hop limit fit is the caller's to check.
    public init?(_ message: ICMPMessage) {
        guard message.code == 0, message.body.count >= 16, let target = IPAddress(bytes: message.body.prefix(16)),
            !target.isMulticast, let options = DiscoveryOption.split(message.body.dropFirst(16))
        else { return nil }
        func address(_ type: UInt8) -> MACAddress? {
            options.first { $0.type == type }.flatMap { MACAddress(bytes: $0.content.prefix(6)) }
        }
        switch message.type {
        case Self.solicitationType:
            self = .solicitation(target: target, source: address(DiscoveryOption.sourceAddress))
        case Self.advertisementType:
            self = .advertisement(
                target: target, address: address(DiscoveryOption.targetAddress),
                isRouter: message.word >> 31 & 1 == 1, isSolicited: message.word >> 30 & 1 == 1,
                overrides: message.word >> 29 & 1 == 1)
        default:
            return nil
        }
    }

    public var message: ICMPMessage {
        switch self {
        case .solicitation(let target, let source):
            ICMPMessage(
                type: Self.solicitationType,
                body: target.bytes
                    + (source.map { DiscoveryOption.bytes(DiscoveryOption.sourceAddress, $0.bytes) } ?? []))
        case .advertisement(let target, let address, let isRouter, let isSolicited, let overrides):
            ICMPMessage(
                type: Self.advertisementType,
                word: (isRouter ? 1 << 31 : 0) | (isSolicited ? 1 << 30 : 0) | (overrides ? 1 << 29 : 0),
                body: target.bytes
                    + (address.map { DiscoveryOption.bytes(DiscoveryOption.targetAddress, $0.bytes) } ?? []))
        }
    }
}
