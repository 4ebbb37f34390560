// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Model {
    /// The most policies on one direction of a link.
    static let maxPolicies = 8

    /// The nodes of an edge, from and to; nil when the edge does not exist, or is between an interface and this host.
    func ends(of edge: Edge) -> (from: String, to: String)? {
        switch edge {
        case .link(let id, let reversed):
            guard let link = links[id] else { return nil }
            let (from, to) = (named(link.from).node, named(link.to).node)
            return reversed ? (to, from) : (from, to)
        case .member(let index, let direction):
            guard let record = interfaces[index], let bridge = bridge(of: record) else { return nil }
            let member = "i:" + record.interface.name
            let name = "b:" + bridge.interface.name
            return direction == .ingress ? (member, name) : (name, member)
        }
    }

    /// As an error names it.
    private func description(of edge: Edge) -> String {
        if let ends = ends(of: edge) {
            return "from \(ends.from) to \(ends.to)"
        }
        guard case .member(let index, let direction) = edge, let name = interfaces[index]?.interface.name else {
            return "over an edge that is gone"
        }
        return direction == .ingress ? "from i:\(name) to this host" : "from this host to i:\(name)"
    }

    /// Where an edge begins and ends in the kernel; nil when there is nothing to be wired: the edge does not exist, an
    /// interface is gone, or an interface without a link has no policy and stays the kernel's alone.
    private func slotAndTerminal(of edge: Edge) throws(HoverError) -> (head: Slot, terminal: Target)? {
        switch edge {
        case .link(let id, let reversed):
            guard let link = links[id],
                let head = slot(
                    behind: reversed ? link.to : link.from, atXDP: try entersAtXDP(link, reversed: reversed)),
                let terminal = target(at: reversed ? link.from : link.to)
            else { return nil }
            return (head, terminal)
        case .member(let index, let direction):
            guard let record = interfaces[index], linkAt(interface: record) == nil, !policies(on: edge).isEmpty
            else { return nil }
            let head: Slot = direction == .ingress ? .ingress(interface: index) : .egress(interface: index)
            return (head, .continue(interface: index))
        }
    }

    private func linkAt(interface record: InterfaceRecord) -> String? {
        link(at: .interface(record.interface.name))
    }

    private func slot(behind end: Endpoint, atXDP: Bool) -> Slot? {
        switch end {
        case .port(let module, let number): .port(module: module, number: number)
        case .interface(let name):
            interface(named: name).map { atXDP ? .xdp(interface: $0.index) : .ingress(interface: $0.index) }
        }
    }

    private func target(at end: Endpoint) -> Target? {
        switch end {
        case .port(let module, let number): .port(module: module, number: number)
        case .interface(let name): interface(named: name).map { .exit(interface: $0.index) }
        }
    }

    /// Plans the chain that an edge should have now. Where its policies are others, all of them get new places, and the
    /// one change of the slot at the chain's head puts all of it in force at once.
    mutating func planChain(of edge: Edge, in plan: inout Plan) throws(HoverError) {
        let old = chains[edge]
        guard let (head, terminal) = try slotAndTerminal(of: edge) else {
            if old != nil {
                set(.chain(edge, nil), in: &plan)
            }
            return
        }
        let wanted = policies(on: edge)
        guard wanted.count <= Self.maxPolicies else {
            throw HoverError(
                .conflict,
                "\(wanted.count) policies would lie on the way \(description(of: edge)), and \(Self.maxPolicies) can: "
                    + "remove tags or placements from some")
        }
        if let old, old.head == head, old.terminal == terminal,
            old.hops.elementsEqual(wanted, by: { $0.policy == $1.policy && $0.handler == $1.handler })
        {
            return
        }
        planInterfaces(head: head, terminal: terminal, in: &plan)
        let chain = Chain(head: head, hops: try planHops(wanted, on: edge, in: plan), terminal: terminal)
        set(.chain(edge, chain), in: &plan)
        try planXDP(behind: chain, in: &plan)
        if case .xdp(let index) = head, case .link(let id, _) = edge {
            planXDPHook(index, links[id]?.hook?.mode, in: &plan)
        }
    }

    /// Places of their own, so that the old ones lead on until the new ones are in force; `hopsInForce` has those that a
    /// `hoverd` before this one made.
    private func planHops(
        _ wanted: [AppliedPolicy], on edge: Edge, in plan: Plan
    ) throws(HoverError) -> [Hop] {
        if let known = hopsInForce[edge],
            known.elementsEqual(wanted, by: { $0.policy == $1.policy && $0.handler == $1.handler })
        {
            return known
        }
        var hops: [Hop] = []
        for applied in wanted {
            guard let instance = freeHop(of: applied.policy, besides: hops, in: plan) else {
                throw HoverError(
                    .conflict,
                    "policy \(applied.policy) would lie in more than \(ModuleImage.maxHops) places: give it fewer tags")
            }
            hops.append(Hop(policy: applied.policy, handler: applied.handler, instance: instance))
        }
        return hops
    }

    /// The programs of the interfaces that a chain begins and ends at, and the hook of the one that it begins at.
    private mutating func planInterfaces(head: Slot, terminal: Target, in plan: inout Plan) {
        switch head {
        case .ingress(let index): planHook(index, .ingress, in: &plan)
        case .egress(let index): planHook(index, .egress, in: &plan)
        // What goes up to tc enters there.
        case .xdp(let index): planHook(index, .ingress, in: &plan)
        case .port, .hop: break
        }
        switch terminal {
        case .exit(let index): planLinked(index, in: &plan)
        case .continue(let index): planAttachment(index, in: &plan)
        case .port, .hop: break
        }
    }

    private mutating func planAttachment(_ index: Int, in plan: inout Plan) {
        guard attachments[index] == nil else { return }
        let peer = interfaces[index]?.peerAddress
        set(.attachment(index, Attachment(peer: peer, hooks: [])), in: &plan)
    }

    /// An interface that frames of a link leave by also receives frames for who is behind the link.
    private mutating func planLinked(_ index: Int, in plan: inout Plan) {
        planAttachment(index, in: &plan)
        guard var attachment = attachments[index], !attachment.isPromiscuous else { return }
        attachment.isPromiscuous = true
        set(.attachment(index, attachment), in: &plan)
    }

    private mutating func planHook(_ index: Int, _ direction: HookDirection, in plan: inout Plan) {
        planAttachment(index, in: &plan)
        guard var attachment = attachments[index], !attachment.hooks.contains(direction) else { return }
        attachment.hooks.insert(direction)
        set(.attachment(index, attachment), in: &plan)
    }

    /// Takes from an interface the programs that no chain needs any more, or the hooks that no chain begins at.
    mutating func planDetachment(of index: Int, in plan: inout Plan) {
        guard var attachment = attachments[index] else { return }
        let linked = interfaces[index].flatMap { linkAt(interface: $0) } != nil
        let concerned = [HookDirection.ingress, .egress].contains { chains[.member(interface: index, $0)] != nil }
        guard linked || concerned else {
            set(.attachment(index, nil), in: &plan)
            return
        }
        if attachment.isPromiscuous, !linked {
            attachment.isPromiscuous = false
            set(.attachment(index, attachment), in: &plan)
        }
        let xdp = self.edge(at: .xdp(interface: index)) != nil
        if attachment.isHookedAtXDP, !xdp {
            attachment.isHookedAtXDP = false
            set(.attachment(index, attachment), in: &plan)
        }
        for (direction, slot) in [
            (HookDirection.ingress, Slot.ingress(interface: index)), (.egress, .egress(interface: index)),
        ]
        where attachment.hooks.contains(direction) && self.edge(at: slot) == nil && !(xdp && direction == .ingress) {
            attachment.hooks.remove(direction)
            set(.attachment(index, attachment), in: &plan)
        }
    }
}
