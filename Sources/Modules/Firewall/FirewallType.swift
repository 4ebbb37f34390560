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
        try setup(config, after: nil)
    }

    public func setup(_ config: ConfigReader, after previous: ModuleSetup?) throws(ConfigError) -> ModuleSetup {
        let known = previous?.memory.content as? CompiledRules
        let configuration = try FirewallConfiguration(config, after: known?.configuration)
        let compiled: CompiledRules
        do throws(CompiledRules.TooManyIntervals) {
            compiled = try CompiledRules(configuration, after: known)
        } catch {
            throw config.error(
                "rules", "\(error.field) has more values than can be told apart: use larger prefixes or fewer rules")
        }
        let tables = compiled.tables
        var setup = ModuleSetup(
            constants: configuration.constants, sizes: Self.sizes(configuration, pages: tables[0].entries.count),
            tables: tables)
        setup.memory = SetupMemory(compiled)
        return setup
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
        var known: FirewallConfiguration?
        for await value in await module.configurations() {
            let configuration = try FirewallConfiguration(ConfigReader(value), after: known)
            try await RuleCounters(module).forgetRulesGone(from: configuration, after: known)
            known = configuration
            // Rules that are changed one after the other need not all be looked through each time.
            try await Task.sleep(for: .seconds(1))
        }
    }
}
