// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What is special about one port.
struct PortConfig {
    var number: Int?
    var name: String?
    var access: Int?
    var trunk: TrunkVLANs?
    var native: Int?
    var isIsolated: Bool
    var storm: StormControl?
    /// Empty: all may send.
    var allowedMACs: [MACAddress]
    /// The most stations; nil: any number.
    var maxMACs: Int?
    /// Empty: all may be sent from.
    var allowedAddresses: [IPPrefix]

    var reference: PortReference { number.map { .number($0) } ?? .name(name ?? "") }

    init(_ config: ConfigReader) throws(ConfigError) {
        number = try config.optional("port", .integer(1...lastPort), "the port's number")
        name = try config.optional(
            "name", .text,
            "the module or interface that is linked there; without port, the port is the lowest that is free")
        access = try config.optional(
            "access", .vlan, "the one VLAN that the port is in; its frames have no tag, and tagged ones are dropped")
        trunk = try config.optional("trunk", .trunk, "the VLANs that the port is in; their frames are tagged")
        native = try config.optional("native", .vlan, "of a trunk: the VLAN whose frames have no tag there")
        isIsolated = try config.value(
            "isolated", .bool, default: false, "whether the port is cut off from the other isolated ports")
        storm = try config.optional(
            "storm_control", .object(StormControl.init), "how much of what comes by the port is flooded")
        allowedMACs = try config.value(
            "allowed_macs", .list(of: .mac), default: [], "the only stations that may send; without it all may")
        maxMACs = try config.optional(
            "max_macs", .integer(1...mostPlaces), "the most stations at a time; frames of further ones are dropped")
        allowedAddresses = try config.value(
            "allowed_addresses", .list(of: .prefix), default: [],
            "the only IPv4 and IPv6 addresses that may be sent from, and claimed by ARP and Neighbour Discovery; without it all may"
        )
    }

    /// Checks what the keys mean together. Entries of lists that stand twice are refused, for one of the two is an error.
    func check(_ config: ConfigReader, at place: String) throws(ConfigError) {
        if access != nil, trunk != nil || native != nil {
            throw config.error(
                place + "/access",
                "a port is access or a trunk, with one VLAN for frames without a tag: remove "
                    + (trunk != nil ? "access or trunk" : "access or native"))
        }
        if native != nil, trunk == nil {
            throw config.error(place + "/native", "only a trunk has a native VLAN: add trunk, or use access")
        }
        try refuseRepeated(allowedMACs, config, place + "/allowed_macs")
        try refuseRepeated(allowedAddresses, config, place + "/allowed_addresses")
        for (index, mac) in allowedMACs.enumerated() where mac.isMulticast || mac.bytes.allSatisfy({ $0 == 0 }) {
            throw config.error(
                place + "/allowed_macs/\(index)", "\(mac) is no station's address: give the address of one")
        }
    }

    private func refuseRepeated<Element: Hashable & CustomStringConvertible>(
        _ list: [Element], _ config: ConfigReader, _ place: String
    ) throws(ConfigError) {
        var seen: Set<Element> = []
        for (index, element) in list.enumerated() where !seen.insert(element).inserted {
            throw config.error(place + "/\(index)", "\(element) is in the list already: remove one of the two")
        }
    }
}

/// The most that `max_macs` can be (`MOST_PLACES`, fdb.h).
let mostPlaces = 128

/// How many frames a port may have flooded. A kind that is nil has no limit.
struct StormControl {
    var broadcast: Int?
    var multicast: Int?
    var unknown: Int?
    private var burst: Int?

    init(_ config: ConfigReader) throws(ConfigError) {
        let rate = ConfigFormat<Int>.integer(0...100_000_000)
        broadcast = try config.optional("broadcast", rate, "broadcast frames a second; 0: none pass")
        multicast = try config.optional("multicast", rate, "multicast frames a second; 0: none pass")
        unknown = try config.optional(
            "unknown", rate, "frames a second for stations that are not known; 0: none pass")
        burst = try config.optional(
            "burst", .integer(1...100_000_000),
            "how many frames of a kind may come at once; without it as many as in a second")
    }

    /// By kind, in the order of `enum flood` (storm.h); a burst of 0 stands for no limit.
    var limits: [(rate: Int, burst: Int)] {
        [broadcast, multicast, unknown].map { rate in
            rate.map { ($0, burst ?? max($0, 1)) } ?? (0, 0)
        }
    }
}
