// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// An end outside that leads to one inside.
struct NATForward {
    /// What is forwarded.
    enum Kind: String, CaseIterable {
        case tcp, udp, icmp, any
        case both = "tcp+udp"

        /// Numbers of the protocols (IANA); none for all.
        var protocols: [UInt8] {
            switch self {
            case .tcp: [6]
            case .udp: [17]
            case .both: [6, 17]
            case .icmp: [1]
            case .any: []
            }
        }

        var hasPorts: Bool { self == .tcp || self == .udp || self == .both }

        /// Whether one kind leaves the other nothing: more precise ones are taken before `any`.
        func clashes(with other: Kind) -> Bool {
            self == .any || other == .any ? self == other : !Set(protocols).isDisjoint(with: other.protocols)
        }
    }

    var kind: Kind
    /// Nil for the public address.
    var externalAddress: UInt32?
    var externalPorts: PortRange
    /// Whether all ports are meant, 0 included.
    var isWhole: Bool
    var internalAddress: UInt32
    /// What is added to an external port.
    var shift: UInt16
    /// Where it stands in the configuration.
    var pointer: String

    init(_ config: ConfigReader) throws(ConfigError) {
        let kind = try config.value(
            "protocol", .choice, default: Kind.any, "what is forwarded; `any` is every protocol, and all ports")
        let external = try config.optional(
            "external_ip", .ipv4, "the public address that is reached from outside; without it the module's own")
        let externalPorts = try config.optional(
            "external_port", .ports, "the port, or ports, that are reached from outside; without it all")
        let inside = try config.required("internal_ip", .ipv4, "the inside address that it leads to")
        let internalPorts = try config.optional(
            "internal_port", .ports,
            "the port, or as many ports, that it leads to; a port alone is the first of them; without it the external ones"
        )
        self.kind = kind
        pointer = config.pointer
        externalAddress = external?.ipv4Number
        internalAddress = inside.ipv4Number ?? 0
        isWhole = externalPorts == nil
        self.externalPorts = externalPorts ?? .all
        shift = (internalPorts ?? self.externalPorts).first &- self.externalPorts.first
        try check(internalPorts, external: externalPorts, inside: inside)
    }

    private func check(
        _ internalPorts: PortRange?, external: PortRange?, inside: IPAddress
    ) throws(ConfigError) {
        if !kind.hasPorts, external != nil || internalPorts != nil {
            throw ConfigError(
                pointer: pointer + (external != nil ? "/external_port" : "/internal_port"),
                "\(kind.rawValue) has no ports to choose from: set protocol to tcp, udp or tcp+udp, or leave ports out")
        }
        if inside.isUnspecified || inside.isMulticast || inside.isLoopback {
            throw ConfigError(pointer: pointer + "/internal_ip", "\(inside) is no address of a host: name one inside")
        }
        guard let internalPorts else { return }
        guard let external else {
            throw ConfigError(
                pointer: pointer + "/internal_port", "there is no external_port that it could stand for: set that too")
        }
        let last = Int(internalPorts.first) + external.count - 1
        if internalPorts.count > 1, internalPorts.count != external.count {
            throw ConfigError(
                pointer: pointer + "/internal_port",
                "\(internalPorts) are \(internalPorts.count) ports, and \(external) outside \(external.count): make both ranges equally long"
            )
        }
        if last > 65_535 {
            throw ConfigError(
                pointer: pointer + "/internal_port",
                "\(external.count) ports from \(internalPorts.first) on do not end by 65535: begin lower")
        }
    }

    func overlaps(_ other: NATForward) -> Bool {
        externalAddress == other.externalAddress && kind.clashes(with: other.kind)
            && (!kind.hasPorts || externalPorts.overlaps(other.externalPorts))
    }

    /// Entries of the table `forwards` (`struct forward_key`, `struct forward`).
    var entries: [(key: [UInt8], value: [UInt8])] {
        let value = StructureBytes().be32(internalAddress).u16(shift).zeros(2).bytes
        func key(_ bits: Int, _ number: UInt8 = 0, _ port: UInt16 = 0) -> [UInt8] {
            StructureBytes().u32(bits).be32(externalAddress ?? 0).u8(number).zeros(1).be16(port).bytes
        }
        if kind == .any { return [(key(32), value)] }
        return kind.protocols.flatMap { number in
            isWhole
                ? [(key(48, number), value)]
                : externalPorts.prefixes.map { (key(48 + $0.bits, number, $0.port), value) }
        }
    }
}
