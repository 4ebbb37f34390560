// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// Public addresses that clients of an inside prefix share.
struct NATPool {
    /// Nil for all.
    var inside: IPPrefix?
    var ranges: [AddressRange]
    var pointer: String

    /// The most addresses of all pools.
    static let mostAddresses = 65_536

    init(_ config: ConfigReader) throws(ConfigError) {
        let inside = try config.optional(
            "inside", .prefix4,
            "the clients that it is for, all without it; of several pools the one with the longest prefix counts")
        let ranges = try config.required(
            "addresses", .list(of: .addressRange), "the public addresses; a client always gets the same one")
        self.inside = inside
        self.ranges = ranges
        pointer = config.pointer
        if ranges.isEmpty {
            throw ConfigError(pointer: pointer + "/addresses", "the pool is empty: name at least one public address")
        }
        for (index, range) in ranges.enumerated() where ranges[..<index].contains(where: range.overlaps) {
            throw ConfigError(
                pointer: pointer + "/addresses/\(index)", "these addresses are in the pool already: leave them out here"
            )
        }
    }

    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    var addresses: [UInt32] { ranges.flatMap { $0.first...$0.last } }
}

extension IPPrefix {
    /// `struct hover_prefix4`.
    var key: [UInt8] { StructureBytes().u32(length).bytes(network.bytes).bytes }
}

extension ConfigFormat where Value == IPPrefix {
    /// A network of IPv4.
    static var prefix4: ConfigFormat {
        text("an IPv4 prefix like 10.0.0.0/8", sample: IPPrefix("10.0.0.0/8")) { text in
            IPPrefix(text).flatMap { $0.isIPv4 && $0.address == $0.network ? $0 : nil }
        }
    }
}
