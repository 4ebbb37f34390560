// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TypedValue

/// A kind of IO Module that Hover brings along. Its folder under `Sources/Modules` holds all that is known of it.
///
/// A type is three things: what its configuration means (`setup`), its part in user space (`run`), and what it shows of
/// itself (`state`).
public protocol ModuleType: Sendable {
    /// What requests call it: `switch`.
    var name: String { get }
    /// Names that it had elsewhere, and that are accepted too.
    var aliases: [String] { get }
    /// One sentence for `hoverctl get types`.
    var summary: String { get }
    /// Whether it is transparent: such a module has no ports, and lies on links by tags and placements.
    var isPolicy: Bool { get }
    /// The eBPF objects, compiled when Hover was built.
    var objects: ModuleObjects { get }
    /// The most ports that a module can have when nothing else is asked for.
    var maxPorts: Int { get }
    /// Whether `run` does anything.
    var hasSlowPath: Bool { get }

    /// Says what a configuration means for the fast path. Called for each change, and each time when `hoverd` starts, so
    /// the same configuration must give the same.
    ///
    /// - Throws: for what is wrong; nothing was changed then.
    func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup

    /// The same for a configuration that takes another one's place. It must give the same as `setup(config)`, and may take
    /// from the other one's setup what is not to be made again (`ModuleSetup.memory`).
    func setup(_ config: ConfigReader, after previous: ModuleSetup?) throws(ConfigError) -> ModuleSetup

    /// Runs the slow path of one module until the task is cancelled.
    ///
    /// - Throws: what it cannot go on after: it is run again a second later.
    func run(_ module: any RunningModule) async throws

    /// What the module has learned and counted, for people.
    ///
    /// - Parameter limit: the most elements of each list.
    func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue]
}

extension ModuleType {
    public var aliases: [String] { [] }
    public var isPolicy: Bool { false }
    public var maxPorts: Int { 64 }
    public var hasSlowPath: Bool { false }
    public func setup(_ config: ConfigReader, after previous: ModuleSetup?) throws(ConfigError) -> ModuleSetup {
        try setup(config)
    }
    public func run(_ module: any RunningModule) async throws {}
    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] { [:] }

    /// The keys of its configuration.
    public var configDescription: ConfigDescription {
        let reader = ConfigReader.describing()
        // What is wrong with the values that stand for all is of no interest: the keys were asked for before.
        _ = try? setup(reader)
        return reader.description
    }
}

/// What a configuration means for a module's fast path.
public struct ModuleSetup: Sendable, Hashable {
    /// Values for `const volatile` globals. Other ones load the programs anew, beside those that run.
    public var constants: [String: TypedValue]
    /// The most entries of tables. Other ones load the programs anew, with the entries that the tables have. A table that
    /// expires entries (`HOVER_AGING_TABLE`) cannot have another size later: such a change is refused.
    public var sizes: [String: Int]
    /// All entries of the tables that the configuration decides alone. Where only these differ, the entries that differ
    /// are set or removed while the programs run on: tables in the order in which they are here, and back to front for
    /// what is removed.
    public var tables: [ConfiguredTable]
    /// The ports that the configuration speaks of. They are made with the module.
    public var ports: [ConfiguredPort]
    /// What the type made on the way here, for the next setup of the same module. It follows from the configuration.
    public var memory = SetupMemory()

    public init(
        constants: [String: TypedValue] = [:], sizes: [String: Int] = [:], tables: [ConfiguredTable] = [],
        ports: [ConfiguredPort] = []
    ) {
        self.constants = constants
        self.sizes = sizes
        self.tables = tables
        self.ports = ports
    }
}

/// What a type keeps with a setup. Setups are alike whatever is in there.
public struct SetupMemory: Sendable, Hashable {
    public var content: (any Sendable)?

    public init(_ content: (any Sendable)? = nil) {
        self.content = content
    }

    public static func == (left: SetupMemory, right: SetupMemory) -> Bool { true }

    public func hash(into hasher: inout Hasher) {}
}

/// A port that a configuration speaks of.
public struct ConfiguredPort: Sendable, Hashable {
    public var number: Int
    /// The module or interface that is to be linked there: a link with it takes this port, if it names none. Nil leaves
    /// it open.
    public var peer: String?

    public init(number: Int, peer: String? = nil) {
        self.number = number
        self.peer = peer
    }
}
