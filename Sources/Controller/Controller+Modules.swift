// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import ModuleCompiler
import TypedValue

extension Controller {
    /// All modules in the order of their creation, then the Linux bridges.
    public func modules() async throws(HoverError) -> [ModuleState] {
        try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces()
            var states: [ModuleState] = []
            for module in self.model.modules.values.sorted(by: { $0.number < $1.number }) {
                states.append(try await self.state(of: module))
            }
            return states + self.bridges()
        }
    }

    /// One module, by its id or its display name.
    ///
    /// - Throws: `.notFound`; `.conflict` for a name that several modules have.
    public func module(_ reference: String) async throws(HoverError) -> ModuleState {
        try await exclusively { () async throws(HoverError) in
            if self.isBridge(reference) {
                try await self.refreshInterfaces()
                guard let bridge = self.bridges().first(where: { $0.id == reference }) else {
                    throw HoverError(
                        .notFound, "there is no bridge \(reference.dropFirst(2)): `ip link show type bridge` lists them"
                    )
                }
                return bridge
            }
            return try await self.state(of: self.model.resolve(module: reference))
        }
    }

    /// Compiles (unless it comes as an object), checks, and loads a module. It receives packets once it is linked.
    ///
    /// - Throws: `.compile`, `.object` or `.verifier` for code that is refused, `.tooLarge` for a source over 1 MiB,
    ///   `.invalid` for anything else in the specification, `.kernel`.
    public func createModule(_ specification: ModuleSpecification) async throws(HoverError) -> ModuleState {
        let specification = try specification.completed(by: types)
        try specification.check()
        let code = try await compile(specification.code, counters: specification.counters)
        return try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces(of: specification.placements)
            let held = self.store.hold(code.stored)
            defer { self.store.letGo([held]) }
            let number = try self.freeNumber()
            let module = try await self.change("create module \(specification.name)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                try self.planCreation(specification, code, held, number, in: &model, &plan)
            }
            self.nextNumber = number + 1
            return try await self.state(of: self.model.modules[module.id] ?? module)
        }
    }

    /// Plans a module, and gives its placements numbers.
    func planCreation(
        _ specification: ModuleSpecification, _ code: CompiledCode, _ codeID: String, _ number: UInt32,
        in model: inout Model, _ plan: inout Plan
    ) throws(HoverError) -> ModuleRecord {
        var module = ModuleRecord(specification, code, codeID, number: number)
        try module.prepare(types)
        if specification.kind == .policy {
            module.tags = try model.resolve(tags: specification.tags)
        }
        module.placements = try resolve(specification.placements, of: module, in: model)
        try model.planCreation(of: module, in: &plan)
        return module
    }

    /// Changes a module's display name, tags, placements and configuration; nil leaves them.
    public func updateModule(
        _ reference: String, name: String?, tags: [String]?, placements: [PlacementRequest]? = nil,
        config: [String: TypedValue]? = nil
    ) async throws(HoverError) -> ModuleState {
        try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces(of: placements ?? [])
            let module = try self.writable(reference)
            if let name {
                try ModuleSpecification.check(name: name)
            }
            try await self.change("update module \(module.name)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                var updated = module
                updated.name = name ?? module.name
                if let tags {
                    updated.tags = module.kind == .policy ? try model.resolve(tags: tags) : tags
                }
                if let placements {
                    updated.placements = try self.resolve(placements, of: module, in: model)
                }
                if let config {
                    try updated.configure(config, self.types)
                }
                try model.planUpdate(of: module, to: updated, in: &plan)
            }
            return try await self.state(of: self.model.modules[module.id] ?? module)
        }
    }

    /// Exchanges a module's code while packets go through it. Tables whose types agree are taken over with their entries;
    /// each packet meets the old code or the new one, wholly.
    ///
    /// - Throws: `.object` for a table that the new code would read otherwise, with what differs; as `createModule`.
    public func replaceCode(
        of reference: String, with code: ModuleSpecification.Code
    ) async throws(HoverError) -> ModuleState {
        let before = try writable(reference)
        guard before.type == nil else {
            throw HoverError(
                .invalid,
                "module \(before.name) is of the built-in type \(before.type ?? ""), whose code comes with hoverd: make "
                    + "another module, and move its links")
        }
        let compiled = try await compile(code, counters: before.hasCounters)
        return try await exclusively { () async throws(HoverError) in
            let held = self.store.hold(compiled.stored)
            defer { self.store.letGo([held]) }
            let module = try self.writable(reference)
            try await self.change("replace the code of module \(module.name)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planReplacement(of: module.id, compiled, held, in: &plan)
            }
            return try await self.state(of: self.model.modules[module.id] ?? module)
        }
    }

    /// Deletes a module. Its links go too, and policies no longer tag it or lie at its ports.
    public func deleteModule(_ reference: String) async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            let module = try self.writable(reference)
            try await self.change("delete module \(module.name)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planDeletion(of: module, in: &plan)
            }
        }
    }

    /// Gives a module the lowest port that it does not have yet.
    ///
    /// - Throws: `.conflict` when it has all that it can have; `.invalid` for a policy.
    public func addPort(to reference: String) async throws(HoverError) -> PortState {
        try await exclusively { () async throws(HoverError) in
            let module = try self.writable(reference)
            guard module.kind == .forward else {
                throw HoverError(.invalid, "module \(module.id) is a policy and has no ports: give it tags")
            }
            guard let number = (1...module.maxPort).first(where: { !module.ports.contains($0) }) else {
                throw HoverError(
                    .conflict,
                    "module \(module.id) has all its \(module.maxPort) ports: create it with more (max_ports)"
                )
            }
            try await self.change("create port \(module.name):\(number)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planPort(number, ofModule: module.id, in: &plan)
            }
            return PortState(number: number, peer: nil, rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0)
        }
    }

    func refreshInterfaces(of requests: [PlacementRequest]) async throws(HoverError) {
        for request in requests where request.end.node.hasPrefix("i:") {
            try await refreshInterface(named: String(request.end.node.dropFirst(2)))
        }
    }

    func resolve(
        _ requests: [PlacementRequest], of module: ModuleRecord, in model: Model
    ) throws(HoverError) -> [PlacementRecord] {
        let placements = try model.resolve(placements: requests, of: module, number: nextPlacementNumber)
        nextPlacementNumber += placements.count
        return placements
    }

    func compile(
        _ code: ModuleSpecification.Code, counters: Bool
    ) async throws(HoverError) -> CompiledCode {
        switch code {
        case .object(let object):
            guard counters else {
                throw HoverError(
                    .invalid,
                    "counters is false, and an object counts as it was compiled: use -DHOVER_NO_COUNTERS there")
            }
            return CompiledCode(
                stored: StoredCode(objects: ModuleObjects(tc: object), warnings: ""),
                unfitForXDP: "it was uploaded as an object for tc")
        case .source(let source, let file):
            let macros = counters ? [] : ["HOVER_NO_COUNTERS"]
            async let atXDP = compile(source, file: file, defining: macros + ["HOVER_XDP"])
            do throws(CompileError) {
                let compiled = try await compile(source, file: file, defining: macros).get()
                var code = CompiledCode(
                    stored: StoredCode(
                        objects: ModuleObjects(tc: compiled.object), source: source, warnings: compiled.output))
                switch await atXDP {
                case .success(let compiled): code.stored.objects.xdp = compiled.object
                case .failure(let error): code.unfitForXDP = error.message
                }
                return code
            } catch {
                throw HoverError(error)
            }
        case .builtIn(let name): return try types.code(of: name)
        }
    }

    private nonisolated func compile(
        _ source: String, file: String, defining macros: [String]
    ) async -> Result<CompiledModule, CompileError> {
        do throws(CompileError) {
            return .success(try await compiler.compile(source, file: file, defining: macros))
        } catch {
            return .failure(error)
        }
    }

    /// The number of the next module: one of the 65,535 places in the table by which packets enter modules
    /// (`hover_entries`). As long as numbers go up, they give the order of creation.
    func freeNumber() throws(HoverError) -> UInt32 {
        let taken = Set(model.modules.values.map(\.number))
        guard taken.count < 65_535 else {
            throw HoverError(.conflict, "there are 65,535 modules already, and there can be no more: delete some")
        }
        var number = nextNumber
        while number > 65_535 || taken.contains(number) {
            number = number >= 65_535 ? 1 : number + 1
        }
        return number
    }

    func isBridge(_ reference: String) -> Bool { reference.hasPrefix("b:") }

    func writable(_ reference: String) throws(HoverError) -> ModuleRecord {
        guard !isBridge(reference) else {
            throw HoverError(.invalid, "\(reference) is a Linux bridge, which hover only shows: use `ip link`")
        }
        return try model.resolve(module: reference)
    }

    private func bridges() -> [ModuleState] {
        model.interfaces.values.filter { $0.interface.kind == "bridge" }.sorted { $0.index < $1.index }.map { record in
            ModuleState(
                id: "b:" + record.interface.name, name: record.interface.name, kind: .bridge, tags: [], placements: [],
                ports: [], drops: [:], config: [:], number: 0, warnings: "", source: nil)
        }
    }

    func state(of module: ModuleRecord) async throws(HoverError) -> ModuleState {
        let count: ModuleCount
        do throws(DataplaneError) {
            count = try await dataplane.counters(ofModule: module.id)
        } catch {
            throw HoverError(error)
        }
        let ports = module.ports.map { number in
            let counted = count.ports.indices.contains(number) ? count.ports[number] : PortCount()
            return PortState(
                number: number, peer: peer(of: .port(module: module.id, number: number)),
                rxPackets: counted.rxPackets, rxBytes: counted.rxBytes, txPackets: counted.txPackets,
                txBytes: counted.txBytes)
        }
        return ModuleState(
            id: module.id, name: module.name, kind: module.kind, builtIn: module.type, tags: module.tags,
            placements: module.placements, ports: ports,
            drops: Dictionary(uniqueKeysWithValues: count.drops.map { ($0.key.name, $0.value) }),
            config: module.config, number: module.number, warnings: module.warnings, source: module.source,
            packetIns: count.packetIns, copies: count.copies, unfitForXDP: module.unfitForXDP, code: module.code,
            generation: module.generation)
    }

    private func peer(of end: Endpoint) -> Endpoint? {
        guard let id = model.link(at: end), let link = model.links[id] else { return nil }
        return link.from == end ? link.to : link.from
    }
}

extension ModuleRecord {
    /// A new module, whose tags and placements, if it is a policy, are still to be found.
    init(_ specification: ModuleSpecification, _ code: CompiledCode, _ codeID: String, number: UInt32) {
        self.init(
            id: "m:" + UUID().uuidString.lowercased(), number: number, name: specification.name,
            kind: specification.kind, type: specification.builtIn,
            tags: specification.kind == .policy ? [] : specification.tags, code: codeID,
            hasCounters: specification.counters, source: code.stored.source, warnings: code.stored.warnings,
            config: specification.config, maxPort: specification.maxPorts ?? 64,
            ports: specification.ports > 0 ? Array(1...specification.ports) : [], tables: [],
            unfitForXDP: code.unfitForXDP)
    }
}

/// What a module is loaded from, compiled.
struct CompiledCode: Sendable {
    var stored: StoredCode
    var unfitForXDP: String?
}

extension ModuleSpecification {
    /// The most ports that a module can have: its counters must fit into one per-CPU value of the kernel's, 32 KiB
    /// (PCPU_MIN_UNIT_SIZE, include/linux/percpu.h).
    public static let portLimit = 1000

    func check() throws(HoverError) {
        try Self.check(name: name)
        guard kind != .bridge else {
            throw HoverError(
                .invalid, "a bridge is made with `ip link add name … type bridge`; hover then shows it")
        }
        let maxPorts = maxPorts ?? 64
        guard (1...Self.portLimit).contains(maxPorts) else {
            throw HoverError(.invalid, "max_ports is \(maxPorts), and can be 1 to \(Self.portLimit)")
        }
        guard kind == .forward || ports == 0 else {
            throw HoverError(.invalid, "ports is \(ports), and a policy has none: leave it out")
        }
        guard (0...maxPorts).contains(ports) else {
            throw HoverError(.invalid, "ports is \(ports), and can be 0 to \(maxPorts), which max_ports says")
        }
    }

    /// A name is for people and for command lines, and must not look like an id.
    static func check(name: String) throws(HoverError) {
        guard !name.isEmpty, name.utf8.count <= 128, !name.unicodeScalars.contains(where: { $0.properties.isControl })
        else {
            throw HoverError(.invalid, "a module's name has 1 to 128 bytes, none of them control characters")
        }
        guard !["m:", "i:", "b:", "l:"].contains(where: { name.hasPrefix($0) }) else {
            throw HoverError(.invalid, "the name \(name) begins like an id: take another one")
        }
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control }
}
