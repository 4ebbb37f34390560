// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// Where packets go next.
struct Hop: Sendable, Hashable {
    /// Nil: to the destination itself.
    var gateway: IPAddress?
    var port: Int
}

/// What becomes of packets to a prefix; `enum route_type`, tables.h.
enum Route: Sendable, Hashable {
    case local(port: Int)
    case broadcast(port: Int)
    /// Of a NAT behind the port: packets for these addresses are sent to it, and ARP for them is answered there.
    case translated(port: Int)
    /// One next hop, or several that share the flows.
    case hops([Hop])
    case blackhole
    case unreachable
    case prohibit

    /// The most next hops of one route.
    static let mostHops = 64

    var typeNumber: Int {
        switch self {
        case .local: 1
        case .broadcast: 2
        case .hops(let hops): hops.count == 1 && hops[0].gateway == nil ? 3 : 4
        case .blackhole: 5
        case .unreachable: 6
        case .prohibit: 7
        case .translated: 8
        }
    }

    /// `struct route`, tables.h.
    ///
    /// - Parameter first: where in the table of paths those of several next hops begin.
    func bytes(prefixLength: Int, first: Int) -> [UInt8] {
        var port = 0
        var count = 1
        var gateway: IPAddress?
        switch self {
        case .local(let number), .broadcast(let number), .translated(let number):
            port = number
        case .hops(let hops):
            count = hops.count
            port = hops.first?.port ?? 0
            gateway = hops.first?.gateway
        case .blackhole, .unreachable, .prohibit:
            break
        }
        return StructureBytes().u32(typeNumber).u16(port).u8(prefixLength).u8(count).u32(first)
            .bytes(mappedBytes(of: gateway)).bytes
    }

    /// Whether the bytes of a `struct route` say that it has several next hops.
    static func isOfSeveral(_ bytes: [UInt8]) -> Bool { bytes.count > 7 && bytes[7] > 1 }

    /// Reads `struct route`, with what a function says of several next hops.
    init?(bytes: [UInt8], paths: (_ first: Int, _ count: Int) -> [Hop]?) {
        var reader = StructureReader(bytes)
        let type = reader.u32()
        let port = Int(reader.u16())
        reader.skip(1)
        let count = Int(reader.u8())
        let first = Int(reader.u32())
        let gateway = address(ofMapped: reader.bytes(16))
        switch type {
        case 1: self = .local(port: port)
        case 2: self = .broadcast(port: port)
        case 3, 4:
            guard count > 1 else {
                self = .hops([Hop(gateway: gateway, port: port)])
                return
            }
            guard let hops = paths(first, count) else { return nil }
            self = .hops(hops)
        case 5: self = .blackhole
        case 6: self = .unreachable
        case 7: self = .prohibit
        case 8: self = .translated(port: port)
        default: return nil
        }
    }
}

extension Hop {
    /// `struct path`, tables.h.
    var bytes: [UInt8] { StructureBytes().bytes(mappedBytes(of: gateway)).u32(port).bytes }

    init(bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        gateway = address(ofMapped: reader.bytes(16))
        port = Int(reader.u32())
    }
}

/// An address as tables have it that hold both families: IPv4 as ::ffff:10.0.0.1, none as ::.
private func mappedBytes(of address: IPAddress?) -> [UInt8] {
    guard let address else { return [UInt8](repeating: 0, count: 16) }
    return address.isIPv4 ? [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + address.bytes : address.bytes
}

private func address(ofMapped bytes: [UInt8]) -> IPAddress? {
    if bytes.allSatisfy({ $0 == 0 }) { return nil }
    let isIPv4 = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
    return IPAddress(bytes: isIPv4 ? Array(bytes[12...]) : bytes)
}

extension IPPrefix {
    /// `struct hover_prefix4` or `hover_prefix6` (hover/set.h).
    var key: [UInt8] { StructureBytes().u32(length).bytes(network.bytes).bytes }

    init?(key: [UInt8]) {
        var reader = StructureReader(key)
        let length = Int(reader.u32())
        guard let address = IPAddress(bytes: reader.bytes(key.count - 4)) else { return nil }
        self.init(address, length: length)
    }
}

/// The next hops of routes that have several, one group behind the other: groups that are the same are there once.
struct PathGroups: Sendable {
    private(set) var hops: [Hop] = []
    private var places: [[Hop]: Int] = [:]

    /// Where a group begins.
    mutating func place(of group: [Hop]) -> Int {
        if let place = places[group] { return place }
        let place = hops.count
        places[group] = place
        hops += group
        return place
    }
}
