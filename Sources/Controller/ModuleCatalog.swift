// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// The built-in module types that a `hoverd` has.
public struct ModuleCatalog: Sendable {
    /// In the order in which they are shown.
    public let types: [any ModuleType]
    private let byName: [String: any ModuleType]

    public init(_ types: [any ModuleType] = []) {
        self.types = types
        byName = Dictionary(
            types.flatMap { type in ([type.name] + type.aliases).map { ($0, type) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// A type by its name, or by one that it had elsewhere.
    ///
    /// - Throws: `.invalid` with the nearest name.
    func type(named name: String) throws(HoverError) -> any ModuleType {
        guard let type = byName[name] else {
            let names = ModuleKind.allCases.map(\.rawValue) + types.map(\.name)
            throw HoverError(
                .invalid, "there is no module type \(name): \(suggestion(for: name, among: names))"
            ).at("/type")
        }
        return type
    }

    /// What a module's configuration means; nil for one that was uploaded.
    ///
    /// - Parameter previous: what its configuration before meant.
    func setup(
        of type: String?, _ config: [String: TypedValue], after previous: ModuleSetup?
    ) throws(HoverError) -> ModuleSetup? {
        guard let type else { return nil }
        do throws(ConfigError) {
            let reader = try ConfigReader(.object(config))
            let setup = try self.type(orUnknown: type).setup(reader, after: previous)
            try reader.finish()
            return setup
        } catch {
            let place = error.pointer.dropFirst()
            throw HoverError(.invalid, (place.isEmpty ? "config: " : "config \(place): ") + error.message).at(
                "/config" + error.pointer)
        }
    }

    private func type(orUnknown name: String) throws(ConfigError) -> any ModuleType {
        guard let type = byName[name] else {
            throw ConfigError("this hoverd has no module type \(name): start one that has it, or delete the module")
        }
        return type
    }

    /// The code of a built-in type.
    func code(of type: String) throws(HoverError) -> CompiledCode {
        let objects = try self.type(named: type).objects
        return CompiledCode(stored: StoredCode(objects: objects, warnings: ""))
    }
}

extension ModuleSpecification {
    /// The same with what the type says: its own name, whether it has ports, and how many at most.
    func completed(by catalog: ModuleCatalog) throws(HoverError) -> ModuleSpecification {
        var completed = self
        guard case .builtIn(let name) = code else {
            completed.maxPorts = maxPorts ?? 64
            return completed
        }
        let type = try catalog.type(named: name)
        guard counters else {
            throw HoverError(
                .invalid, "counters is false, and module type \(type.name) always counts: leave it out"
            ).at("/counters")
        }
        completed.code = .builtIn(type.name)
        completed.kind = type.isPolicy ? .policy : .forward
        completed.maxPorts = maxPorts ?? type.maxPorts
        return completed
    }

    /// The name of the built-in type; nil for what is uploaded.
    var builtIn: String? {
        guard case .builtIn(let name) = code else { return nil }
        return name
    }
}

extension ModuleRecord {
    /// Takes another configuration. Programs are loaded anew only if they depend on what differs.
    ///
    /// - Throws: `.invalid` with the place of what is wrong.
    mutating func configure(_ new: [String: TypedValue], _ catalog: ModuleCatalog) throws(HoverError) {
        guard new != config else { return }
        let before = self
        config = new
        try prepare(catalog)
        if !isLoaded(as: before) {
            generation += 1
        }
    }

    /// Whether its programs are loaded with the same values and table sizes as another one's.
    func isLoaded(as other: ModuleRecord) -> Bool {
        (setup?.constants ?? config) == (other.setup?.constants ?? other.config) && setup?.sizes == other.setup?.sizes
    }

    /// Finds what the configuration means, and gives the module the ports that it speaks of. What an earlier one meant may
    /// be there still.
    mutating func prepare(_ catalog: ModuleCatalog) throws(HoverError) {
        setup = try catalog.setup(of: type, config, after: setup)
        guard let setup else { return }
        if let port = setup.ports.first(where: { !(1...maxPort).contains($0.number) }) {
            throw HoverError(
                .invalid,
                "config: there is a port \(port.number), and module \(name) has \(maxPort) at most: create it with more "
                    + "(max_ports)"
            ).at("/config")
        }
        ports = Set(ports + setup.ports.map(\.number)).sorted()
    }
}
