// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Model {
    /// Finds a module by its id or its display name.
    func resolve(module reference: String) throws(HoverError) -> ModuleRecord {
        if let module = modules[reference] {
            return module
        }
        let found = modules(named: reference).sorted()
        guard found.count <= 1 else {
            throw HoverError(
                .conflict,
                "\(found.count) modules are named \(reference) (\(found.joined(separator: ", "))): use an id")
        }
        guard let id = found.first, let module = modules[id] else {
            throw HoverError(.notFound, "there is no module \(reference): `hoverctl get modules` lists them")
        }
        return module
    }

    /// The nodes that tags name: `b:` and `i:` as they are, whether they exist yet or not; modules by their id.
    func resolve(tags: [String]) throws(HoverError) -> [String] {
        var resolved: [String] = []
        for tag in tags {
            let node = tag.hasPrefix("b:") || tag.hasPrefix("i:") ? tag : try resolve(module: tag).id
            if !resolved.contains(node) {
                resolved.append(node)
            }
        }
        return resolved
    }

    mutating func planCreation(of module: ModuleRecord, in plan: inout Plan) throws(HoverError) {
        set(.module(module.id, module), in: &plan)
        try planEdges(around: module.tags, in: &plan)
        try planEdges(at: module.placements, in: &plan)
    }

    /// Plans a module's other name, tags or placements.
    mutating func planUpdate(
        of module: ModuleRecord, to updated: ModuleRecord, in plan: inout Plan
    ) throws(HoverError) {
        let neighbours = neighbours(of: module.id)
        set(.module(module.id, updated), in: &plan)
        guard module.kind == .policy else { return }
        planStay(of: neighbours, nextTo: module.id, in: &plan)
        try planEdges(around: Set(updated.tags).symmetricDifference(module.tags).sorted(), in: &plan)
        try planEdges(at: Set(updated.placements).symmetricDifference(module.placements), in: &plan)
    }

    /// Plans other code for a module.
    mutating func planReplacement(
        of id: String, _ code: CompiledCode, _ codeID: String, in plan: inout Plan
    ) throws(HoverError) {
        guard var module = modules[id] else { return }
        if module.isAtXDP, let obstacle = code.unfitForXDP {
            throw HoverError(
                .conflict,
                "module \(module.name) is in a chain at xdp, and the new code cannot run there (\(obstacle)): link it at "
                    + "tc first")
        }
        guard codeID != module.code else { return }
        module.code = codeID
        module.generation += 1
        module.source = code.stored.source
        module.warnings = code.stored.warnings
        module.unfitForXDP = code.unfitForXDP
        set(.module(id, module), in: &plan)
    }

    mutating func planDeletion(of module: ModuleRecord, in plan: inout Plan) throws(HoverError) {
        for link in links(of: module.id).sorted() {
            try planDeletion(ofLink: link, in: &plan)
        }
        for policy in policies(concerning: module).sorted() {
            guard let record = modules[policy] else { continue }
            var updated = record
            updated.tags.removeAll { $0 == module.id }
            updated.placements.removeAll { $0.side.end.node == module.id }
            try planUpdate(of: record, to: updated, in: &plan)
        }
        if module.kind == .policy, let record = modules[module.id] {
            // Without tags and placements it lies nowhere, and its rows can go.
            var updated = record
            updated.tags = []
            updated.placements = []
            try planUpdate(of: record, to: updated, in: &plan)
            planForgetting(module.id, in: &plan)
        }
        set(.module(module.id, nil), in: &plan)
    }

    /// Ids of the policies that tag a module, or are placed at a port of it.
    private func policies(concerning module: ModuleRecord) -> Set<String> {
        (1...module.maxPort).reduce(into: policies(tagging: module.id)) {
            $0.formUnion(policies(placedAt: .port(module: module.id, number: $1)))
        }
    }

    /// Plans again all edges that begin or end at some nodes.
    private mutating func planEdges(around nodes: [String], in plan: inout Plan) throws(HoverError) {
        for node in nodes {
            for id in links(of: node).sorted() {
                guard let link = links[id] else { continue }
                try checkPaths(over: link)
                try planChains(of: link, in: &plan)
            }
            guard node.hasPrefix("b:") || node.hasPrefix("i:"),
                let record = interface(named: String(node.dropFirst(2)))
            else { continue }
            let members = node.hasPrefix("b:") ? members(ofBridge: record.index) : [record.index]
            for index in members.sorted() {
                try planMember(index, in: &plan)
            }
        }
    }

    /// Plans both directions between an interface without a link and its bridge, or this host.
    mutating func planMember(_ index: Int, in plan: inout Plan) throws(HoverError) {
        try planChain(of: .member(interface: index, .ingress), in: &plan)
        try planChain(of: .member(interface: index, .egress), in: &plan)
        planDetachment(of: index, in: &plan)
    }
}
