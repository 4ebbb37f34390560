// SPDX-License-Identifier: Apache-2.0

/// A manifest that is brought into a model, one module and link after the other.
struct Application {
    let manifest: ManifestSpecification
    let types: ModuleCatalog
    var model: Model
    var nextNumber: UInt32
    var nextLinkNumber: Int
    var nextPlacementNumber: Int
    /// The compiled codes that are new, with their ids.
    var codeOf: [ManifestCode.Key: (code: CompiledCode, id: String)] = [:]
    private(set) var changes: [ChangeState] = []
    /// The modules of the manifest, in its order.
    private(set) var ids: [String] = []
    /// Found when a module is new.
    private lazy var takenNumbers = Set(model.modules.values.map(\.number))

    init(
        manifest: ManifestSpecification, types: ModuleCatalog, model: Model, nextNumber: UInt32, nextLinkNumber: Int,
        nextPlacementNumber: Int
    ) {
        self.manifest = manifest
        self.types = types
        self.model = model
        self.nextNumber = nextNumber
        self.nextLinkNumber = nextLinkNumber
        self.nextPlacementNumber = nextPlacementNumber
    }

    /// Modules first, for links name them; tags and placements after all modules, for they name them too.
    mutating func plan(prune: Bool, in plan: inout Plan) throws(HoverError) {
        for (index, module) in manifest.modules.enumerated() {
            let id = try inManifest("/modules/\(index)") { () throws(HoverError) in
                try planModule(module, in: &plan)
            }
            ids.append(id)
        }
        let kept = try matchLinks()
        if prune {
            try planRemoval(keeping: kept, in: &plan)
        }
        let named = namedPorts
        for (index, link) in manifest.links.enumerated() {
            try inManifest("/links/\(index)") { () throws(HoverError) in
                try planLink(link, having: kept[index], besides: named, in: &plan)
            }
        }
        for (index, module) in manifest.modules.enumerated() where module.kind == .policy {
            try inManifest("/modules/\(index)") { () throws(HoverError) in
                try planPlaces(of: ids[index], module, in: &plan)
            }
        }
    }

    private mutating func note(
        _ action: ChangeState.Action, _ kind: ChangeState.Kind, _ name: String, _ id: String, _ detail: String? = nil
    ) {
        changes.append(ChangeState(action: action, kind: kind, name: name, id: id, detail: detail))
    }
}

// MARK: - Modules

extension Application {
    private mutating func planModule(_ wanted: ModuleSpecification, in plan: inout Plan) throws(HoverError) -> String {
        let namesakes = model.modules(named: wanted.name)
        guard namesakes.count <= 1 else {
            throw HoverError(
                .conflict, "\(namesakes.count) modules are named \(wanted.name): delete or rename all but one")
        }
        guard let id = namesakes.first, let module = model.modules[id] else {
            return try planNewModule(wanted, in: &plan)
        }
        try planUpdate(of: module, wanted, in: &plan)
        return id
    }

    private mutating func planNewModule(
        _ wanted: ModuleSpecification, in plan: inout Plan
    ) throws(HoverError) -> String {
        guard let (code, codeID) = codeOf[ManifestCode.Key(wanted)] else {
            throw HoverError(.conflict, "module \(wanted.name) was deleted meanwhile: apply again")
        }
        var module = ModuleRecord(wanted, code, codeID, number: try freeNumber())
        module.isOfManifest = true
        try module.prepare(types)
        try model.planCreation(of: module, in: &plan)
        note(.create, .module, module.name, module.id)
        return module.id
    }

    private mutating func freeNumber() throws(HoverError) -> UInt32 {
        guard takenNumbers.count < 65_535 else {
            throw HoverError(.conflict, "there are 65,535 modules already, and there can be no more: delete some")
        }
        while nextNumber > 65_535 || takenNumbers.contains(nextNumber) {
            nextNumber = nextNumber >= 65_535 ? 1 : nextNumber + 1
        }
        takenNumbers.insert(nextNumber)
        defer { nextNumber += 1 }
        return nextNumber
    }

    private mutating func planUpdate(
        of module: ModuleRecord, _ wanted: ModuleSpecification, in plan: inout Plan
    ) throws(HoverError) {
        try checkUnchangeable(module, wanted)
        if !module.runs(wanted) {
            guard let (code, id) = codeOf[ManifestCode.Key(wanted)] else {
                throw HoverError(.conflict, "the code of module \(wanted.name) was replaced meanwhile: apply again")
            }
            if id != module.code {
                try model.planReplacement(of: module.id, code, id, in: &plan)
                note(.replace, .module, module.name, module.id, "code")
            }
        }
        guard let replaced = model.modules[module.id] else { return }
        var updated = replaced
        var details: [String] = []
        if !module.isOfManifest {
            updated.isOfManifest = true
            details.append("now of a manifest")
        }
        updated.hasCounters = wanted.counters
        if wanted.config != module.config {
            try updated.configure(wanted.config, types)
            // Once for both.
            updated.generation = min(updated.generation, module.generation + 1)
            details.append("config")
        }
        let ports = wanted.ports > 0 ? (1...wanted.ports).filter { !updated.ports.contains($0) } : []
        if !ports.isEmpty {
            updated.ports = (updated.ports + ports).sorted()
            details.append("ports")
        }
        if wanted.kind != .policy, wanted.tags != module.tags {
            updated.tags = wanted.tags
            details.append("tags")
        }
        if updated != replaced {
            model.set(.module(module.id, updated), in: &plan)
        }
        if !details.isEmpty {
            note(.update, .module, module.name, module.id, details.joined(separator: ", "))
        }
    }

    private func checkUnchangeable(_ module: ModuleRecord, _ wanted: ModuleSpecification) throws(HoverError) {
        let type = wanted.builtIn ?? wanted.kind.rawValue
        guard module.typeName == type else {
            throw HoverError(
                .conflict, "module \(module.name) is \(module.typeName), and would be \(type): delete it first"
            ).at("/type")
        }
        let maxPorts = wanted.maxPorts ?? 64
        guard module.kind == .policy || module.maxPort == maxPorts else {
            throw HoverError(
                .conflict,
                "module \(module.name) has \(module.maxPort) ports at most, and would have \(maxPorts): delete it first"
            ).at("/max_ports")
        }
    }

    private mutating func planPlaces(
        of id: String, _ wanted: ModuleSpecification, in plan: inout Plan
    ) throws(HoverError) {
        guard let module = model.modules[id] else { return }
        var updated = module
        updated.tags = try inManifest("/tags") { () throws(HoverError) in try model.resolve(tags: wanted.tags) }
        let number = nextPlacementNumber
        updated.placements = try inManifest("/placements") { () throws(HoverError) in
            try model.resolve(placements: wanted.placements, of: module, number: number, mayCome: true)
        }
        nextPlacementNumber += updated.placements.count
        guard updated != module else { return }
        try model.planUpdate(of: module, to: updated, in: &plan)
        if !changes.contains(where: { $0.id == id && $0.action == .create }) {
            note(.update, .module, module.name, id, updated.tags == module.tags ? "placements" : "tags")
        }
    }
}

// MARK: - Links

extension Application {
    /// The link that each of the manifest's has already; nil where there is none. Those that say more are matched first,
    /// for the others have more to choose from.
    private func matchLinks() throws(HoverError) -> [String?] {
        var taken: Set<String> = []
        var matched: [String?] = Array(repeating: nil, count: manifest.links.count)
        for index in manifest.links.indices.sorted(by: { unnamedPorts($0) < unnamedPorts($1) }) {
            let link = manifest.links[index]
            let (from, to) = try inManifest("/links/\(index)") { () throws(HoverError) in
                (try node(of: link.from), try node(of: link.to))
            }
            let links = model.links(of: from).compactMap { model.links[$0] }.sorted { $0.number < $1.number }
            let found = links.first { existing in
                guard !taken.contains(existing.id) else { return false }
                return matches(existing.from, from, link.from.port) && matches(existing.to, to, link.to.port)
                    || matches(existing.to, from, link.from.port) && matches(existing.from, to, link.to.port)
            }
            found.map { _ = taken.insert($0.id) }
            matched[index] = found?.id
        }
        return matched
    }

    /// How many ends of a link are at modules and do not say at which port.
    private func unnamedPorts(_ index: Int) -> Int {
        let link = manifest.links[index]
        return [link.from, link.to].count { $0.port == nil && !$0.node.hasPrefix("i:") }
    }

    private func matches(_ end: Endpoint, _ node: String, _ port: Int?) -> Bool {
        model.named(end).node == node && (port == nil || end.port == port) || end.node == node && port == nil
    }

    private func node(of end: EndpointRequest) throws(HoverError) -> String {
        guard end.node.hasPrefix("i:") else { return try model.resolve(module: end.node).id }
        return model.named(.interface(String(end.node.dropFirst(2)))).node
    }

    /// The ports that links name: others do not get them.
    private var namedPorts: Set<Endpoint> {
        Set(
            manifest.links.flatMap { [$0.from, $0.to] }.compactMap { end in
                // One that is not there, or not alone, is refused with its link (`matchLinks`).
                guard let port = end.port,
                    let module = model.modules(named: end.node).first ?? model.modules[end.node]?.id
                else { return nil }
                return .port(module: module, number: port)
            })
    }

    private mutating func planLink(
        _ wanted: ManifestSpecification.Link, having existing: String?, besides named: Set<Endpoint>,
        in plan: inout Plan
    ) throws(HoverError) {
        let name = "\(wanted.from.text) – \(wanted.to.text)"
        if let existing, let link = model.links[existing] {
            guard link.hook != wanted.hook else {
                if !link.isOfManifest {
                    var named = link
                    named.isOfManifest = true
                    model.set(.link(link.id, named), in: &plan)
                    note(.update, .link, name, link.id, "now of a manifest")
                }
                return
            }
            var updated = link
            updated.hook = wanted.hook
            updated.isOfManifest = true
            try model.planDeletion(ofLink: link.id, in: &plan)
            try model.planCreation(of: updated, in: &plan)
            return note(.update, .link, name, link.id, "hook")
        }
        var link = try model.resolve(
            from: wanted.from, to: wanted.to, hook: wanted.hook, number: nextLinkNumber, besides: named, mayCome: true)
        link.isOfManifest = true
        nextLinkNumber += 1
        try model.planCreation(of: link, in: &plan)
        note(.create, .link, name, link.id)
    }

    /// Removes what an earlier manifest named.
    private mutating func planRemoval(keeping kept: [String?], in plan: inout Plan) throws(HoverError) {
        let keptLinks = Set(kept.compactMap(\.self))
        let keptModules = Set(ids)
        let links = model.links.values.filter { $0.isOfManifest && !keptLinks.contains($0.id) }
            .sorted { $0.number < $1.number }
        for link in links {
            try model.planDeletion(ofLink: link.id, in: &plan)
            note(.delete, .link, model.text(of: link), link.id)
        }
        let modules = model.modules.values.filter { $0.isOfManifest && !keptModules.contains($0.id) }
            .sorted { $0.number < $1.number }
        for module in modules {
            try model.planDeletion(of: module, in: &plan)
            note(.delete, .module, module.name, module.id)
        }
    }
}
