// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

extension SwitchConfig {
    /// What the configuration means for the fast path.
    var setup: ModuleSetup {
        let allowedMACs = allowedMACEntries
        let tables = [
            ConfiguredTable("static_fdb", entries: staticEntries), ConfiguredTable("vlans", entries: vlanEntries),
            ConfiguredTable("allowed_macs", entries: allowedMACs),
            ConfiguredTable("allowed_addresses4", entries: allowedAddressEntries(isIPv4: true)),
            ConfiguredTable("allowed_addresses6", entries: allowedAddressEntries(isIPv4: false)),
        ]
        return ModuleSetup(
            constants: constants,
            sizes: [
                "fdb": fdbSize, "static_fdb": Self.size(statics.count), "vlans": vlans.isAware ? 4096 : 1,
                "allowed_macs": Self.size(allowedMACs.count),
            ],
            tables: tables, ports: numbers.configured)
    }

    /// Powers of two, so that a table keeps its size while few entries are added.
    private static func size(_ entries: Int) -> Int {
        var size = 64
        while size < entries {
            size *= 2
        }
        return size
    }

    private var constants: [String: TypedValue] {
        func set(where condition: (PortConfig) -> Bool) -> TypedValue {
            PortSet(ports.filter { condition($0.value) }.keys).value
        }
        func byPort(_ value: (Int) -> Int) -> TypedValue { .array((0...lastPort).map { TypedValue(value($0)) }) }
        let limits = (0...lastPort).flatMap { ports[$0]?.storm?.limits ?? [(0, 0), (0, 0), (0, 0)] }
        return [
            "ageing": TypedValue(UInt64(ageingTime) * 1_000_000_000),
            "vlan_aware": .bool(vlans.isAware),
            "trunk_ports": vlans.trunks.value,
            "trunks_of_all": vlans.trunksOfAll.value,
            "untagged_vlan": byPort { vlans.untagged[$0] ?? 0 },
            "has_static": .bool(!statics.isEmpty),
            "forwards_link_local": .bool(forwardsLinkLocal),
            "isolated_ports": set { $0.isIsolated },
            "mirrored_received": (mirror?.received ?? PortSet()).value,
            "mirrored_sent": (mirror?.sent ?? PortSet()).value,
            "mirror_port": TypedValue(mirror?.port ?? 0),
            "storm_ports": set { $0.storm != nil },
            "storm_rates": .array(limits.map { TypedValue($0.rate) }),
            "storm_bursts": .array(limits.map { TypedValue($0.burst) }),
            "mac_security_ports": set { !$0.allowedMACs.isEmpty },
            "address_security_ports": set { !$0.allowedAddresses.isEmpty },
            "most_stations": byPort { ports[$0]?.maxMACs ?? 0 },
        ]
    }

    private var staticEntries: [[UInt8]: [UInt8]] {
        Dictionary(uniqueKeysWithValues: statics.map { ($0.key.bytes, StructureBytes().u32($0.value).bytes) })
    }

    private var vlanEntries: [[UInt8]: [UInt8]] {
        Dictionary(
            uniqueKeysWithValues: vlans.members.map { vlan, members in
                (
                    StructureBytes().u32(vlan).bytes,
                    StructureBytes().u64(members.ports.bits).u64(members.tagged.bits).bytes
                )
            })
    }

    private var allowedMACEntries: [[UInt8]: [UInt8]] {
        var entries: [[UInt8]: [UInt8]] = [:]
        for (number, port) in ports {
            for mac in port.allowedMACs {
                entries[StructureBytes().bytes(mac.bytes).u16(number).bytes] = [1]
            }
        }
        return entries
    }

    /// The port's number stands before the address, as part of the prefix.
    private func allowedAddressEntries(isIPv4: Bool) -> [[UInt8]: [UInt8]] {
        var entries: [[UInt8]: [UInt8]] = [:]
        for (number, port) in ports {
            for prefix in port.allowedAddresses where prefix.isIPv4 == isIPv4 {
                let key = StructureBytes().u32(32 + prefix.length).be32(number).bytes(prefix.address.bytes)
                entries[key.bytes] = [1]
            }
        }
        return entries
    }
}
