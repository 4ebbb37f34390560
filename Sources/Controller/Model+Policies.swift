// SPDX-License-Identifier: Apache-2.0

extension Model {
    /// All policies on one direction of an edge, in the order in which packets cross them.
    ///
    /// Those that tags put there come in the order that tags give; then each placement in turn, in the order in which
    /// they were made, takes its position among what is there already. Where a policy is placed, its tags do not count.
    func policies(on edge: Edge) -> [AppliedPolicy] {
        let tagged = ends(of: edge).map { policies(from: $0.from, to: $0.to) } ?? []
        return inOrder(tagged: tagged, placed: sides(of: edge).flatMap { placed(at: $0) })
    }

    /// All policies at a side; where nothing is linked yet, those that would lie there.
    func policies(at side: Side) -> [AppliedPolicy] {
        if let edge = edge(at: side) {
            return policies(on: edge)
        }
        let tagged = inOrderOfCreation(policies(tagging: side.end.node)).map {
            AppliedPolicy(policy: $0, handler: side.direction.handler, reason: .tag(side.end.node))
        }
        return inOrder(tagged: tagged, placed: placed(at: side))
    }

    /// The policies that tags put on the way between two nodes.
    ///
    /// A policy that tags only the node that is entered runs its ingress handler; one that tags only the node that is
    /// left, its egress handler; one that tags both sees nothing of what stays within its group. First all that are
    /// entered, then all that are left, each in the order of their creation.
    func policies(from: String, to: String) -> [AppliedPolicy] {
        let leaving = policies(tagging: from)
        let entering = policies(tagging: to)
        return inOrderOfCreation(entering.subtracting(leaving)).map {
            AppliedPolicy(policy: $0, handler: .ingress, reason: .tag(to))
        }
            + inOrderOfCreation(leaving.subtracting(entering)).map {
                AppliedPolicy(policy: $0, handler: .egress, reason: .tag(from))
            }
    }

    /// The edge that packets cross at a side; nil when nothing is linked there, or the interface is gone.
    func edge(at side: Side) -> Edge? {
        if let id = link(at: side.end), let link = links[id] {
            // What a port receives ends its link there; what an interface receives begins it.
            let begins = side.end.isInterface == (side.direction == .ingress)
            return .link(id, reversed: (named(link.from) == named(side.end)) != begins)
        }
        guard case .interface(let name) = side.end, let record = interface(named: name) else { return nil }
        return .member(interface: record.index, side.direction == .ingress ? .ingress : .egress)
    }

    /// Where placements can put a policy on an edge.
    private func sides(of edge: Edge) -> [Side] {
        switch edge {
        case .link(let id, let reversed):
            guard let link = links[id] else { return [] }
            let (from, to) =
                reversed ? (named(link.to), named(link.from)) : (named(link.from), named(link.to))
            return [
                Side(end: from, direction: from.isInterface ? .ingress : .egress),
                Side(end: to, direction: to.isInterface ? .egress : .ingress),
            ]
        case .member(let index, let direction):
            guard let record = interfaces[index] else { return [] }
            return [
                Side(end: .interface(record.interface.name), direction: direction == .ingress ? .ingress : .egress)
            ]
        }
    }

    private func placed(at side: Side) -> [AppliedPolicy] {
        policies(placedAt: side.end).flatMap { policy in
            (modules[policy]?.placements ?? []).filter { $0.side == side }.map {
                AppliedPolicy(policy: policy, handler: side.direction.handler, reason: .placement($0))
            }
        }
    }

    private func inOrder(tagged: [AppliedPolicy], placed: [AppliedPolicy]) -> [AppliedPolicy] {
        guard !placed.isEmpty else { return tagged }
        let explicit = Set(placed.map(\.policy))
        var order = tagged.filter { !explicit.contains($0.policy) }
        let inTurn = placed.compactMap { applied in applied.placement.map { (applied, $0) } }
            .sorted { $0.1.number < $1.1.number }
        for (applied, placement) in inTurn {
            order.insert(applied, at: order.index(for: placement.position))
        }
        return order
    }

    private func inOrderOfCreation(_ policies: Set<String>) -> [String] {
        policies.sorted { (modules[$0]?.number ?? 0) < (modules[$1]?.number ?? 0) }
    }
}

extension [AppliedPolicy] {
    /// The index to insert at. Before what is not there is first, and after it is last.
    fileprivate func index(for position: Position) -> Int {
        switch position {
        case .first: startIndex
        case .last: endIndex
        case .before(let policy): firstIndex { $0.policy == policy } ?? startIndex
        case .after(let policy): lastIndex { $0.policy == policy }.map { $0 + 1 } ?? endIndex
        }
    }
}

extension Endpoint {
    var isInterface: Bool { if case .interface = self { true } else { false } }
}
