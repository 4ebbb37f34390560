// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A prefix inside and the one that stands for it outside; of IPv4 maybe of one address.
struct AddressPair {
    var inside: IPPrefix
    var outside: IPPrefix
    /// Where the two stand in the configuration.
    var insidePointer: String
    var outsidePointer: String

    /// An element of `nat_entries`.
    static func entry(_ config: ConfigReader) throws(ConfigError) -> AddressPair {
        let inside = try config.required("internal_ip", .ipv4, "the inside address")
        let outside = try config.required("external_ip", .ipv4, "the address that stands for it outside")
        return try AddressPair(
            IPPrefix(inside, length: 32), "internal_ip", IPPrefix(outside, length: 32), "external_ip", of: config)
    }

    /// An element of `prefixes`.
    static func prefix(_ config: ConfigReader) throws(ConfigError) -> AddressPair {
        let inside = try config.required("internal", .prefix, "the inside prefix")
        let outside = try config.required(
            "external", .prefix, "the prefix of the same family and length that stands for it outside")
        let pair = try AddressPair(inside, "internal", outside, "external", of: config)
        try pair.check()
        return pair
    }

    private init(
        _ inside: IPPrefix?, _ insideKey: String, _ outside: IPPrefix?, _ outsideKey: String, of config: ConfigReader
    ) throws(ConfigError) {
        guard let inside, let outside else {
            throw ConfigError(pointer: config.pointer, "these are no addresses: name two of IPv4")
        }
        self.inside = inside
        self.outside = outside
        insidePointer = config.pointer + "/" + insideKey
        outsidePointer = config.pointer + "/" + outsideKey
        for (prefix, pointer) in [(inside, insidePointer), (outside, outsidePointer)]
        where prefix.length > 0
            && (prefix.network.isMulticast || prefix.network.isUnspecified || prefix.network.isLoopback)
        {
            throw ConfigError(pointer: pointer, "\(prefix.network) is no address of a host: name another one")
        }
    }

    private func check() throws(ConfigError) {
        if inside.isIPv4 != outside.isIPv4 {
            throw ConfigError(
                pointer: outsidePointer,
                "\(outside) is of another family than \(inside): IPv4 can only stand for IPv4, and IPv6 for IPv6")
        }
        if inside.length != outside.length {
            throw ConfigError(
                pointer: outsidePointer,
                "\(outside) is not as long as \(inside): make both prefixes equally long")
        }
        // An address needs 16 bits behind the prefix that can make up for it (RFC 6296, 3.4 and 3.5).
        if !inside.isIPv4, !(1...64).contains(inside.length) {
            throw ConfigError(
                pointer: insidePointer, "a prefix of IPv6 can have 1 to 64 bits here; this has \(inside.length)")
        }
        if inside.isIPv4, inside.length == 0 {
            throw ConfigError(pointer: insidePointer, "all addresses cannot stand for each other: name a longer prefix")
        }
    }

    /// Whether it is of one address of IPv4.
    var isSingle: Bool { inside.isIPv4 && inside.length == 32 }

    /// What is added to an address's 16 bits on the way out, as a number in host order.
    var adjustment: UInt16 {
        let sum = UInt32(Self.sum(inside)) + UInt32(~Self.sum(outside))
        return UInt16(truncatingIfNeeded: (sum & 0xffff) + sum >> 16)
    }

    private static func sum(_ prefix: IPPrefix) -> UInt16 {
        let bytes = prefix.network.bytes
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) {
            $0 + UInt32(bytes[$1]) << 8 + UInt32(bytes[$1 + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return UInt16(sum)
    }
}
