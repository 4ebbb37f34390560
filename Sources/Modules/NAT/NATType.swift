// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Translates IPv4 addresses and ports between an inside, port 1, and an outside, port 2.
public struct NATType: ModuleType {
    public init() {}

    public let name = "nat"
    public let summary = "translates IPv4 addresses and ports between port 1, the inside, and port 2"
    public let maxPorts = 2
    public let hasSlowPath = true
    public var objects: ModuleObjects { NatCode.objects }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let config = try NATConfig(config)
        return ModuleSetup(
            sizes: [
                // A session has an entry for each direction, as has a mapping, and each client has a session.
                "sessions": 2 * config.sessions, "mappings": 2 * config.sessions, "clients": config.sessions,
            ],
            tables: [config.addressTable, config.poolTable, config.forwardTable]
                + [config.clientTable, config.settingsTable],
            ports: [ConfiguredPort(number: 1), ConfiguredPort(number: 2)])
    }
}

extension NATConfig {
    /// `struct settings`.
    fileprivate var settingsTable: ConfiguredTable {
        let flags = [unmatched == .pass, keepsPorts, keepsParity, isLoose, !forwards.isEmpty]
        var bytes = StructureBytes().be32(publicAddress?.ipv4Number ?? 0).be32(routerAddress?.ipv4Number ?? 0)
        for seconds in timeouts.all {
            bytes = bytes.u32(seconds)
        }
        bytes = bytes.u32(sessionsPerClient).u16(ports.first).u16(ports.last)
            .u8(mapping.dependence.number).u8(filtering.number).bytes(flags.map { $0 ? 1 : 0 }).padded(to: 4)
        return ConfiguredTable("settings", entries: [StructureBytes().u32(0).bytes: bytes.bytes])
    }

    fileprivate var poolTable: ConfiguredTable {
        var entries: [[UInt8]: [UInt8]] = [:]
        for (index, address) in pools.flatMap(\.addresses).enumerated() {
            entries[StructureBytes().u32(index).bytes] = StructureBytes().be32(address).bytes
        }
        return ConfiguredTable("pool_addresses", entries: entries)
    }

    /// Which clients get which addresses of `pool_addresses`.
    fileprivate var clientTable: ConfiguredTable {
        var entries: [[UInt8]: [UInt8]] = [:]
        var first = 0
        for pool in pools {
            entries[pool.inside?.key ?? [UInt8](repeating: 0, count: 8)] =
                StructureBytes().u32(first).u32(pool.count).bytes
            first += pool.count
        }
        for prefix in untranslated {
            entries[prefix.key] = StructureBytes().u32(0).u32(0).bytes
        }
        return ConfiguredTable("pools", entries: entries)
    }

    fileprivate var addressTable: ConfiguredTable {
        var entries: [[UInt8]: [UInt8]] = [:]
        for address in pools.flatMap(\.addresses) + forwards.compactMap(\.externalAddress)
        where address != publicAddress?.ipv4Number {
            entries[StructureBytes().be32(address).bytes] = [1]
        }
        return ConfiguredTable("addresses", entries: entries)
    }

    fileprivate var forwardTable: ConfiguredTable {
        var entries: [[UInt8]: [UInt8]] = [:]
        for forward in forwards {
            for entry in forward.entries {
                entries[entry.key] = entry.value
            }
        }
        return ConfiguredTable("forwards", entries: entries)
    }
}
