// SPDX-License-Identifier: Apache-2.0

import ModuleKit

/// What the rules of a running firewall counted (`counters.h`).
struct RuleCounters {
    private let module: any RunningModule

    init(_ module: any RunningModule) {
        self.module = module
    }

    /// What has a place by its id's low bits.
    static let places = 4096
    /// What the table of all others has room for.
    private static let mostEntries = 4 * FirewallConfiguration.mostRules

    /// What all CPUs counted: a `struct firewall_amount` of each.
    static func sum(_ values: [UInt8]) -> (packets: UInt64, bytes: UInt64) {
        var reader = StructureReader(values)
        return (0..<values.count / 16).reduce(into: (0, 0)) { sum, _ in
            sum.packets &+= reader.u64()
            sum.bytes &+= reader.u64()
        }
    }

    /// Packets and bytes of each rule that met any, by its key. A rule may have counted before it had a place.
    func read() async throws -> [UInt64: (packets: UInt64, bytes: UInt64)] {
        var amounts: [UInt64: (packets: UInt64, bytes: UInt64)] = [:]
        func add(_ values: [UInt8], of rule: UInt64) {
            let (packets, bytes) = Self.sum(values)
            let before = amounts[rule] ?? (0, 0)
            amounts[rule] = (before.packets &+ packets, before.bytes &+ bytes)
        }
        let owners = try await owners()
        for (place, value) in try await module.entries(of: "frequent_counts", limit: Self.places) {
            if let owner = owners[place] { add(value, of: owner) }
        }
        for (key, value) in try await module.entries(of: "rule_counts", limit: Self.mostEntries) {
            add(value, of: Self.number(key))
        }
        return amounts
    }

    /// The rules that have places, by those.
    private func owners() async throws -> [[UInt8]: UInt64] {
        var owners: [[UInt8]: UInt64] = [:]
        for (place, value) in try await module.entries(of: "frequent_rules", limit: Self.places) {
            let rule = Self.number(value)
            if rule != 0 { owners[place] = rule }
        }
        return owners
    }

    private static func number(_ bytes: [UInt8]) -> UInt64 {
        var reader = StructureReader(bytes)
        return reader.u64()
    }

    /// Forgets what rules counted that are no more: without `known`, the configuration before, it looks for them.
    func forgetRulesGone(
        from configuration: FirewallConfiguration, after known: FirewallConfiguration?
    ) async throws {
        var gone: Set<UInt64>
        if let known, let replaced = configuration.replacedRules, let changed = configuration.changedRules {
            gone = Self.keys(known.rules[replaced]).subtracting(Self.keys(configuration.rules[changed]))
        } else {
            gone = Set(try await read().keys)
        }
        guard !gone.isEmpty else { return }
        gone.subtract(Self.keys(configuration.rules[...]))
        for rule in gone {
            try await forget(rule)
        }
    }

    private static func keys(_ rules: ArraySlice<Shared<Rule>>) -> Set<UInt64> {
        Set(rules.map(\.value.key))
    }

    private func forget(_ rule: UInt64) async throws {
        let key = StructureBytes().u64(rule).bytes
        for table in ["rule_counts", "rule_limits"] {
            try await module.remove(key, from: table)
        }
        let place = StructureBytes().u32(UInt32(rule % UInt64(Self.places))).bytes
        guard try await module.value(of: place, in: "frequent_rules") == key else { return }
        // Empty, on all CPUs, before it is another's.
        try await module.set([UInt8](repeating: 0, count: 16), for: place, in: "frequent_counts")
        try await module.set(StructureBytes().u64(0).bytes, for: place, in: "frequent_rules")
    }
}
