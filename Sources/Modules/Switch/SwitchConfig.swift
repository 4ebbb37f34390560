// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a switch is configured to do, checked.
struct SwitchConfig {
    /// The most stations in the forwarding database.
    var fdbSize: Int
    /// In seconds; 0: stations are never forgotten.
    var ageingTime: Int
    var forwardsLinkLocal: Bool
    var numbers: PortNumbers
    /// By port number, those that the configuration speaks of.
    var ports: [Int: PortConfig] = [:]
    var vlans: VLANPlan
    var statics: [FDBKey: Int] = [:]
    var mirror: Mirror?

    struct Mirror {
        var port: Int
        var received: PortSet
        var sent: PortSet
    }

    init(_ config: ConfigReader) throws(ConfigError) {
        fdbSize = try config.value(
            "fdb_size", .integer(16...1_048_576), default: 4096,
            "the most stations that are learned, fixed when the switch is made; frames to further ones are flooded")
        ageingTime = try config.value(
            "ageing_time", .integer(0...1_000_000), default: 300,
            "seconds after which a station that has sent nothing is forgotten; 0: never")
        let entries = try config.value(
            "forwarding_table", .list(of: .object(StaticEntry.init)), default: [],
            "stations that are always behind the same port")
        let ports = try config.value(
            "ports", .list(of: .object(PortConfig.init)), default: [], "what is special about ports")
        let mirror = try config.optional(
            "mirror", .object(MirrorConfig.init), "copies of frames for whoever listens at one port")
        forwardsLinkLocal = try config.value(
            "forward_link_local", .bool, default: false,
            "whether frames for 01:80:c2:00:00:00 to 0f (spanning tree, LLDP, 802.1X, …) are flooded; standard bridges drop them"
        )

        numbers = try PortNumbers(config, ports: ports, others: entries.map(\.port) + (mirror?.references ?? []))
        for (index, port) in ports.enumerated() {
            try port.check(config, at: "ports/\(index)")
            self.ports[numbers.number(of: port.reference)] = port
        }
        vlans = VLANPlan(ports: self.ports)
        try addStatics(config, entries)
        try addMirror(config, mirror)
    }

    private mutating func addStatics(_ config: ConfigReader, _ entries: [StaticEntry]) throws(ConfigError) {
        for (index, entry) in entries.enumerated() {
            let place = "forwarding_table/\(index)"
            let port = numbers.number(of: entry.port)
            guard !entry.mac.isMulticast, entry.mac.bytes.contains(where: { $0 != 0 }) else {
                throw config.error(place + "/mac", "\(entry.mac) is no station's address: give the address of one")
            }
            let key = FDBKey(mac: entry.mac, vlan: try vlan(of: entry, behind: port, config, place))
            guard statics.updateValue(port, forKey: key) == nil else {
                throw config.error(
                    place,
                    "\(entry.mac) is in the list already\(key.vlan == 0 ? "" : " for VLAN \(key.vlan)"): "
                        + "remove one of the two")
            }
        }
    }

    private func vlan(
        of entry: StaticEntry, behind port: Int, _ config: ConfigReader, _ place: String
    ) throws(ConfigError) -> Int {
        guard vlans.isAware else {
            guard entry.vlan == nil else {
                throw config.error(
                    place + "/vlan", "the switch has no VLANs: give ports access or trunk, or remove the key")
            }
            return 0
        }
        guard let vlan = entry.vlan ?? vlans.untagged[port] else {
            throw config.error(place, "port \(port) is a trunk without a native VLAN: add vlan, the station's VLAN")
        }
        guard vlans.has(vlan, on: port) else {
            throw config.error(place + "/vlan", "port \(port) is not in VLAN \(vlan): name one that it is in")
        }
        return vlan
    }

    private mutating func addMirror(_ config: ConfigReader, _ mirror: MirrorConfig?) throws(ConfigError) {
        guard let mirror else { return }
        let port = numbers.number(of: mirror.port)
        for (key, references) in [("received", mirror.received), ("sent", mirror.sent)] {
            for (index, reference) in references.enumerated() where numbers.number(of: reference) == port {
                throw config.error(
                    "mirror/\(key)/\(index)", "port \(port) cannot be mirrored to itself: name other ports")
            }
        }
        guard !mirror.received.isEmpty || !mirror.sent.isEmpty else {
            throw config.error("mirror", "nothing is mirrored: add received or sent, lists of ports")
        }
        if let station = statics.first(where: { $0.value == port })?.key {
            throw config.error(
                "mirror/port",
                "station \(station.mac) is behind port \(port), and a mirror port carries copies only: "
                    + "take another port")
        }
        self.mirror = Mirror(
            port: port, received: PortSet(mirror.received.map { numbers.number(of: $0) }),
            sent: PortSet(mirror.sent.map { numbers.number(of: $0) }))
    }
}

/// A station that always is behind the same port.
struct StaticEntry {
    var port: PortReference
    var mac: MACAddress
    var vlan: Int?

    init(_ config: ConfigReader) throws(ConfigError) {
        port = try config.required(
            "port", .port,
            "where the station is: a port's number, or the name of the module or interface that is linked there"
        )
        mac = try config.required("mac", .mac, "the station's address")
        vlan = try config.optional(
            "vlan", .vlan, "the station's VLAN, in a switch with VLANs; without it that of the port's untagged frames")
    }
}

/// Copies of frames.
struct MirrorConfig {
    var port: PortReference
    var received: [PortReference]
    var sent: [PortReference]

    var references: [PortReference] { [port] + received + sent }

    init(_ config: ConfigReader) throws(ConfigError) {
        port = try config.required("port", .port, "where the copies go; the port carries nothing else")
        received = try config.value(
            "received", .list(of: .port), default: [], "ports: all frames that come in there are copied")
        sent = try config.value(
            "sent", .list(of: .port), default: [], "ports: all frames that leave there are copied")
    }
}

/// What a station is looked up by.
struct FDBKey: Hashable {
    var mac: MACAddress
    /// 0 in a switch without VLANs.
    var vlan: Int

    var bytes: [UInt8] { StructureBytes().bytes(mac.bytes).u16(vlan).bytes }
}
