// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// All that the controller knows: what was asked for (modules, links), what is there (interfaces), and what it made of
/// both in the kernel (chains, attachments). Pure data; planning changes it and says what to do in the kernel.
struct Model: Sendable {
    /// Gives the objects of a code by its name.
    typealias CodeReader = @Sendable (String) throws(DataplaneError) -> ModuleObjects

    let readCode: CodeReader
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
    private var edgesOf: [String: Set<Edge>] = [:]
    private var edgesInto: [Int: Set<Edge>] = [:]

    /// The places that policies had when this `hoverd` began, by edge.
    var hopsInForce: [Edge: [Hop]] = [:]

    init(readCode: @escaping CodeReader) {
        self.readCode = readCode
    }

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
            old.map { unindex($0, edge) }
            new.map { index($0, edge) }
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

    private mutating func index(_ chain: Chain, _ edge: Edge) {
        for hop in chain.hops {
            hopsOf[hop.policy, default: []].insert(hop.instance)
        }
        for module in chain.modules {
            edgesOf[module, default: []].insert(edge)
        }
        if case .exit(let index) = chain.terminal {
            edgesInto[index, default: []].insert(edge)
        }
    }

    private mutating func unindex(_ chain: Chain, _ edge: Edge) {
        for hop in chain.hops {
            hopsOf.remove(hop.instance, at: hop.policy)
        }
        for module in chain.modules {
            edgesOf.remove(edge, at: module)
        }
        if case .exit(let index) = chain.terminal {
            edgesInto.remove(edge, at: index)
        }
    }

    private mutating func index(_ record: InterfaceRecord) {
        interfaceNamed[record.interface.name] = record.index
        // Of several with one address, a bridge and its members for example, the first.
        for name in record.names.dropFirst() where (interfaceNamed[name] ?? .max) > record.index {
            interfaceNamed[name] = record.index
        }
        if let master = record.interface.masterIndex {
            membersOf[Int(master), default: []].insert(record.index)
        }
    }

    private mutating func unindex(_ record: InterfaceRecord) {
        for name in record.names where interfaceNamed[name] == record.index {
            interfaceNamed[name] = nil
        }
        if let master = record.interface.masterIndex {
            membersOf.remove(record.index, at: Int(master))
        }
    }
}

extension Model {
    /// Ids of the modules with a display name.
    func modules(named name: String) -> Set<String> { namesakes[name] ?? [] }

    /// The id of the link that uses an end, whatever it calls the interface.
    func link(at end: Endpoint) -> String? {
        if let link = linkAt[end] { return link }
        guard case .interface(let name) = end, let record = interface(named: name) else { return nil }
        return record.names.lazy.compactMap { self.linkAt[.interface($0)] }.first
    }

    /// Ids of the links of a module (`m:…`) or interface (`i:…`).
    func links(of node: String) -> Set<String> {
        let links = linksOf[node] ?? []
        guard node.hasPrefix("i:"), let record = interface(named: String(node.dropFirst(2))) else { return links }
        return record.names.reduce(into: links) { $0.formUnion(linksOf["i:" + $1] ?? []) }
    }

    /// An end by the present name of its interface, which tags and placements are about.
    func named(_ end: Endpoint) -> Endpoint {
        guard case .interface(let name) = end, let record = interface(named: name) else { return end }
        return .interface(record.interface.name)
    }

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

    /// The chains that begin at a module, go through it, or end at it.
    func chains(touching module: String) -> [Chain] { edges(touching: module).compactMap { chains[$0] } }

    /// Their edges.
    func edges(touching module: String) -> Set<Edge> { edgesOf[module] ?? [] }

    /// The edges whose chains leave by an interface.
    func edges(into interface: Int) -> Set<Edge> { edgesInto[interface] ?? [] }

    /// The lowest number that no place of a policy has, nor has until `plan` is carried out; nil when the policy lies
    /// everywhere it can.
    func freeHop(of policy: String, besides hops: [Hop], in plan: Plan) -> Int? {
        var taken = hopsOf[policy] ?? []
        taken.formUnion((hops + hopsInForce.values.joined()).filter { $0.policy == policy }.map(\.instance))
        for case .chain(_, let old) in plan.before {
            taken.formUnion((old?.hops ?? []).filter { $0.policy == policy }.map(\.instance))
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
