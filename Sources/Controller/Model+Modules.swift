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

    mutating func planCreation(of module: ModuleRecord, image: ModuleImage, in plan: inout Plan) throws(HoverError) {
        plan.actions.append(.loadModule(module.id, image))
        for number in module.ports {
            plan.actions.append(.loadPort(module: module.id, number: number))
        }
        set(.module(module.id, module), in: &plan)
        try planEdges(around: module.tags, in: &plan)
    }

    mutating func planUpdate(
        of module: ModuleRecord, name: String, tags: [String], in plan: inout Plan
    ) throws(HoverError) {
        var updated = module
        updated.name = name
        updated.tags = tags
        set(.module(module.id, updated), in: &plan)
        if module.kind == .policy {
            try planEdges(around: Set(tags).symmetricDifference(module.tags).sorted(), in: &plan)
        }
    }

    mutating func planDeletion(of module: ModuleRecord, in plan: inout Plan) throws(HoverError) {
        for link in links(of: module.id).sorted() {
            try planDeletion(ofLink: link, in: &plan)
        }
        for policy in policies(tagging: module.id).sorted() {
            guard let record = modules[policy] else { continue }
            try planUpdate(of: record, name: record.name, tags: record.tags.filter { $0 != module.id }, in: &plan)
        }
        if module.kind == .policy {
            // Without tags it lies nowhere, and its rows can go.
            try planUpdate(of: module, name: module.name, tags: [], in: &plan)
        }
        set(.module(module.id, nil), in: &plan)
        plan.releases.append(.module(module.id))
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

    /// Plans both directions between an interface and the bridge that it is a member of.
    mutating func planMember(_ index: Int, in plan: inout Plan) throws(HoverError) {
        try planChain(of: .member(interface: index, .ingress), in: &plan)
        try planChain(of: .member(interface: index, .egress), in: &plan)
        planDetachment(of: index, in: &plan)
    }
}
