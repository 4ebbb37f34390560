// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// What the slow path says of a port (`struct port_state`, tables.h).
struct PortState: Sendable, Hashable {
    var mac: MACAddress
    /// Of IP, in bytes.
    var mtu: Int
    var linkLocal: IPAddress
    /// Whether a NAT behind the port has the port's IPv4 addresses as its own.
    var isTranslated: Bool

    static let size = 28
    static let table = "port_states"

    init(_ plan: PortPlan, link: LinkedPort?, isTranslated: Bool, module id: String) {
        mac = plan.mac ?? .derived(from: id, port: plan.number)
        let most = link?.mtu ?? plan.mtu ?? 1500
        mtu = min(plan.mtu ?? most, most, 65_535)
        linkLocal = plan.linkLocal ?? .linkLocal(of: mac)
        self.isTranslated = isTranslated
    }

    var bytes: [UInt8] {
        StructureBytes().bytes(mac.bytes).u16(isTranslated ? 1 : 0).u32(mtu).bytes(linkLocal.bytes).bytes
    }

    init?(bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        guard let mac = MACAddress(bytes: reader.bytes(6)), mac != .unknown else { return nil }
        self.mac = mac
        isTranslated = reader.u16() != 0
        mtu = Int(reader.u32())
        guard let linkLocal = IPAddress(bytes: reader.bytes(16)) else { return nil }
        self.linkLocal = linkLocal
    }
}

extension MACAddress {
    /// A locally administered address that is another one for each module and port, and always the same for one. Not made
    /// of the configuration: two hosts with the same one may be on one link.
    static func derived(from id: String, port: Int) -> MACAddress {
        // FNV-1a (RFC 9923).
        let hash = (Array(id.utf8) + [UInt8(port & 0xff)]).reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
        }
        let tail = (0..<5).map { UInt8(truncatingIfNeeded: hash >> (16 + 8 * UInt64($0))) }
        return MACAddress(bytes: [2] + tail) ?? .unknown
    }
}

/// The IPv4 address that a port has by DHCP (`struct lease`, tables.h).
struct Lease: Sendable, Hashable {
    var address: IPPrefix
    var gateway: IPAddress?

    static let table = "leases"
    static let size = 12

    init?(bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        guard let host = IPAddress(bytes: reader.bytes(4)), !host.isUnspecified,
            let gateway = IPAddress(bytes: reader.bytes(4)),
            let address = IPPrefix(host, length: Int(reader.u32())), address.length > 0
        else { return nil }
        self.address = address
        self.gateway = gateway.isUnspecified ? nil : gateway
    }

    init(address: IPPrefix, gateway: IPAddress?) {
        self.address = address
        self.gateway = gateway
    }

    var bytes: [UInt8] {
        StructureBytes().bytes(address.address.bytes).bytes((gateway ?? .any4).bytes).u32(address.length).bytes
    }

    /// What it says of where packets go.
    func routes(port: Int) -> [IPPrefix: Route] {
        var routes: [IPPrefix: Route] = [:]
        for (prefix, route) in RouterPlan.routes(of: address, port: port) where routes[prefix] == nil {
            routes[prefix] = route
        }
        if let gateway, let all = IPPrefix(.any4, length: 0) {
            routes[all] = .hops([Hop(gateway: gateway, port: port)])
        }
        return routes
    }
}
