// SPDX-License-Identifier: Apache-2.0

/// An Ethernet address.
public struct MACAddress: Sendable, Hashable, CustomStringConvertible {
    /// Six, in the order on the wire.
    public let bytes: [UInt8]

    /// Nil for other than six bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    /// `02:00:00:00:00:01`, or with hyphens.
    public init?(_ text: String) {
        guard let bytes = macBytes(text) else { return nil }
        self.bytes = bytes
    }

    /// Reaches all stations.
    public static let broadcast = MACAddress(unchecked: [UInt8](repeating: 0xff, count: 6))

    /// Where Ethernet carries an IPv4 multicast group (RFC 1112, section 6.4) or an IPv6 one (RFC 2464, section 7).
    public static func multicast(_ group: IPAddress) -> MACAddress {
        let tail = group.bytes
        return group.isIPv4
            ? MACAddress(unchecked: [0x01, 0x00, 0x5e, tail[1] & 0x7f, tail[2], tail[3]])
            : MACAddress(unchecked: [0x33, 0x33] + tail[12...])
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether it is of a group, broadcast included.
    public var isMulticast: Bool { bytes[0] & 1 == 1 }

    public var description: String { macText(bytes[...]) }
}

/// An IPv4 or IPv6 address.
public struct IPAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Four or sixteen, in network order.
    public let bytes: [UInt8]

    /// Nil for other than four or sixteen bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    /// `10.0.0.1` or `2001:db8::1`.
    public init?(_ text: String) {
        guard let bytes = ipv4Bytes(text) ?? ipv6Bytes(text) else { return nil }
        self.bytes = bytes
    }

    /// An IPv4 address of the number that it is in network order.
    public init(ipv4 number: UInt32) {
        bytes = [UInt8(number >> 24), UInt8(number >> 16 & 0xff), UInt8(number >> 8 & 0xff), UInt8(number & 0xff)]
    }

    /// `0.0.0.0`.
    public static let any4 = IPAddress(ipv4: 0)
    /// `::`.
    public static let any6 = IPAddress(unchecked: [UInt8](repeating: 0, count: 16))
    /// `255.255.255.255`.
    public static let broadcast4 = IPAddress(ipv4: .max)

    public var isIPv4: Bool { bytes.count == 4 }

    /// The number that an IPv4 address is in network order; nil for IPv6.
    public var ipv4Number: UInt32? { isIPv4 ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil }

    /// All zeros.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// 224.0.0.0/4 or ff00::/8.
    public var isMulticast: Bool { isIPv4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }

    /// 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        isIPv4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    /// 169.254.0.0/16 or fe80::/10.
    public var isLinkLocal: Bool {
        isIPv4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
    }

    /// The group that neighbours with this IPv6 address listen to (RFC 4291, section 2.7.1); nil for IPv4.
    public var solicitedNodeGroup: IPAddress? {
        isIPv4 ? nil : IPAddress(bytes: [0xff, 0x02] + [UInt8](repeating: 0, count: 9) + [1, 0xff] + bytes[13...])
    }

    /// The link-local IPv6 address of an Ethernet address (RFC 4291, appendix A).
    public static func linkLocal(of mac: MACAddress) -> IPAddress {
        let mac = mac.bytes
        let interface = [mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]]
        return IPAddress(unchecked: [0xfe, 0x80, 0, 0, 0, 0, 0, 0] + interface)
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    public static func < (one: IPAddress, other: IPAddress) -> Bool {
        one.bytes.count != other.bytes.count
            ? one.bytes.count < other.bytes.count : one.bytes.lexicographicallyPrecedes(other.bytes)
    }

    public var description: String { isIPv4 ? ipv4Text(bytes[...]) : ipv6Text(bytes[...]) }
}

/// An address and how many of its first bits name the network: `10.0.0.1/24`. The bits behind may be set, for an address
/// of a host in its network.
public struct IPPrefix: Sendable, Hashable, CustomStringConvertible {
    public let address: IPAddress
    /// In bits.
    public let length: Int

    /// Nil for a length that the address does not have.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...address.bytes.count * 8).contains(length) else { return nil }
        self.address = address
        self.length = length
    }

    /// `10.0.0.0/8`, `2001:db8::/32`; an address alone has all its bits.
    public init?(_ text: String) {
        let end = text.utf8.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        guard let address = IPAddress(String(text[..<end])) else { return nil }
        guard end < text.endIndex else {
            self.init(address, length: address.bytes.count * 8)
            return
        }
        let digits = text[text.index(after: end)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(digits)
        else { return nil }
        self.init(address, length: length)
    }

    /// Of a netmask like `255.255.255.0`; nil for one with holes, and for IPv6.
    public init?(_ address: IPAddress, netmask: IPAddress) {
        guard address.isIPv4, let mask = netmask.ipv4Number else { return nil }
        let length = (~mask).leadingZeroBitCount
        guard mask == (length == 0 ? 0 : UInt32.max << (32 - length)) else { return nil }
        self.init(address, length: length)
    }

    public var isIPv4: Bool { address.isIPv4 }

    /// The address with the bits behind the length 0.
    public var network: IPAddress { masked { byte, mask in byte & mask } }

    /// The address with the bits behind the length 1: the last one, in IPv4 the subnet's broadcast address.
    public var last: IPAddress { masked { byte, mask in byte | ~mask } }

    /// The same network, without a host.
    public var networkPrefix: IPPrefix { IPPrefix(network, length: length) ?? self }

    /// Whether an address is in the network.
    public func contains(_ other: IPAddress) -> Bool {
        IPPrefix(other, length: length)?.network == network
    }

    /// Whether one network contains the other.
    public func overlaps(_ other: IPPrefix) -> Bool {
        length <= other.length ? contains(other.address) : other.contains(address)
    }

    private func masked(_ combine: (UInt8, UInt8) -> UInt8) -> IPAddress {
        let bytes = address.bytes.enumerated().map { index, byte in
            let bits = min(max(length - index * 8, 0), 8)
            return combine(byte, bits == 0 ? 0 : UInt8.max << (8 - bits))
        }
        return IPAddress(bytes: bytes) ?? address
    }

    public var description: String { "\(address)/\(length)" }
}
