// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// One change of the kernel's state that can be taken back.
enum Action: Sendable, Hashable {
    case loadModule(String, ModuleImage)
    case loadPort(module: String, number: Int)
    case loadHop(Hop)
    case attach(interface: Int, peer: [UInt8]?)
    case hook(interface: Int, HookDirection)
    /// Loads the way out to an interface anew, and puts it into the slots that hold the old one.
    case replaceExit(interface: Int, peer: [UInt8]?, before: [UInt8]?, slots: [Slot])
    /// Brings a module to xdp, with the ports or places that it has.
    case loadModuleAtXDP(String, ports: [Int], hops: [Hop])
    case loadXDP(interface: Int, peer: VethPeer?)
    case hookXDP(interface: Int, XDPMode?)
    /// Makes a slot lead elsewhere.
    case wire(Slot, to: Target?, before: Target?)
}

/// The removal of something that nothing uses any more. It comes last, when the change is already in force.
enum Release: Sendable, Hashable {
    case module(String)
    case hop(Hop)
    case interface(Int)
    case hook(interface: Int, HookDirection)
    case xdpHook(interface: Int)
}

/// A change as data: what to do in the kernel, what the model becomes, and what to remove afterwards.
struct Plan: Sendable, Hashable {
    var actions: [Action] = []
    var releases: [Release] = []
    /// What the rows of the model that the plan set were before, in the order in which they were set.
    var before: [Record] = []

    var isEmpty: Bool { actions.isEmpty && releases.isEmpty }
}

extension Dataplane {
    /// Carries out the actions in order. When one fails, those before it are undone in reverse.
    ///
    /// - Returns: the tables of the modules that were loaded.
    func execute(_ plan: Plan) throws(DataplaneError) -> [String: [ModuleTable]] {
        var tables: [String: [ModuleTable]] = [:]
        for (position, action) in plan.actions.enumerated() {
            do {
                if let loaded = try perform(action), case .loadModule(let id, _) = action {
                    tables[id] = loaded
                }
            } catch {
                for done in plan.actions[..<position].reversed() {
                    undoLogging(done)
                }
                throw error
            }
        }
        for release in plan.releases {
            performLogging(release)
        }
        return tables
    }

    private func perform(_ action: Action) throws(DataplaneError) -> [ModuleTable]? {
        switch action {
        case .loadModule(let id, let image): return try loadModule(id, image: image)
        case .loadPort(let module, let number): try loadPort(number, ofModule: module)
        case .loadHop(let hop): try loadHop(hop.instance, ofPolicy: hop.policy, handler: hop.handler)
        case .attach(let index, let peer): try attach(interface: index, peer: peer)
        case .hook(let index, let direction): try hook(interface: index, direction)
        case .replaceExit(let index, let peer, _, let slots): try replaceExit(of: index, peer: peer, in: slots)
        case .loadModuleAtXDP(let id, let ports, let hops): try loadModuleAtXDP(id, ports: ports, hops: hops)
        case .loadXDP(let index, let peer): try loadXDP(ofInterface: index, peer: peer)
        case .hookXDP(let index, let mode): try hookXDP(interface: index, mode: mode)
        case .wire(let slot, let target, _): try wire(slot, to: target)
        }
        return nil
    }

    private func loadModuleAtXDP(_ id: String, ports: [Int], hops: [Hop]) throws(DataplaneError) {
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
        case .replaceExit(let index, _, let before, let slots): try replaceExit(of: index, peer: before, in: slots)
        case .loadModuleAtXDP(let id, _, _): try unloadModuleFromXDP(id)
        case .loadXDP(let index, _): try unloadXDP(ofInterface: index)
        case .hookXDP(let index, _): try unhookXDP(interface: index)
        case .wire(let slot, _, let before): try wire(slot, to: before)
        }
    }

    private func undoLogging(_ action: Action) {
        do {
            try undo(action)
        } catch {
            log("could not undo a step of a failed change: \(error)")
        }
    }

    /// A release that fails leaves something unused behind; the change itself holds.
    private func performLogging(_ release: Release) {
        do {
            switch release {
            case .module(let id): try unloadModule(id)
            case .hop(let hop): try unloadHop(hop.instance, ofPolicy: hop.policy)
            case .interface(let index): try detach(interface: index)
            case .xdpHook(let index): try unhookXDP(interface: index)
            case .hook(let index, let direction): try unhook(interface: index, direction)
            }
        } catch {
            log("could not remove what is no longer used: \(error)")
        }
    }
}
