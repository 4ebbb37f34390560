// SPDX-License-Identifier: Apache-2.0

extension Model {
    /// What the placements of a policy become. One that it has already stays as it is, whatever is missing now.
    ///
    /// - Parameters:
    ///   - number: of the first new one.
    ///   - mayCome: whether an interface that is named by its name need not be there yet.
    func resolve(
        placements requests: [PlacementRequest], of policy: ModuleRecord, number: Int, mayCome: Bool = false
    ) throws(HoverError) -> [PlacementRecord] {
        guard requests.isEmpty || policy.kind == .policy else {
            throw HoverError(
                .invalid,
                "module \(policy.name) is \(policy.kind.rawValue), and only policies are placed: link its ports")
        }
        var placements: [PlacementRecord] = []
        for request in requests {
            let end = try resolve(placementAt: request.end)
            let position = try resolve(position: request.position)
            for direction in request.direction.map({ [$0] }) ?? Direction.allCases {
                let placement = PlacementRecord(
                    side: Side(end: end, direction: direction), position: position, number: number + placements.count)
                guard !placements.contains(where: { $0.side == placement.side }) else {
                    throw HoverError(
                        .invalid, "policy \(policy.name) is placed twice at \(placement.side): leave one out")
                }
                let kept = policy.placements.first { $0.side == placement.side && $0.position == placement.position }
                if kept == nil {
                    try check(placement, of: policy, mayCome: mayCome)
                }
                placements.append(kept ?? placement)
            }
        }
        return placements
    }

    private func resolve(placementAt request: EndpointRequest) throws(HoverError) -> Endpoint {
        if request.node.hasPrefix("i:") {
            let name = String(request.node.dropFirst(2))
            guard request.port == nil else {
                throw HoverError(.invalid, "interface \(name) has no ports: leave the port out")
            }
            return named(.interface(name))
        }
        guard !request.node.hasPrefix("b:") else {
            throw HoverError(
                .invalid,
                "nothing can be placed at the bridge \(request.node.dropFirst(2)): place it at its members (i:NAME), "
                    + "or tag the bridge")
        }
        let module = try resolve(module: request.node)
        guard module.kind == .forward else {
            throw HoverError(
                .invalid, "module \(request.node) is a policy and has no ports: place before or after it instead")
        }
        guard let port = request.port else {
            throw HoverError(
                .invalid, "a port of module \(request.node) is missing: say which one, 1 to \(module.maxPort)")
        }
        guard (1...module.maxPort).contains(port) else {
            throw HoverError(
                .invalid, "module \(request.node) has no port \(port): its ports are 1 to \(module.maxPort)")
        }
        return .port(module: module.id, number: port)
    }

    private func resolve(position: Position) throws(HoverError) -> Position {
        guard let reference = position.neighbour else { return position }
        let module = try resolve(module: reference)
        guard module.kind == .policy else {
            throw HoverError(.invalid, "module \(reference) is no policy: place before or after a policy")
        }
        return position.with(neighbour: module.id)
    }

    /// Checks that what a new placement refers to is there.
    private func check(
        _ placement: PlacementRecord, of policy: ModuleRecord, mayCome: Bool
    ) throws(HoverError) {
        if case .interface(let name) = placement.side.end, interface(named: name) == nil,
            !mayCome || name.contains("=")
        {
            throw HoverError(.notFound, "there is no interface \(name): `ip link` lists them")
        }
        guard let neighbour = placement.position.neighbour else { return }
        let name = modules[neighbour]?.name ?? neighbour
        guard neighbour != policy.id else {
            throw HoverError(.invalid, "policy \(name) cannot be placed before or after itself: name another one")
        }
        guard policies(at: placement.side).contains(where: { $0.policy == neighbour }) else {
            throw HoverError(
                .conflict,
                "policy \(name) does not lie at \(placement.side), so \(policy.name) cannot be placed before or after "
                    + "it: `hoverctl get topology` shows what does")
        }
    }

    /// Placements next to one policy, each with the policies that lie at its side.
    struct Neighbour {
        var policy: String
        var placement: PlacementRecord
        var order: [AppliedPolicy]
    }

    /// What is placed before or after a policy.
    func neighbours(of policy: String) -> [Neighbour] {
        policies(placedNextTo: policy).sorted().flatMap { id in
            (modules[id]?.placements ?? []).filter { $0.position.neighbour == policy }.map {
                Neighbour(policy: id, placement: $0, order: policies(at: $0.side))
            }
        }
    }

    /// Whatever was placed next to a policy stays where it is when that policy leaves or moves: its position refers to
    /// another one then.
    ///
    /// - Parameter neighbours: as they were before the policy's change.
    mutating func planStay(of neighbours: [Neighbour], nextTo policy: String, in plan: inout Plan) {
        for neighbour in neighbours {
            let places = neighbour.order.filter { $0.policy == policy }
            let now = policies(at: neighbour.placement.side).filter { $0.policy == policy }
            guard !places.isEmpty, places != now else { continue }
            let position = neighbour.order.position(of: neighbour.placement, without: policy)
            setPosition(position, of: neighbour, in: &plan)
        }
    }

    /// The same when the policy is deleted: no position refers to it any more.
    mutating func planForgetting(_ policy: String, in plan: inout Plan) {
        for neighbour in neighbours(of: policy) {
            let isBefore = neighbour.placement.position == .before(policy)
            setPosition(isBefore ? .first : .last, of: neighbour, in: &plan)
        }
    }

    private mutating func setPosition(_ position: Position, of neighbour: Neighbour, in plan: inout Plan) {
        guard var record = modules[neighbour.policy],
            let index = record.placements.firstIndex(of: neighbour.placement)
        else { return }
        record.placements[index].position = position
        set(.module(record.id, record), in: &plan)
    }

    /// An interface that is renamed keeps what is placed at it.
    mutating func planPlacements(from old: String, to new: String, in plan: inout Plan) {
        for policy in policies(placedAt: .interface(old)).sorted() {
            guard var record = modules[policy] else { continue }
            let taken = Set(record.placements.map(\.side))
            for index in record.placements.indices where record.placements[index].side.end == .interface(old) {
                let side = Side(end: .interface(new), direction: record.placements[index].side.direction)
                if !taken.contains(side) {
                    record.placements[index].side = side
                }
            }
            set(.module(policy, record), in: &plan)
        }
    }

    /// Plans again all edges that some placements are on.
    mutating func planEdges(at placements: some Sequence<PlacementRecord>, in plan: inout Plan) throws(HoverError) {
        for placement in placements.sorted(by: { $0.number < $1.number }) {
            switch edge(at: placement.side) {
            case .link(let id, _):
                guard let link = links[id] else { continue }
                try checkPaths(over: link)
                try planChains(of: link, in: &plan)
            case .member(let index, _):
                try planMember(index, in: &plan)
            case nil:
                break
            }
        }
    }
}

extension Position {
    fileprivate func with(neighbour: String) -> Position {
        switch self {
        case .first, .last: self
        case .before: .before(neighbour)
        case .after: .after(neighbour)
        }
    }
}

extension [AppliedPolicy] {
    /// A position that leaves a placement where it is in this order when all of one policy is taken out of it: next to
    /// a policy that took its own place earlier, because placements do so one after the other.
    fileprivate func position(of placement: PlacementRecord, without policy: String) -> Position {
        guard let index = firstIndex(where: { $0.placement == placement }) else { return placement.position }
        let isEarlier = { (other: AppliedPolicy) in
            other.policy != policy && (other.placement?.number ?? 0) < placement.number
                // One that lies here twice would be ambiguous.
                && count { $0.policy == other.policy } == 1
        }
        if let next = self[(index + 1)...].first(where: isEarlier) {
            return .before(next.policy)
        }
        return self[..<index].last(where: isEarlier).map { .after($0.policy) } ?? .first
    }
}
