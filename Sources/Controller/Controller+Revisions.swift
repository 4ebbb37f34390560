// SPDX-License-Identifier: Apache-2.0

extension Controller {
    /// The number of the last change; what ETags show.
    public var currentRevision: Int { revision }

    /// The last changes, newest first.
    public func revisions() async throws(HoverError) -> [Revision] {
        try await store.revisions()
    }

    /// Makes modules and links what they were at an earlier revision: one transaction, and a new revision. What data
    /// planes have learnt since stays; modules that were deleted begin anew, with the entries that users had set.
    ///
    /// - Throws: `.notFound` for a revision that is not kept any more.
    public func rollBack(to number: Int, dryRun: Bool) async throws(HoverError) -> TransactionResult {
        try await exclusively { () async throws(HoverError) in
            let kept = try await self.store.revisions().map(\.number)
            guard let oldest = kept.last, kept.contains(number) || number == oldest - 1 else {
                throw HoverError(
                    .notFound, "there is no revision \(number) to go back to: `hoverctl get revisions` lists them")
            }
            let earlier = try await self.store.rows(at: number)
            try await self.refreshInterfaces()
            var entries: [StoredEntry] = []
            let result = try await self.transaction("roll back to revision \(number)", dryRun: dryRun) {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                var rollback = Rollback(rows: earlier, types: self.types, model: model)
                try rollback.plan(in: &plan)
                model = rollback.model
                let made = Set(rollback.changes.filter { $0.action == .create && $0.kind == .module }.map(\.id))
                plan.entries = earlier.entries.filter { made.contains($0.module) }
                entries = plan.entries
                return rollback.changes
            }
            if !dryRun {
                await self.restore(entries)
            }
            return result
        }
    }
}

/// Earlier rows that are brought into a model.
private struct Rollback {
    let rows: EarlierRows
    let types: ModuleCatalog
    var model: Model
    private(set) var changes: [ChangeState] = []

    init(rows: EarlierRows, types: ModuleCatalog, model: Model) {
        self.rows = rows
        self.types = types
        self.model = model
    }

    mutating func plan(in plan: inout Plan) throws(HoverError) {
        let presentLinks = Set(model.links.keys)
        for (id, row) in rows.links.sorted(by: { $0.key < $1.key }) {
            guard let link = model.links[id], link != row else { continue }
            let name = model.text(of: link)
            try model.planDeletion(ofLink: id, in: &plan)
            if row == nil {
                note(.delete, .link, name, id)
            }
        }
        let modules = rows.modules.sorted { $0.key < $1.key }
        for case (let id, nil) in modules {
            guard let module = model.modules[id] else { continue }
            try model.planDeletion(of: module, in: &plan)
            note(.delete, .module, module.name, id)
        }
        for case (_, var row?) in modules {
            row.setup = model.modules[row.id]?.setup
            try row.prepare(types)
            try planModule(row, in: &plan)
        }
        for case (_, let row?) in modules where row.kind == .policy {
            try planPlaces(of: row, in: &plan)
        }
        for case (let id, let row?) in rows.links.sorted(by: { $0.key < $1.key }) where model.links[id] != row {
            try model.planCreation(of: row, in: &plan)
            note(presentLinks.contains(id) ? .update : .create, .link, model.text(of: row), id)
        }
    }

    private mutating func planModule(_ row: ModuleRecord, in plan: inout Plan) throws(HoverError) {
        guard let module = model.modules[row.id] else {
            var new = row
            new.tags = row.kind == .policy ? [] : row.tags
            new.placements = []
            new.isAtXDP = false
            try model.planCreation(of: new, in: &plan)
            return note(.create, .module, row.name, row.id)
        }
        var updated = row
        updated.tags = row.kind == .policy ? module.tags : row.tags
        updated.placements = module.placements
        // What it has got in the meantime stays: programs of ports, the tables as they are, its place at xdp.
        updated.ports = Set(row.ports + module.ports).sorted()
        updated.tables = module.tables
        updated.isAtXDP = module.isAtXDP
        if row.type != nil {
            // Built-in code is this hoverd's.
            updated.code = module.code
        }
        let isReplaced = updated.code != module.code || !updated.isLoaded(as: module)
        updated.generation = module.generation + (isReplaced ? 1 : 0)
        guard updated != module else { return }
        if module.isAtXDP, let obstacle = row.unfitForXDP {
            throw HoverError(
                .conflict,
                "module \(module.name) is in a chain at xdp, where it cannot run at that revision: \(obstacle)")
        }
        model.set(.module(row.id, updated), in: &plan)
        note(isReplaced ? .replace : .update, .module, row.name, row.id)
    }

    private mutating func planPlaces(of row: ModuleRecord, in plan: inout Plan) throws(HoverError) {
        guard let module = model.modules[row.id], module.tags != row.tags || module.placements != row.placements else {
            return
        }
        var updated = module
        updated.tags = row.tags
        updated.placements = row.placements
        try model.planUpdate(of: module, to: updated, in: &plan)
        if !changes.contains(where: { $0.id == row.id }) {
            note(.update, .module, row.name, row.id)
        }
    }

    private mutating func note(_ action: ChangeState.Action, _ kind: ChangeState.Kind, _ name: String, _ id: String) {
        changes.append(ChangeState(action: action, kind: kind, name: name, id: id))
    }
}
