// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Dataplane {
    /// Carries out a plan's actions in order. When one fails, those before it are undone in reverse.
    ///
    /// - Returns: the tables of the modules that were loaded.
    func perform(_ plan: Plan) throws(FailedAction) -> [String: [ModuleTable]] {
        var tables: [String: [ModuleTable]] = [:]
        for (position, action) in plan.actions.enumerated() {
            do throws(DataplaneError) {
                if let loaded = try perform(action), let id = action.loadedModule {
                    tables[id] = loaded
                }
            } catch {
                undo(plan.actions[..<position])
                throw FailedAction(action: action, error: error)
            }
        }
        return tables
    }

    /// Takes back what was carried out.
    func undo(_ actions: some BidirectionalCollection<Action>) {
        for action in actions.reversed() {
            do throws(DataplaneError) {
                try undo(action)
            } catch {
                log("could not undo a step of a failed change: \(error)")
            }
        }
    }

    /// Removes what nothing uses any more. What fails leaves something unused behind, until `hoverd` starts again; the
    /// change itself holds.
    func perform(_ releases: [Release]) {
        for release in releases {
            do throws(DataplaneError) {
                try perform(release)
            } catch {
                log("could not remove what is no longer used: \(error)")
            }
        }
    }

    func perform(_ action: Action) throws(DataplaneError) -> [ModuleTable]? {
        switch action {
        case .loadModule(let id, let image): return try loadModule(id, image: image)
        case .loadPort(let module, let number): try loadPort(number, ofModule: module)
        case .loadHop(let hop): try loadHop(hop.instance, ofPolicy: hop.policy, handler: hop.handler)
        case .attach(let index, let peer): try attach(interface: index, peer: peer)
        case .hook(let index, let direction): try hook(interface: index, direction)
        case .makePromiscuous(let index): try makePromiscuous(interface: index)
        case .replaceExit(let index, let peer, _, let slots): try replaceExit(of: index, peer: peer, in: slots)
        case .loadModuleAtXDP(let id, let ports, let hops): try loadAtXDP(id, ports: ports, hops: hops)
        case .loadXDP(let index, let peer): try loadXDP(ofInterface: index, peer: peer)
        case .hookXDP(let index, let mode): try hookXDP(interface: index, mode: mode)
        case .loadGeneration(let id, let image, let ports, let hops, let atXDP):
            return try loadGeneration(
                id, image: image, ports: ports, hops: hops.map { ($0.instance, $0.handler) }, atXDP: atXDP)
        case .enterGeneration(let id, let image, let before, let ways):
            try enterGeneration(id, image: image, before: before, ways: ways.map { ($0.slot, $0.target) })
        case .configure(let id, let generation, let tables, let before):
            try configure(id, generation: generation, tables: tables, before: before)
        case .wire(let slot, let target, _): try wire(slot, to: target)
        }
        return nil
    }

    private func loadAtXDP(_ id: String, ports: [Int], hops: [Hop]) throws(DataplaneError) {
        try loadModuleAtXDP(id)
        do {
            for port in ports {
                try loadPort(port, ofModule: id, at: .xdp)
            }
            for hop in hops {
                try loadHop(hop.instance, ofPolicy: id, handler: hop.handler, at: .xdp)
            }
        } catch {
            try unloadModuleFromXDP(id)
            throw error
        }
    }

    private func undo(_ action: Action) throws(DataplaneError) {
        switch action {
        case .loadModule(let id, _): try unloadModule(id)
        case .loadPort(let module, let number): try unloadPort(number, ofModule: module)
        case .loadHop(let hop): try unloadHop(hop.instance, ofPolicy: hop.policy)
        case .attach(let index, _): try detach(interface: index)
        case .hook(let index, let direction): try unhook(interface: index, direction)
        case .makePromiscuous(let index): try endPromiscuity(ofInterface: index)
        case .replaceExit(let index, _, let before, let slots): try replaceExit(of: index, peer: before, in: slots)
        case .loadModuleAtXDP(let id, _, _): try unloadModuleFromXDP(id)
        case .loadXDP(let index, _): try unloadXDP(ofInterface: index)
        case .hookXDP(let index, _): try unhookXDP(interface: index)
        case .loadGeneration(let id, let image, _, _, _): try unloadGeneration(image.generation, ofModule: id)
        case .enterGeneration(let id, let image, let before, let ways):
            try enterGeneration(id, image: before, before: image, ways: ways.map { ($0.slot, $0.target) })
        case .configure(let id, let generation, let tables, let before):
            try configure(id, generation: generation, tables: before, before: tables)
        case .wire(let slot, _, let before): try wire(slot, to: before)
        }
    }

    private func perform(_ release: Release) throws(DataplaneError) {
        switch release {
        case .module(let id): try unloadModule(id)
        case .generation(let id, let generation): try unloadGeneration(generation, ofModule: id)
        case .hop(let hop): try unloadHop(hop.instance, ofPolicy: hop.policy)
        case .interface(let index): try detach(interface: index)
        case .xdpHook(let index): try unhookXDP(interface: index)
        case .promiscuity(let index): try endPromiscuity(ofInterface: index)
        case .hook(let index, let direction): try unhook(interface: index, direction)
        }
    }
}

/// An action that could not be carried out.
struct FailedAction: Error {
    var action: Action
    var error: DataplaneError
}

extension Action {
    /// The module whose programs it loads.
    var module: String? {
        switch self {
        case .loadModule(let id, _), .loadGeneration(let id, _, _, _, _), .loadModuleAtXDP(let id, _, _),
            .loadPort(let id, _), .configure(let id, _, _, _):
            id
        case .loadHop(let hop): hop.policy
        default: nil
        }
    }

    /// The module whose tables carrying it out tells.
    fileprivate var loadedModule: String? {
        switch self {
        case .loadModule(let id, _), .loadGeneration(let id, _, _, _, _): id
        default: nil
        }
    }
}
