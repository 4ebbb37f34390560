// SPDX-License-Identifier: Apache-2.0

import Dataplane

// A chain whose packets enter at xdp. Modules come to xdp when such a chain reaches them, and stay there; where a chain
// goes on in what cannot, its packets go up to tc by themselves.
extension Model {
    /// Whether the packets that a link's interface receives enter at xdp.
    ///
    /// - Throws: `.conflict` when the link is to, and what they meet first cannot.
    func entersAtXDP(_ link: LinkRecord, reversed: Bool) throws(HoverError) -> Bool {
        let (from, to) = reversed ? (link.to, link.from) : (link.from, link.to)
        guard case .interface(let name) = from, let record = interface(named: name), link.hook != .tc else {
            return false
        }
        let obstacle = (policies(on: .link(link.id, reversed: reversed)).map(\.policy) + [to.node]).lazy
            .compactMap { id in self.modules[id].flatMap { self.obstacle(of: $0) } }.first
        guard link.hook != nil else { return obstacle == nil && record.isPhysical }
        if let obstacle {
            throw HoverError(.conflict, "the link of interface \(name) is to be at xdp, and \(obstacle): link it at tc")
        }
        return true
    }

    private func obstacle(of module: ModuleRecord) -> String? {
        module.unfitForXDP.map { "module \(module.id) cannot run there (\($0))" }
    }

    /// Brings what a chain that begins at xdp leads to there, as far as it can.
    mutating func planXDP(behind chain: Chain, in plan: inout Plan) throws(HoverError) {
        guard isAtXDP(chain.head) else { return }
        for hop in chain.hops {
            try planModuleAtXDP(hop.policy, in: &plan)
        }
        switch chain.terminal {
        case .port(let module, _): try planModuleAtXDP(module, in: &plan)
        case .exit(let index): planXDP(of: index, in: &plan)
        case .hop, .continue: break
        }
    }

    func isAtXDP(_ slot: Slot) -> Bool {
        switch slot {
        case .xdp: true
        case .port(let module, _), .hop(let module, _): modules[module]?.isAtXDP ?? false
        case .ingress, .egress: false
        }
    }

    mutating func planModuleAtXDP(_ id: String, in plan: inout Plan) throws(HoverError) {
        guard var module = modules[id], module.unfitForXDP == nil, !module.isAtXDP else { return }
        module.isAtXDP = true
        set(.module(id, module), in: &plan)
        for chain in chains(touching: id) {
            try planXDP(behind: chain, in: &plan)
        }
    }

    /// Loads the xdp programs of an interface that frames can be sent to from there.
    mutating func planXDP(of index: Int, in plan: inout Plan) {
        guard let record = interfaces[index], record.takesFrames else { return }
        planXDPPrograms(of: record, in: &plan)
    }

    private mutating func planXDPPrograms(of record: InterfaceRecord, in plan: inout Plan) {
        guard var attachment = attachments[record.index], !attachment.hasXDP else { return }
        attachment.hasXDP = true
        set(.attachment(record.index, attachment), in: &plan)
    }

    mutating func planXDPHook(_ index: Int, _ mode: XDPMode?, in plan: inout Plan) {
        if let record = interfaces[index] {
            planXDPPrograms(of: record, in: &plan)
        }
        guard var attachment = attachments[index], !attachment.isHookedAtXDP else { return }
        attachment.isHookedAtXDP = true
        attachment.xdpMode = mode
        set(.attachment(index, attachment), in: &plan)
    }

    func vethPeer(of record: InterfaceRecord) -> VethPeer? {
        guard record.interface.kind == "veth", let index = record.interface.peerIndex else { return nil }
        let address =
            record.peerAddress
            ?? interfaces[Int(index)]?.interface.address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        return address.map { VethPeer(index: index, near: record.interface.index, address: $0) }
    }
}

extension Chain {
    /// The modules that it begins, goes through and ends at.
    var modules: Set<String> { Set(hops.map(\.policy) + [head.module, terminal.module].compactMap(\.self)) }

    /// Each slot with what it leads to, from the far end.
    var ways: [Way] {
        let slots = [head] + hops.map(\.slot)
        return zip(slots, hops.map(\.target) + [terminal]).map { Way(slot: $0, target: $1) }.reversed()
    }
}

extension Slot {
    var module: String? {
        switch self {
        case .port(let module, _), .hop(let module, _): module
        case .ingress, .egress, .xdp: nil
        }
    }
}

extension Target {
    var module: String? {
        switch self {
        case .port(let module, _), .hop(let module, _): module
        case .exit, .continue: nil
        }
    }
}

extension InterfaceRecord {
    /// A network card, so far as the kernel tells: no kind, and an address of its own.
    fileprivate var isPhysical: Bool { interface.kind.isEmpty && interface.name != "lo" }

    /// Whether the kernel lets xdp programs send frames to it (ndo_xdp_xmit).
    fileprivate var takesFrames: Bool { ["", "veth", "tun"].contains(interface.kind) && interface.name != "lo" }
}
