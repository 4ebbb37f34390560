// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// One change of the kernel's state that can be taken back.
enum Action: Sendable, Hashable {
    case loadModule(String, ModuleImage)
    case loadPort(module: String, number: Int)
    case loadHop(Hop)
    case attach(interface: Int, peer: [UInt8]?)
    case hook(interface: Int, HookDirection)
    case makePromiscuous(interface: Int)
    /// Loads the way out to an interface anew, and puts it into the slots that hold the old one.
    case replaceExit(interface: Int, peer: [UInt8]?, before: [UInt8]?, slots: [Slot])
    /// Brings a module to xdp, with the ports or places that it has.
    case loadModuleAtXDP(String, ports: [Int], hops: [Hop])
    case loadXDP(interface: Int, peer: VethPeer?)
    case hookXDP(interface: Int, XDPMode?)
    /// Loads a module's other code or configuration beside the one that runs, on the same tables.
    case loadGeneration(String, ModuleImage, ports: [Int], hops: [Hop], atXDP: Bool)
    /// Makes all that leads to a module lead to its other generation.
    case enterGeneration(String, ModuleImage, before: ModuleImage, ways: [Way])
    /// Gives a generation of a module the entries that its configuration says.
    case configure(String, generation: Int, [ConfiguredTable], before: [ConfiguredTable])
    /// Makes a slot lead elsewhere.
    case wire(Slot, to: Target?, before: Target?)
}

/// The removal of something that nothing uses any more. It comes last, when the change is already in force.
enum Release: Sendable, Hashable {
    case module(String)
    case generation(String, Int)
    case hop(Hop)
    case interface(Int)
    case hook(interface: Int, HookDirection)
    case xdpHook(interface: Int)
    case promiscuity(interface: Int)
}

/// A change as data: what the rows of the model were, what to do in the kernel, and what to remove afterwards.
///
/// Planning sets rows; `settle` then compares what they were with what they became. A change of many rows so tells the
/// kernel only what differs in the end.
struct Plan: Sendable, Hashable {
    var actions: [Action] = []
    var releases: [Release] = []
    /// What the rows of the model that the plan set were before, in the order in which they were set.
    var before: [Record] = []
    /// What users had set in modules that are made again.
    var entries: [StoredEntry] = []

    /// Whether the kernel stays as it is.
    var isEmpty: Bool { actions.isEmpty && releases.isEmpty }

    /// Finds what the kernel is to be told.
    mutating func settle(in model: Model) {
        let difference = Difference(from: before, to: model)
        actions = difference.actions
        releases = difference.releases
    }

    /// Everything that a model has, for a kernel of which nothing is known.
    static func everything(in model: Model) -> Plan {
        Plan(actions: Difference(everythingIn: model).actions)
    }
}
