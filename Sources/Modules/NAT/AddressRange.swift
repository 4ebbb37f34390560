// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// IPv4 addresses in a row, as numbers in host order.
struct AddressRange: Hashable {
    var first: UInt32
    var last: UInt32

    /// `203.0.113.4`, `203.0.113.4-203.0.113.9` or `203.0.113.0/28`.
    init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if ends.count == 2 {
            guard let first = IPAddress(ends[0])?.ipv4Number, let last = IPAddress(ends[1])?.ipv4Number, first <= last
            else { return nil }
            self.first = first
            self.last = last
        } else {
            guard let prefix = IPPrefix(text), prefix.isIPv4, prefix.address == prefix.network,
                let first = prefix.network.ipv4Number, let last = prefix.last.ipv4Number
            else { return nil }
            self.first = first
            self.last = last
        }
    }

    var count: Int { Int(last - first) + 1 }

    func overlaps(_ other: AddressRange) -> Bool { first <= other.last && other.first <= last }

    /// The fewest prefixes that the addresses are.
    var prefixes: [IPPrefix] {
        blocks(from: UInt64(first), through: UInt64(last), bits: 32).compactMap {
            IPPrefix(IPAddress(ipv4: UInt32($0.first)), length: 32 - $0.free)
        }
    }
}

/// The fewest aligned blocks that numbers in a row are, each by its first number and the bits that are free in it.
private func blocks(from first: UInt64, through last: UInt64, bits: Int) -> [(first: UInt64, free: Int)] {
    var result: [(first: UInt64, free: Int)] = []
    var next = first
    while next <= last {
        var free = min(next.trailingZeroBitCount, bits)
        while next + (1 << UInt64(free)) > last + 1 { free -= 1 }
        result.append((next, free))
        next += 1 << UInt64(free)
    }
    return result
}

extension ConfigFormat where Value == AddressRange {
    /// One address or several in a row.
    static var addressRange: ConfigFormat {
        text(
            "IPv4 addresses like 203.0.113.4, 203.0.113.4-203.0.113.9 or 203.0.113.0/28",
            sample: AddressRange("203.0.113.4")
        ) { AddressRange($0) }
    }
}

/// Ports in a row.
struct PortRange: Hashable, CustomStringConvertible {
    var first: UInt16
    var last: UInt16

    static let all = PortRange(first: 1, last: .max)

    init(first: UInt16, last: UInt16) {
        self.first = first
        self.last = last
    }

    /// `8080` or `8000-8099`.
    init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let first = UInt16(ends[0]), let last = UInt16(ends[ends.count - 1]), first > 0, first <= last
        else { return nil }
        self.init(first: first, last: last)
    }

    var count: Int { Int(last) - Int(first) + 1 }

    func overlaps(_ other: PortRange) -> Bool { first <= other.last && other.first <= last }

    /// The fewest prefixes of 16 bits that the ports are, each as its first port and its length in bits.
    var prefixes: [(port: UInt16, bits: Int)] {
        blocks(from: UInt64(first), through: UInt64(last), bits: 16).map { (UInt16($0.first), 16 - $0.free) }
    }

    var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

extension ConfigFormat where Value == PortRange {
    /// One port or several in a row.
    static var ports: ConfigFormat {
        either(
            ConfigFormat<Int>.integer(1...65_535),
            ConfigFormat<PortRange>.text("ports like \"8000-8099\"", sample: PortRange("8080")) { PortRange($0) }
        ) {
            switch $0 {
            case .first(let port): PortRange(first: UInt16(port), last: UInt16(port))
            case .second(let range): range
            }
        }
    }
}
