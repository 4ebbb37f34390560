// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// IPv4 addresses one after the other.
struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The first and the last one, as numbers.
    let numbers: ClosedRange<UInt32>

    /// Nil when the last one comes before the first one, or when one of them is IPv6.
    init?(_ first: IPAddress, _ last: IPAddress) {
        guard let low = first.ipv4Number, let high = last.ipv4Number, low <= high else { return nil }
        numbers = low...high
    }

    /// `10.0.0.10-10.0.0.99`, or one address.
    init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
            IPAddress(String(part.filter { $0 != " " }))
        }
        guard let first = ends[0], let last = ends[ends.count - 1], ends.count <= 2 else { return nil }
        self.init(first, last)
    }

    var first: IPAddress { IPAddress(ipv4: numbers.lowerBound) }
    var last: IPAddress { IPAddress(ipv4: numbers.upperBound) }
    var count: Int { numbers.count }

    func contains(_ address: IPAddress) -> Bool {
        address.ipv4Number.map(numbers.contains) ?? false
    }

    func overlaps(_ other: AddressRange) -> Bool { numbers.overlaps(other.numbers) }

    var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

extension ConfigFormat where Value == AddressRange {
    /// `10.0.0.10-10.0.0.99`, or one address.
    static var addressRange: ConfigFormat {
        .text("a range of addresses like 10.0.0.10-10.0.0.99", sample: AddressRange("10.0.0.10-10.0.0.99")) {
            AddressRange($0)
        }
    }
}

extension ConfigFormat where Value == DNSName {
    /// `home.example`.
    static var domainName: ConfigFormat {
        .text("a domain name like home.example", sample: DNSName("home.example")) { DNSName($0) }
    }
}

extension ConfigFormat {
    /// A list, or a value alone for a list of one.
    static func oneOrMore<Element: Sendable>(_ format: ConfigFormat<Element>) -> ConfigFormat
    where Value == [Element] {
        .either(format, .list(of: format)) { value in
            switch value {
            case .first(let one): [one]
            case .second(let list): list
            }
        }
    }
}
