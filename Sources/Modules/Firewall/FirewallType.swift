// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Lets packets pass by rules, and by the connections that they belong to.
public struct FirewallType: ModuleType {
    public init() {}

    public let name = "firewall"
    public let summary = "accepts, drops and rejects packets by rules and connections on the links where it lies"
    public let isPolicy = true
    public let hasSlowPath = true
    public var objects: ModuleObjects { FirewallCode.objects }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let configuration = try FirewallConfiguration(config)
        let tables: [ConfiguredTable]
        do throws(RuleCompiler.TooManyIntervals) {
            tables = try RuleCompiler.tables(configuration)
        } catch {
            throw config.error(
                "rules", "\(error.field) has more values than can be told apart: use larger prefixes or fewer rules")
        }
        return ModuleSetup(
            constants: configuration.constants, sizes: Self.sizes(configuration, pages: tables[0].entries.count),
            tables: tables)
    }

    /// There is room for the pages of two sets of rules, of which one takes the other's place. Another size is another
    /// generation with a table of its own, and so it needs a `ruleset` of its own as well: its size says that.
    private static func sizes(_ configuration: FirewallConfiguration, pages: Int) -> [String: Int] {
        var room = 64
        var generation = 1
        while room < 2 * pages {
            room *= 2
            generation += 1
        }
        return [
            "pages": room, "ruleset": generation, "connections": configuration.connections,
            "connections_index": 2 * configuration.connections,
        ]
    }

    /// Counters of rules that are no more would fill their table in time.
    public func run(_ module: any RunningModule) async throws {
        for await value in await module.configurations() {
            do {
                try await Self.forgetCounters(of: module, but: Self.counterKeys(value))
            } catch {
                // The module is being deleted, mostly; otherwise the next change tries again.
                module.logger.debug("counters of rules that are no more stay: \(error)")
            }
        }
    }

    private static func forgetCounters(of module: any RunningModule, but known: Set<[UInt8]>) async throws {
        for entry in try await module.entries(of: "rule_counters", limit: mostCounters)
        where !known.contains(entry.key) {
            try await module.remove(entry.key, from: "rule_counters")
        }
    }

    /// What the table of counters has room for.
    static let mostCounters = 4 * FirewallConfiguration.mostRules

    private static func counterKeys(_ value: TypedValue) throws -> Set<[UInt8]> {
        let configuration = try FirewallConfiguration(ConfigReader(value))
        return Set(configuration.rules.map { StructureBytes().u64($0.key).bytes })
    }
}
