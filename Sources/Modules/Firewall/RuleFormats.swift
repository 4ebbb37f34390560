// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension ConfigFormat {
    /// One value, or a list of them.
    static func oneOrMore<Element>(_ format: ConfigFormat<Element>) -> ConfigFormat where Value == [Element] {
        .either(format, .list(of: format)) { either in
            switch either {
            case .first(let one): [one]
            case .second(let list): list
            }
        }
    }
}

extension ConfigFormat where Value == UInt8 {
    /// A protocol by its name or its number.
    static var ipProtocol: ConfigFormat {
        let names = IPProtocol.names.keys.sorted().joined(separator: ", ")
        return .either(
            .text("a protocol (\(names))", sample: UInt8?.none) { IPProtocol.names[$0.lowercased()] },
            ConfigFormat<Int>.integer(0...255)
        ) { either in
            switch either {
            case .first(let number): number
            case .second(let number): UInt8(number)
            }
        }
    }
}

extension ConfigFormat where Value == ClosedRange<UInt16> {
    /// A port, or ports from one to another.
    static var ports: ConfigFormat {
        .either(
            ConfigFormat<Int>.integer(0...65_535),
            .text("ports like \"80\" or \"6000-6063\"", sample: ClosedRange<UInt16>?.none) { text in
                let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
                guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last else {
                    return nil
                }
                return first...last
            }
        ) { either in
            switch either {
            case .first(let port): UInt16(port)...UInt16(port)
            case .second(let range): range
            }
        }
    }
}

/// A TCP flag that must be set, or must not.
struct TCPFlag: Sendable, Hashable {
    var bit: UInt8
    var isSet: Bool

    /// RFC 9293, 3.1.
    static let bits: [String: UInt8] = [
        "fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128,
    ]
}

extension ConfigFormat where Value == TCPFlag {
    /// A flag by its name; with ! before it, one that is not set.
    static var tcpFlag: ConfigFormat {
        .text(
            "a TCP flag (fin, syn, rst, psh, ack, urg, ece, cwr), with ! before it for one that is not set",
            sample: TCPFlag(bit: 2, isSet: true)
        ) { text in
            let isSet = !text.hasPrefix("!")
            return TCPFlag.bits[String(isSet ? text[...] : text.dropFirst())].map { TCPFlag(bit: $0, isSet: isSet) }
        }
    }
}

/// The formats of a rule's keys. They are made once: there may be ten thousand rules.
enum RuleFormat {
    static let id = ConfigFormat<String>.text("a name of up to 31 bytes", sample: "a") {
        (1...31).contains($0.utf8.count) ? $0 : nil
    }
    static let action = ConfigFormat<RuleAction>.choice
    static let directions = ConfigFormat<[Direction]>.oneOrMore(.choice)
    static let families = ConfigFormat<[Family]>.oneOrMore(.choice)
    static let addresses = ConfigFormat<[String]>.oneOrMore(.text)
    static let protocols = ConfigFormat<[UInt8]>.oneOrMore(.ipProtocol)
    static let ports = ConfigFormat<[ClosedRange<UInt16>]>.oneOrMore(.ports)
    static let byte = ConfigFormat<Int>.integer(0...255)
    static let tcpFlags = ConfigFormat<[TCPFlag]>.oneOrMore(.tcpFlag)
    static let states = ConfigFormat<[ConnectionState]>.oneOrMore(.choice)
    static let macs = ConfigFormat<[MACAddress]>.oneOrMore(.mac)
    static let mac = ConfigFormat<MACAddress>.mac
    static let vlan = ConfigFormat<Int>.integer(0...4094)
    static let dscp = ConfigFormat<Int>.integer(0...63)
    static let limit = ConfigFormat<RateLimit>.object { (limit) throws(ConfigError) in
        try RateLimit(limit, most: 10_000_000)
    }
    static let bool = ConfigFormat<Bool>.bool
    static let rule = ConfigFormat<RuleText>.object(RuleText.init)
    static let set = ConfigFormat<AddressSet>.object(AddressSet.init)
}
