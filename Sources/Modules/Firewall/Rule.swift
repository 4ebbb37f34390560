// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// One rule of a firewall.
struct Rule: Sendable, Hashable {
    /// What users know it by, and what its counters are kept under.
    var id: String
    var directions: Set<Direction> = [.ingress, .egress]
    var action: RuleAction
    var families: Set<Family> = [.ipv4, .ipv6]
    /// nil: any.
    var source: [AddressRange]?
    var destination: [AddressRange]?
    /// Of rules with equal ones all but the first take over what was made of it: the names and prefixes as they were given.
    var sourceText: [String] = []
    var destinationText: [String] = []
    var protocols: Set<UInt8>?
    var sourcePorts: [ClosedRange<UInt16>]?
    var destinationPorts: [ClosedRange<UInt16>]?
    var icmpType: UInt8?
    var icmpCode: UInt8?
    var tcpMask: UInt8 = 0
    var tcpFlags: UInt8 = 0
    var states: Set<ConnectionState> = []
    var sourceMAC: [MACAddress]?
    var destinationMAC: MACAddress?
    var vlan: Int?
    var dscp: Int?
    var fragments: Bool?
    var limit: RateLimit?
    var log = false

    /// What counters in the kernel are kept under.
    var key: UInt64 {
        var hash = StableHash()
        hash.add(id)
        return max(hash.value, 1)
    }
}

enum Direction: String, CaseIterable, Sendable {
    case ingress, egress
}

enum Family: String, CaseIterable, Sendable {
    case ipv4, ipv6
}

enum RuleAction: String, CaseIterable, Sendable {
    case accept, drop, reject, count

    /// `enum firewall_action`.
    var number: UInt8 {
        switch self {
        case .accept: 1
        case .drop: 2
        case .reject: 3
        case .count: 4
        }
    }
}

enum ConnectionState: String, CaseIterable, Sendable {
    case invalid, new, established, related, untracked

    /// The bit of its number in `enum hover_conntrack`.
    var bit: UInt8 {
        switch self {
        case .invalid: 1
        case .new: 2
        case .established: 4
        case .related: 8
        case .untracked: 16
        }
    }
}

struct RateLimit: Sendable, Hashable {
    /// Packets a second.
    var rate: Int
    var burst: Int
}

/// Addresses from one to another, as numbers.
struct AddressRange: Sendable, Hashable {
    var family: Family
    var range: ClosedRange<UInt128>

    init(_ prefix: IPPrefix) {
        family = prefix.isIPv4 ? .ipv4 : .ipv6
        range = Self.number(prefix.network)...Self.number(prefix.last)
    }

    static func number(_ address: IPAddress) -> UInt128 {
        address.bytes.reduce(0) { $0 << 8 | UInt128($1) }
    }
}

extension MACAddress {
    var number: UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }
}

enum IPProtocol {
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17
    static let icmp: UInt8 = 1
    static let icmpv6: UInt8 = 58
    static let sctp: UInt8 = 132

    /// IANA's names of those that people write rules for.
    static let names: [String: UInt8] = [
        "icmp": icmp, "igmp": 2, "ipip": 4, "tcp": tcp, "udp": udp, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51,
        "icmpv6": icmpv6, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": sctp,
    ]

    static let withPorts: Set<UInt8> = [tcp, udp, sctp]
}
