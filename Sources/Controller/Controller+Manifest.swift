// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Controller {
    /// Makes what is there what a manifest says: one transaction, all or nothing. What is as it says stays untouched.
    ///
    /// - Parameters:
    ///   - prune: removes what an earlier manifest named and this one does not.
    ///   - dryRun: only says what would be done.
    /// - Throws: with the `pointer` of the member at fault.
    public func apply(
        _ manifest: ManifestSpecification, prune: Bool, dryRun: Bool
    ) async throws(HoverError) -> TransactionResult {
        var phases = Phases()
        let manifest = try manifest.completed(by: types)
        try manifest.check()
        let codes = try await codes(for: manifest)
        phases.end("compile")
        return try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces(of: manifest)
            phases.end("interfaces")
            self.logger.debug("code of a manifest: \(phases.text)")
            let held = codes.map { self.store.hold($0.stored) }
            defer { self.store.letGo(held) }
            let codeOf = Dictionary(zip(codes.map(\.key), zip(codes, held)), uniquingKeysWith: { first, _ in first })
            var ids: [String] = []
            do throws(HoverError) {
                return try await self.transaction("apply a manifest", dryRun: dryRun) {
                    (model: inout Model, plan: inout Plan) throws(HoverError) in
                    var application = Application(
                        manifest: manifest, types: self.types, model: model, nextNumber: self.nextNumber,
                        nextLinkNumber: self.nextLinkNumber, nextPlacementNumber: self.nextPlacementNumber)
                    application.codeOf = codeOf.mapValues { (code: $0.0.code, id: $0.1) }
                    // The only one that has the rows now: the first change would copy all of them otherwise.
                    model = Model(readCode: model.readCode)
                    defer { model = application.model }
                    try application.plan(prune: prune, in: &plan)
                    ids = application.ids
                    if !dryRun {
                        self.nextNumber = application.nextNumber
                        self.nextLinkNumber = application.nextLinkNumber
                        self.nextPlacementNumber = application.nextPlacementNumber
                    }
                    return application.changes
                }
            } catch {
                throw error.placed(in: manifest, ids: ids)
            }
        }
    }

    /// Carries out a change, or only says what it would be.
    func transaction(
        _ summary: String, dryRun: Bool, _ planning: (inout Model, inout Plan) throws(HoverError) -> [ChangeState]
    ) async throws(HoverError) -> TransactionResult {
        guard dryRun else {
            let changes = try await change(summary, planning)
            return TransactionResult(revision: revision, changes: withReasons(changes))
        }
        try checkRevision()
        var trial = model
        var plan = Plan()
        return TransactionResult(revision: revision, changes: try planning(&trial, &plan))
    }

    /// Links that wait say what for.
    private func withReasons(_ changes: [ChangeState]) -> [ChangeState] {
        changes.map { change in
            guard change.kind == .link, change.action == .create, let link = model.links[change.id],
                let reason = model.pendingReason(of: link)
            else { return change }
            var pending = change
            pending.detail = "pending: " + reason
            return pending
        }
    }

    private func refreshInterfaces(of manifest: ManifestSpecification) async throws(HoverError) {
        let links = manifest.links.flatMap { [$0.from.node, $0.to.node] }
        let placements = manifest.modules.flatMap(\.placements).map(\.end.node)
        let names = Set(links + placements).filter { $0.hasPrefix("i:") }.map { String($0.dropFirst(2)) }
        guard !names.isEmpty else { return }
        try await refreshInterfaces()
        for name in names.sorted() where model.interface(named: name).map({ !isRefreshed($0) }) ?? false {
            try await refreshInterface(named: name)
        }
    }

    /// What has a link or programs is kept up to date anyway.
    private func isRefreshed(_ record: InterfaceRecord) -> Bool {
        model.attachments[record.index] != nil || record.interface.kind != "veth"
    }

    /// The codes that modules do not have yet, each compiled once.
    private func codes(for manifest: ManifestSpecification) async throws(HoverError) -> [ManifestCode] {
        var codes: [ManifestCode] = []
        var known: Set<ManifestCode.Key> = []
        for (index, module) in manifest.modules.enumerated() {
            let key = ManifestCode.Key(module)
            guard !hasAlready(module), known.insert(key).inserted else { continue }
            do throws(HoverError) {
                let code = try await compile(module.code, counters: module.counters)
                codes.append(ManifestCode(key: key, code: code))
            } catch {
                throw error.at("/modules/\(index)/\(module.code.member)")
            }
        }
        return codes
    }

    private func hasAlready(_ module: ModuleSpecification) -> Bool {
        model.modules(named: module.name).first.flatMap { model.modules[$0] }?.runs(module) ?? false
    }
}

extension ModuleRecord {
    /// Whether its code was made of a specification's source. Of objects that is known by their digest only.
    func runs(_ wanted: ModuleSpecification) -> Bool {
        if let type { return wanted.builtIn == type }
        guard case .source(let text, _) = wanted.code else { return false }
        return source == text && hasCounters == wanted.counters
    }
}

extension HoverError {
    /// The same, about the member of a manifest that has the module that could not be loaded.
    fileprivate func placed(in manifest: ManifestSpecification, ids: [String]) -> HoverError {
        guard pointer == nil, let module, let index = ids.firstIndex(of: module) else { return self }
        return at("/modules/\(index)/\(kind == .invalid ? "config" : manifest.modules[index].code.member)")
    }
}

/// A code of a manifest, compiled.
struct ManifestCode: Sendable {
    /// What it was compiled from.
    struct Key: Sendable, Hashable {
        var source: String?
        var object: [UInt8]?
        var builtIn: String?
        var counters: Bool

        init(_ module: ModuleSpecification) {
            counters = module.counters
            switch module.code {
            case .source(let text, _): source = text
            case .object(let bytes): object = bytes
            case .builtIn(let name): builtIn = name
            }
        }
    }

    var key: Key
    var code: CompiledCode

    var stored: StoredCode { code.stored }
}

extension ModuleSpecification.Code {
    /// The member of a request that has it.
    var member: String {
        switch self {
        case .source: "source"
        case .object: "object"
        case .builtIn: "type"
        }
    }
}

extension ManifestSpecification {
    /// The same with what the types say.
    func completed(by catalog: ModuleCatalog) throws(HoverError) -> ManifestSpecification {
        var completed = self
        for (index, module) in modules.enumerated() {
            completed.modules[index] = try inManifest("/modules/\(index)") { () throws(HoverError) in
                try module.completed(by: catalog)
            }
        }
        return completed
    }

    func check() throws(HoverError) {
        var names: Set<String> = []
        for (index, module) in modules.enumerated() {
            try inManifest("/modules/\(index)") { () throws(HoverError) in
                try module.check()
            }
            guard names.insert(module.name).inserted else {
                throw HoverError(
                    .invalid, "two modules of the manifest are named \(module.name): names are unique in a manifest"
                ).at("/modules/\(index)/name")
            }
        }
    }
}
