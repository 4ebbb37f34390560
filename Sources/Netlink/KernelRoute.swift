// SPDX-License-Identifier: Apache-2.0

import CNetlink

/// A route in a routing table of the kernel.
public struct KernelRoute: Sendable, Hashable {
    /// What becomes of packets (`RTN_…`, linux/rtnetlink.h), as far as it concerns routers.
    public enum Kind: UInt8, Sendable {
        case unicast = 1
        case blackhole = 6
        case unreachable = 7
        case prohibit = 8
    }

    /// A next hop.
    public struct Hop: Sendable, Hashable {
        /// 4 or 16 bytes in network order; nil: the destination itself.
        public var gateway: [UInt8]?
        /// The interface's name; empty when it is gone.
        public var interface: String

        public init(gateway: [UInt8]?, interface: String) {
            self.gateway = gateway
            self.interface = interface
        }
    }

    /// 4 or 16 bytes in network order.
    public var destination: [UInt8]
    /// Of the destination, in bits.
    public var prefixLength: Int
    public var kind: Kind
    /// Of several routes to the same prefix the lowest counts.
    public var priority: UInt32
    /// Who made it (`RTPROT_…`).
    public var protocolNumber: UInt8
    public var hops: [Hop]

    public init(
        destination: [UInt8], prefixLength: Int, kind: Kind = .unicast, priority: UInt32 = 0,
        protocolNumber: UInt8 = 4, hops: [Hop]
    ) {
        self.destination = destination
        self.prefixLength = prefixLength
        self.kind = kind
        self.priority = priority
        self.protocolNumber = protocolNumber
        self.hops = hops
    }

    /// RTPROT_KERNEL: made by the kernel itself, for the addresses of its interfaces.
    public var isKernels: Bool { protocolNumber == 2 }
}

/// What a message about a route says (`struct rtmsg`, rtnetlink(7)).
struct RouteMessage {
    var route: KernelRoute
    var table: UInt32

    private static let headerSize = 12
    private enum Attribute {
        static let destination = 1
        static let interface = 4
        static let gateway = 5
        static let priority = 6
        static let multipath = 9
        static let table = 15
    }

    /// Nil for other messages, other families, clones in the kernel's cache, and kinds that are the kernel's own affair.
    ///
    /// - Parameter name: of an interface's index.
    init?(_ message: NetlinkMessage, name: (UInt32) -> String) {
        let body = message.body
        guard Int(message.type) == Int(RTM_NEWROUTE), let family = body.integer(at: 0, as: UInt8.self),
            family == UInt8(AF_INET) || family == UInt8(AF_INET6), let length = body.integer(at: 1, as: UInt8.self),
            let shortTable = body.integer(at: 4, as: UInt8.self), let number = body.integer(at: 5, as: UInt8.self),
            let kind = body.integer(at: 7, as: UInt8.self).flatMap(KernelRoute.Kind.init),
            let flags = body.integer(at: 8, as: UInt32.self), flags & 0x200 == 0  // RTM_F_CLONED
        else { return nil }
        let size = family == UInt8(AF_INET) ? 4 : 16
        let attributes = netlinkAttributes(body.dropFirst(Self.headerSize))
        let destination = attributes[Attribute.destination].map(Array.init) ?? [UInt8](repeating: 0, count: size)
        guard destination.count == size, Int(length) <= size * 8 else { return nil }
        table = attributes[Attribute.table]?.integer(at: 0, as: UInt32.self) ?? UInt32(shortTable)
        var hops: [KernelRoute.Hop] = []
        if let paths = attributes[Attribute.multipath] {
            hops = Self.hops(paths, size: size, name: name)
        } else if kind == .unicast {
            hops = [Self.hop(attributes, attributes[Attribute.interface]?.integer(at: 0, as: UInt32.self), size, name)]
        }
        route = KernelRoute(
            destination: destination, prefixLength: Int(length), kind: kind,
            priority: attributes[Attribute.priority]?.integer(at: 0, as: UInt32.self) ?? 0, protocolNumber: number,
            hops: hops)
    }

    /// `struct rtnexthop`, each with attributes behind it.
    private static func hops(_ bytes: ArraySlice<UInt8>, size: Int, name: (UInt32) -> String) -> [KernelRoute.Hop] {
        let headerSize = 8
        var hops: [KernelRoute.Hop] = []
        var rest = bytes
        while let length = rest.integer(at: 0, as: UInt16.self).map(Int.init), length >= headerSize,
            length <= rest.count, let interface = rest.integer(at: 4, as: UInt32.self)
        {
            hops.append(hop(netlinkAttributes(rest.prefix(length).dropFirst(headerSize)), interface, size, name))
            rest = rest.dropFirst(NetlinkMessage.aligned(length))
        }
        return hops
    }

    private static func hop(
        _ attributes: [Int: ArraySlice<UInt8>], _ interface: UInt32?, _ size: Int, _ name: (UInt32) -> String
    ) -> KernelRoute.Hop {
        let gateway = attributes[Attribute.gateway].map(Array.init)
        return KernelRoute.Hop(
            gateway: gateway?.count == size ? gateway : nil, interface: interface.map(name) ?? "")
    }
}
