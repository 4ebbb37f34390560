// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// One row as it was and as it is.
struct Changed<Key: Sendable, Row: Sendable & Equatable>: Sendable {
    var key: Key
    var old: Row?
    var new: Row?
}

extension Changed where Row == ModuleRecord {
    /// Whether other code, or another configuration, takes the place of what runs.
    fileprivate var hasOtherGeneration: Bool {
        // Written out, for Swift 6.3's optimizer crashes on `old?.generation != new?.generation` in a closure.
        guard let old, let new else { return false }
        return old.generation != new.generation
    }
}

/// The rows of the model that differ, and what that means for the kernel.
struct Difference {
    let model: Model
    private(set) var modules: [Changed<String, ModuleRecord>] = []
    private(set) var links: [Changed<String, LinkRecord>] = []
    private var chains: [Changed<Edge, Chain>] = []
    private var attachments: [Changed<Int, Attachment>] = []
    /// What the slots of the changed chains led to.
    private var oldWays: [Slot: Target] = [:]

    /// The rows that were set, each once, in the order in which they were first set.
    init(from before: [Record], to model: Model) {
        self.model = model
        var seen: Set<RowID> = []
        for row in before where seen.insert(row.id).inserted {
            switch row {
            case .module(let id, let old): modules.append(Changed(key: id, old: old, new: model.modules[id]))
            case .link(let id, let old): links.append(Changed(key: id, old: old, new: model.links[id]))
            case .chain(let edge, let old): chains.append(Changed(key: edge, old: old, new: model.chains[edge]))
            case .attachment(let index, let old):
                attachments.append(Changed(key: index, old: old, new: model.attachments[index]))
            case .interface: break
            }
        }
        modules.removeAll { $0.old == $0.new }
        links.removeAll { $0.old == $0.new }
        chains.removeAll { $0.old == $0.new }
        attachments.removeAll { $0.old == $0.new }
        for way in chains.compactMap(\.old).flatMap(\.ways) {
            oldWays[way.slot] = way.target
        }
    }

    init(everythingIn model: Model) {
        self.model = model
        modules = model.modules.values.sorted { $0.number < $1.number }.map { Changed(key: $0.id, new: $0) }
        chains = model.chains.map { Changed(key: $0.key, new: $0.value) }
        attachments = model.attachments.sorted { $0.key < $1.key }.map { Changed(key: $0.key, new: $0.value) }
    }

    /// The places of policies on the edges that changed.
    var hops: [Changed<Edge, [Hop]>] {
        chains.map { Changed(key: $0.key, old: $0.old?.hops, new: $0.new?.hops) }
            .filter { ($0.old ?? []) != ($0.new ?? []) }
    }

    /// In an order in which no packet meets half of the change: programs are loaded first, and what leads to them last.
    var actions: [Action] {
        moduleActions + attachmentActions + newHops.map { .loadHop($0) } + xdpActions + generationActions + wires
    }

    /// Modules last, for places are theirs.
    var releases: [Release] {
        let hops = chains.flatMap { Set($0.old?.hops ?? []).subtracting($0.new?.hops ?? []) }
            .filter { model.modules[$0.policy] != nil }
            .sorted { ($0.policy, $0.instance) < ($1.policy, $1.instance) }
        return hops.map { .hop($0) } + attachmentReleases
            + modules.compactMap { module in
                guard let old = module.old else { return nil }
                guard let new = module.new else { return .module(module.key) }
                return new.generation == old.generation ? nil : .generation(module.key, old.generation)
            }
    }
}

// MARK: - Modules

extension Difference {
    private var moduleActions: [Action] {
        modules.flatMap { module -> [Action] in
            guard let new = module.new else { return [] }
            let configuration = configuration(of: new, from: module.old)
            guard let old = module.old else {
                return [.loadModule(new.id, image(of: new))] + configuration
                    + new.ports.map { .loadPort(module: new.id, number: $0) }
            }
            guard old.generation == new.generation else {
                return [
                    .loadGeneration(
                        new.id, image(of: new), ports: new.ports, hops: hops(of: new.id), atXDP: new.isAtXDP)
                ] + configuration
            }
            return configuration
                + new.ports.filter { !old.ports.contains($0) }.map { .loadPort(module: new.id, number: $0) }
        }
    }

    private func configuration(of module: ModuleRecord, from old: ModuleRecord?) -> [Action] {
        let tables = module.setup?.tables ?? []
        let before = old?.setup?.tables ?? []
        guard tables != before else { return [] }
        return [.configure(module.id, generation: module.generation, tables, before: before)]
    }

    /// The old ways, for those that change are changed afterwards.
    private var generationActions: [Action] {
        modules.compactMap { module in
            guard let new = module.new, let old = module.old, new.generation != old.generation else { return nil }
            let changed = Set(chains.map(\.key))
            let unchanged = model.edges(touching: new.id).subtracting(changed).compactMap { model.chains[$0] }
            let ways = (unchanged + chains.compactMap(\.old)).flatMap(\.ways).filter { $0.target.module == new.id }
            return .enterGeneration(new.id, image(of: new), before: image(of: old), ways: ways)
        }
    }

    private func image(of module: ModuleRecord) -> ModuleImage { module.image(reading: model.readCode) }

    private func hops(of policy: String) -> [Hop] {
        model.chains(touching: policy).flatMap(\.hops).filter { $0.policy == policy }
            .sorted { $0.instance < $1.instance }
    }

    private var newHops: [Hop] {
        let replaced = Set(modules.filter(\.hasOtherGeneration).map(\.key))
        return chains.flatMap { chain in
            (chain.new?.hops ?? []).filter { hop in
                // With its generation, if that is new.
                !(chain.old?.hops ?? []).contains(hop) && !replaced.contains(hop.policy)
            }
        }
    }
}

// MARK: - Interfaces and xdp

extension Difference {
    private var attachmentActions: [Action] {
        attachments.flatMap { attachment -> [Action] in
            guard let new = attachment.new else { return [] }
            var actions: [Action] = []
            if attachment.old == nil {
                actions.append(.attach(interface: attachment.key, peer: new.peer))
            } else if let old = attachment.old, old.peer != new.peer {
                actions.append(
                    .replaceExit(
                        interface: attachment.key, peer: new.peer, before: old.peer,
                        slots: unchangedChains(into: attachment.key).map(\.last)))
            }
            if new.isPromiscuous, attachment.old?.isPromiscuous != true {
                actions.append(.makePromiscuous(interface: attachment.key))
            }
            let hooks = new.hooks.subtracting(attachment.old?.hooks ?? []).sorted { $0.rawValue > $1.rawValue }
            return actions + hooks.map { .hook(interface: attachment.key, $0) }
        }
    }

    private var xdpActions: [Action] {
        let modules = self.modules.compactMap { module -> Action? in
            guard let new = module.new, new.isAtXDP, !(module.old?.isAtXDP ?? false),
                module.old == nil || module.old?.generation == new.generation
            else { return nil }
            return .loadModuleAtXDP(new.id, ports: new.ports, hops: hops(of: new.id))
        }
        let interfaces = attachments.flatMap { attachment -> [Action] in
            guard let new = attachment.new else { return [] }
            var actions: [Action] = []
            if new.hasXDP, !(attachment.old?.hasXDP ?? false), let record = model.interfaces[attachment.key] {
                actions.append(.loadXDP(interface: attachment.key, peer: model.vethPeer(of: record)))
            }
            if new.isHookedAtXDP, !(attachment.old?.isHookedAtXDP ?? false) {
                actions.append(.hookXDP(interface: attachment.key, new.xdpMode))
            }
            return actions
        }
        return modules + interfaces
    }

    private var attachmentReleases: [Release] {
        attachments.flatMap { attachment -> [Release] in
            guard let old = attachment.old else { return [] }
            guard let new = attachment.new else { return [.interface(attachment.key)] }
            let hooks = old.hooks.subtracting(new.hooks).sorted { $0.rawValue > $1.rawValue }
            return (old.isHookedAtXDP && !new.isHookedAtXDP ? [.xdpHook(interface: attachment.key)] : [])
                + hooks.map { .hook(interface: attachment.key, $0) }
                + (old.isPromiscuous && !new.isPromiscuous ? [.promiscuity(interface: attachment.key)] : [])
        }
    }

    private func unchangedChains(into interface: Int) -> [Chain] {
        model.edges(into: interface).subtracting(chains.map(\.key)).compactMap { model.chains[$0] }
    }
}

// MARK: - Ways

extension Difference {
    /// What slots are to lead to: first those that lead nowhere yet, from the far end, then those that led elsewhere, then
    /// those where packets enter from interfaces, and last those that lead nowhere any more.
    private var wires: [Action] {
        let atXDP = waysThatCameToXDP
        let newModules = Set(modules.filter { $0.old == nil }.map(\.key))
        var ranked: [(rank: Int, action: Action)] = []
        var wired: Set<Slot> = []
        func add(_ way: Way, before: Target?) {
            wired.insert(way.slot)
            ranked.append((rank(way.slot, before, newModules), .wire(way.slot, to: way.target, before: before)))
        }
        for way in chains.compactMap(\.new).flatMap(\.ways) {
            let before = oldWays[way.slot]
            if before != way.target || atXDP.contains(way) {
                add(way, before: before)
            }
        }
        for way in atXDP where !wired.contains(way.slot) {
            add(way, before: way.target)
        }
        for way in chains.compactMap(\.old).map({ Way(slot: $0.head, target: $0.first) })
        where !wired.contains(way.slot) && model.edge(at: way.slot) == nil && isPresent(way.slot) {
            ranked.append((5, .wire(way.slot, to: nil, before: way.target)))
        }
        return ranked.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map(\.element.action)
    }

    private func rank(_ slot: Slot, _ before: Target?, _ newModules: Set<String>) -> Int {
        switch slot {
        case .hop: 0
        case _ where before != nil: 3
        case .port(let module, _): newModules.contains(module) ? 1 : 2
        case .ingress, .egress, .xdp: 4
        }
    }

    /// A slot of an interface that vanished went with its programs.
    private func isPresent(_ slot: Slot) -> Bool {
        switch slot {
        case .port(let module, _), .hop(let module, _): model.modules[module] != nil
        case .ingress(let index), .egress(let index): model.attachments[index] != nil
        case .xdp(let index): model.attachments[index]?.hasXDP ?? false
        }
    }

    /// Ways that stay, of what is at xdp from now on: they are wired there too.
    private var waysThatCameToXDP: Set<Way> {
        let newcomers = modules.filter { $0.old?.isAtXDP == false && $0.new?.isAtXDP == true }.map(\.key)
        let interfaces = attachments.filter { $0.old?.hasXDP == false && $0.new?.hasXDP == true }.map(\.key)
        let edges = newcomers.map { model.edges(touching: $0) } + interfaces.map { model.edges(into: $0) }
        return Set(
            edges.reduce(into: Set()) { $0.formUnion($1) }.compactMap { model.chains[$0] }.flatMap(\.ways))
    }
}
