// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// All that the controller knows: what was asked for (modules, links), what is there (interfaces), and what it made of
/// both in the kernel (chains, attachments). Pure data; planning changes it and says what to do in the kernel.
struct Model: Sendable {
    private(set) var modules: [String: ModuleRecord] = [:]
    private(set) var links: [String: LinkRecord] = [:]
    private(set) var interfaces: [Int: InterfaceRecord] = [:]
    private(set) var chains: [Edge: Chain] = [:]
    private(set) var attachments: [Int: Attachment] = [:]

    // Found without walking: a change costs the same, however much else there is.
    private var namesakes: [String: Set<String>] = [:]
    private var linkAt: [Endpoint: String] = [:]
    private var linksOf: [String: Set<String>] = [:]
    private var policiesOf: [String: Set<String>] = [:]
    private var placedAt: [Endpoint: Set<String>] = [:]
    private var placedNextTo: [String: Set<String>] = [:]
    private var edgeAt: [Slot: Edge] = [:]
    private var interfaceNamed: [String: Int] = [:]
    private var membersOf: [Int: Set<Int>] = [:]
    private var hopsOf: [String: Set<Int>] = [:]

    /// Sets a row, and notes in `plan` what it was.
    mutating func set(_ record: Record, in plan: inout Plan) {
        plan.before.append(apply(record))
    }

    /// Makes the model what it was before `plan`.
    mutating func rollBack(_ plan: Plan) {
        for record in plan.before.reversed() {
            _ = apply(record)
        }
    }

    private mutating func apply(_ record: Record) -> Record {
        switch record {
        case .module(let id, let new):
            let old = modules.exchange(id, new)
            old.map { unindex($0) }
            new.map { index($0) }
            return .module(id, old)
        case .link(let id, let new):
            let old = links.exchange(id, new)
            old.map { unindex($0) }
            new.map { index($0) }
            return .link(id, old)
        case .interface(let index, let new):
            let old = interfaces.exchange(index, new)
            old.map { unindex($0) }
            new.map { self.index($0) }
            return .interface(index, old)
        case .chain(let edge, let new):
            let old = chains.exchange(edge, new)
            if let old, edgeAt[old.head] == edge {
                edgeAt[old.head] = nil
            }
            new.map { edgeAt[$0.head] = edge }
            old?.hops.forEach { hopsOf[$0.policy]?.remove($0.instance) }
            new?.hops.forEach { _ = hopsOf[$0.policy, default: []].insert($0.instance) }
            return .chain(edge, old)
        case .attachment(let index, let new):
            return .attachment(index, attachments.exchange(index, new))
        }
    }

    private mutating func index(_ module: ModuleRecord) {
        namesakes[module.name, default: []].insert(module.id)
        guard module.kind == .policy else { return }
        for tag in module.tags {
            policiesOf[tag, default: []].insert(module.id)
        }
        for placement in module.placements {
            placedAt[placement.side.end, default: []].insert(module.id)
            if let neighbour = placement.position.neighbour {
                placedNextTo[neighbour, default: []].insert(module.id)
            }
        }
    }

    private mutating func unindex(_ module: ModuleRecord) {
        namesakes.remove(module.id, at: module.name)
        for tag in module.tags {
            policiesOf.remove(module.id, at: tag)
        }
        for placement in module.placements {
            placedAt.remove(module.id, at: placement.side.end)
            if let neighbour = placement.position.neighbour {
                placedNextTo.remove(module.id, at: neighbour)
            }
        }
    }

    private mutating func index(_ link: LinkRecord) {
        for end in [link.from, link.to] {
            linkAt[end] = link.id
            linksOf[end.node, default: []].insert(link.id)
        }
    }

    private mutating func unindex(_ link: LinkRecord) {
        for end in [link.from, link.to] {
            linkAt[end] = nil
            linksOf.remove(link.id, at: end.node)
        }
    }

    private mutating func index(_ record: InterfaceRecord) {
        interfaceNamed[record.interface.name] = record.index
        if let master = record.interface.masterIndex {
            membersOf[Int(master), default: []].insert(record.index)
        }
    }

    private mutating func unindex(_ record: InterfaceRecord) {
        if interfaceNamed[record.interface.name] == record.index {
            interfaceNamed[record.interface.name] = nil
        }
        if let master = record.interface.masterIndex {
            membersOf.remove(record.index, at: Int(master))
        }
    }
}

extension Model {
    /// Ids of the modules with a display name.
    func modules(named name: String) -> Set<String> { namesakes[name] ?? [] }

    /// The id of the link that uses an end.
    func link(at end: Endpoint) -> String? { linkAt[end] }

    /// Ids of the links of a module (`m:…`) or interface (`i:…`).
    func links(of node: String) -> Set<String> { linksOf[node] ?? [] }

    /// Ids of the policies that tag a node.
    func policies(tagging node: String) -> Set<String> { policiesOf[node] ?? [] }

    /// Ids of the policies with a placement at a port or an interface.
    func policies(placedAt end: Endpoint) -> Set<String> { placedAt[end] ?? [] }

    /// Ids of the policies that were placed before or after one.
    func policies(placedNextTo policy: String) -> Set<String> { placedNextTo[policy] ?? [] }

    /// The edge whose chain a slot leads into.
    func edge(at head: Slot) -> Edge? { edgeAt[head] }

    /// The interface of a name.
    func interface(named name: String) -> InterfaceRecord? {
        interfaceNamed[name].flatMap { interfaces[$0] }
    }

    /// Indices of the members of the bridge with an index.
    func members(ofBridge index: Int) -> Set<Int> { membersOf[index] ?? [] }

    /// The bridge that an interface is a member of; nil when its master is no bridge.
    func bridge(of record: InterfaceRecord) -> InterfaceRecord? {
        guard let master = record.interface.masterIndex, let bridge = interfaces[Int(master)],
            bridge.interface.kind == "bridge"
        else { return nil }
        return bridge
    }

    /// The lowest number that no place of a policy has, nor has until `plan` is carried out; nil when the policy lies
    /// everywhere it can.
    func freeHop(of policy: String, in plan: Plan) -> Int? {
        var taken = hopsOf[policy] ?? []
        for case .hop(let hop) in plan.releases where hop.policy == policy {
            taken.insert(hop.instance)
        }
        guard taken.count < ModuleImage.maxHops else { return nil }
        return (1...ModuleImage.maxHops).first { !taken.contains($0) }
    }
}

extension Dictionary {
    fileprivate mutating func exchange(_ key: Key, _ new: Value?) -> Value? {
        guard let new else { return removeValue(forKey: key) }
        return updateValue(new, forKey: key)
    }

    fileprivate mutating func remove<Element>(_ element: Element, at key: Key) where Value == Set<Element> {
        self[key]?.remove(element)
        if self[key]?.isEmpty == true {
            self[key] = nil
        }
    }
}
