// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// Something that was not as it should be.
struct Finding: Sendable {
    /// As a person would name it.
    var object: String
    /// Why it could not be mended; nil when it was, or was not tried.
    var failure: String?
    /// The module that was loaded anew, with its tables.
    var reloadedModule: String?
    var tables: [ModuleTable]?
}

extension Dataplane {
    /// Carries out those of a plan's actions whose effect is not there. One that fails does not keep the others.
    ///
    /// - Parameter tables: of each module, as they should be.
    /// - Returns: what was not there.
    func ensure(_ plan: Plan, tables: [String: [ModuleTable]], mending: Bool = true) -> [Finding] {
        var findings: [Finding] = []
        for action in plan.actions {
            var finding = Finding(object: action.object)
            do throws(DataplaneError) {
                guard try !isInForce(action, tables) else { continue }
                if mending {
                    if case .loadModule(let id, let image) = action {
                        try discard(module: id, generation: image.generation)
                        finding.reloadedModule = id
                    }
                    finding.tables = try perform(fromPresent(action))
                }
            } catch {
                finding.failure = "\(error)"
            }
            findings.append(finding)
        }
        return findings
    }

    /// The same action, from what tables have at present.
    private func fromPresent(_ action: Action) throws(DataplaneError) -> Action {
        guard case .configure(let id, let generation, let tables, _) = action else { return action }
        let present = try contents(ofTables: tables.map(\.name), ofModule: id, generation: generation)
        return .configure(id, generation: generation, tables, before: present)
    }

    private func isInForce(_ action: Action, _ tables: [String: [ModuleTable]]) throws(DataplaneError) -> Bool {
        switch action {
        case .loadModule(let id, let image): takeOver(module: id, image: image, tables: tables[id] ?? [])
        case .loadPort(let module, let number): isLoaded(port: number, ofModule: module)
        case .loadHop(let hop): isLoaded(hop: hop.instance, ofPolicy: hop.policy)
        case .attach(let index, _): isAttached(interface: index)
        case .hook(let index, let direction): isHooked(interface: index, direction)
        case .makePromiscuous(let index): try isPromiscuous(interface: index)
        case .loadModuleAtXDP(let id, _, _): isAtXDP(id)
        case .loadXDP(let index, _): hasXDP(interface: index)
        case .hookXDP(let index, _): xdpMode(ofInterface: index) != nil
        case .configure(let id, let generation, let tables, _):
            try hasConfiguration(id, generation: generation, tables: tables)
        case .wire(let slot, let target?, _): try leads(slot, to: target)
        case .wire, .replaceExit, .loadGeneration, .enterGeneration: true
        }
    }

    /// Removes what belongs to nothing. What fails is logged.
    func remove(_ orphans: Set<Pinned>) {
        for orphan in orphans.sorted(by: { $0.rank < $1.rank }) {
            do throws(DataplaneError) {
                try remove(orphan)
            } catch {
                log("could not remove what belongs to nothing: \(error)")
            }
        }
    }

    private func remove(_ orphan: Pinned) throws(DataplaneError) {
        switch orphan {
        case .way(let slot): try wire(slot, to: nil)
        case .hook(let index, let direction): try unhook(interface: index, direction)
        case .xdpHook(let index): try unhookXDP(interface: index)
        case .promiscuity(let index): try endPromiscuity(ofInterface: index)
        case .interface(let index): try detach(interface: index)
        case .port(let module, let number): try unloadPort(number, ofModule: module)
        case .hop(let policy, let instance): try unloadHop(instance, ofPolicy: policy)
        case .moduleAtXDP(let id): try unloadModuleFromXDP(id)
        case .module(let id, let generation): try unloadGeneration(generation, ofModule: id)
        }
    }

    /// Loads Hover's own programs anew and puts them where the old ones are.
    func refreshOwnPrograms(_ model: Model) throws(DataplaneError) {
        try replaceDispatch()
        for (index, attachment) in model.attachments {
            try reattach(interface: index, peer: attachment.peer)
            if attachment.hasXDP {
                try reloadXDP(ofInterface: index)
            }
        }
        for id in model.modules.keys {
            try replaceFinish(ofModule: id)
        }
        for way in model.chains.values.flatMap(\.ways) where try !leads(way.slot, to: way.target) {
            try wire(way.slot, to: way.target)
        }
    }
}

extension Pinned {
    /// What is removed first: what leads to something, before that.
    fileprivate var rank: Int {
        switch self {
        case .way: 0
        case .hook, .xdpHook, .promiscuity: 1
        case .interface: 2
        case .port, .hop: 3
        case .moduleAtXDP: 4
        case .module: 5
        }
    }
}

extension Action {
    /// What it makes, as a person would name it.
    fileprivate var object: String {
        switch self {
        case .loadModule(let id, _): "module \(id)"
        case .loadPort(let module, let number): "port \(number) of module \(module)"
        case .loadHop(let hop): "a place of policy \(hop.policy)"
        case .attach(let index, _): "the programs of interface \(index)"
        case .hook(let index, let direction): "the \(direction.rawValue) hook of interface \(index)"
        case .makePromiscuous(let index): "promiscuous mode of interface \(index)"
        case .replaceExit(let index, _, _, _): "the way out to interface \(index)"
        case .loadModuleAtXDP(let id, _, _): "module \(id) at xdp"
        case .loadXDP(let index, _): "the xdp programs of interface \(index)"
        case .hookXDP(let index, _): "the xdp hook of interface \(index)"
        case .loadGeneration(let id, _, _, _, _), .enterGeneration(let id, _, _, _): "the code of module \(id)"
        case .configure(let id, _, _, _): "the configured entries of module \(id)"
        case .wire(let slot, _, _): "the way from \(slot.object)"
        }
    }
}

extension Slot {
    /// Where it is, as a person would name it.
    var object: String {
        switch self {
        case .port(let module, let number): "port \(number) of module \(module)"
        case .hop(let policy, _): "policy \(policy)"
        case .ingress(let index), .egress(let index), .xdp(let index): "interface \(index)"
        }
    }
}
