// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension SwitchType {
    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        let config = try SwitchConfig(ConfigReader(await module.configuration()))
        let now = monotonicNow()
        let learned = try await module.learnedStations().filter { $0.expires == 0 || $0.expires > now }
        var links: [Int: LinkedPort] = [:]
        for await now in await module.links() {
            links = now
            break
        }
        let counts = try await counts(of: module)
        var total = PortCounts()
        for count in counts.values {
            total.add(count)
        }
        return [
            "fdb": .array(fdb(learned, config, now: now).prefix(limit).map(\.value)),
            "stations": ["learned": TypedValue(learned.count), "static": TypedValue(config.statics.count)],
            "counts": total.countsValue,
            "drops": total.dropsValue,
            "ports": .array(ports(links, learned, counts, config).prefix(limit).map { $0 }),
        ]
    }

    private struct Row {
        var key: FDBKey
        var value: TypedValue
    }

    private func fdb(_ learned: [LearnedStation], _ config: SwitchConfig, now: UInt64) -> [Row] {
        var rows: [Row] = []
        for (key, port) in config.statics {
            rows.append(row(key, port: port, age: nil, isStatic: true, config))
        }
        for station in learned where config.statics[station.key] == nil {
            let age = station.age(now: now, ageingTime: config.ageingTime)
            rows.append(row(station.key, port: station.port, age: age, isStatic: false, config))
        }
        return rows.sorted {
            ($0.key.vlan, $0.key.mac.description) < ($1.key.vlan, $1.key.mac.description)
        }
    }

    private func row(_ key: FDBKey, port: Int, age: Int?, isStatic: Bool, _ config: SwitchConfig) -> Row {
        var value: [String: TypedValue] = [
            "mac": .string(key.mac.description), "port": TypedValue(port), "static": .bool(isStatic),
        ]
        value["age"] = age.map { TypedValue($0) }
        value["vlan"] = config.vlans.isAware ? TypedValue(key.vlan) : nil
        return Row(key: key, value: .object(value))
    }

    /// What is linked, configured, or has counted something.
    private func ports(
        _ links: [Int: LinkedPort], _ learned: [LearnedStation], _ counts: [Int: PortCounts], _ config: SwitchConfig
    ) -> [TypedValue] {
        let stations = Dictionary(grouping: learned, by: \.port).mapValues(\.count)
        let used = counts.filter { !$0.value.isZero }.keys
        return Set(links.keys).union(config.ports.keys).union(used).sorted().map { port in
            let count = counts[port] ?? PortCounts()
            var value: [String: TypedValue] = [
                "port": TypedValue(port), "stations": TypedValue(stations[port] ?? 0), "counts": count.countsValue,
                "drops": count.dropsValue,
            ]
            value["peer"] = links[port].map { .string($0.peer) }
            if config.vlans.isAware {
                value["untagged_vlan"] = config.vlans.untagged[port].map { TypedValue($0) }
            }
            return .object(value)
        }
    }

    private func counts(of module: any RunningModule) async throws -> [Int: PortCounts] {
        var counts: [Int: PortCounts] = [:]
        for entry in try await module.entries(of: "counts", limit: lastPort + 1) {
            var key = StructureReader(entry.key)
            counts[Int(key.u32())] = PortCounts(perCPU: entry.value)
        }
        return counts
    }
}

/// What frames that came by a port have made the fast path count (`struct counts`, switch.h).
struct PortCounts {
    private static let counts = ["learned", "moved", "full", "static_elsewhere", "broadcast", "multicast", "unknown"]
    private static let drops = [
        "too_short", "bad_source", "link_local", "mirror_port", "vlan", "same_port", "isolated", "storm_broadcast",
        "storm_multicast", "storm_unknown", "mac_not_allowed", "mac_limit", "address_not_allowed", "failed",
    ]

    private var numbers = [UInt64](repeating: 0, count: counts.count + drops.count)

    init() {}

    /// - Parameter bytes: the value of each CPU, one behind the other.
    init(perCPU bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        for _ in 0..<bytes.count / (8 * numbers.count) {
            for index in numbers.indices {
                numbers[index] &+= reader.u64()
            }
        }
    }

    mutating func add(_ other: PortCounts) {
        for index in numbers.indices {
            numbers[index] &+= other.numbers[index]
        }
    }

    var isZero: Bool { numbers.allSatisfy { $0 == 0 } }

    var countsValue: TypedValue { value(Self.counts, from: 0) }

    /// By reason; each frame that ended here is in one.
    var dropsValue: TypedValue { value(Self.drops, from: Self.counts.count) }

    private func value(_ names: [String], from first: Int) -> TypedValue {
        .object(Dictionary(uniqueKeysWithValues: zip(names, numbers[first...].map { TypedValue($0) })))
    }
}
