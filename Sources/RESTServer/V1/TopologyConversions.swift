// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI

// Placements and the topology, between the API's forms and the controller's.

extension PlacementRequest {
    init(_ placement: Placement) throws(HoverError) {
        let position: Position
        switch (placement.at, placement.before, placement.after) {
        case (nil, nil, nil), ("last", nil, nil): position = .last
        case ("first", nil, nil): position = .first
        case (nil, let policy?, nil): position = .before(policy)
        case (nil, nil, let policy?): position = .after(policy)
        default:
            throw HoverError(
                .invalid, "the placement at \(placement.node) has several of at, before and after: give one of them")
        }
        self.init(
            end: EndpointRequest(node: placement.node, port: placement.port),
            direction: placement.direction.flatMap { Direction(rawValue: $0) }, position: position)
    }
}

extension Placement {
    init(_ record: PlacementRecord) {
        self.init(
            node: record.side.end.node, port: record.side.end.port, direction: record.side.direction.rawValue)
        switch record.position {
        case .first: at = "first"
        case .last: at = "last"
        case .before(let policy): before = policy
        case .after(let policy): after = policy
        }
    }
}

extension Topology {
    init(_ state: TopologyState) {
        self.init(
            nodes: state.nodes.map {
                TopologyNode(id: $0.id, name: $0.name, type: $0.type ?? "interface")
            },
            edges: state.edges.map { TopologyEdge($0) })
    }
}

extension TopologyEdge {
    init(_ state: EdgeState) {
        let forth = state.forth.map { EdgePolicy($0) }
        let back = state.back.map { EdgePolicy($0) }
        switch state.kind {
        case .link(let state):
            let link = Link(state)
            self.init(
                kind: "link", link: link.id, from: link.from, to: link.to, state: link.state, detail: link.detail,
                forth: forth, back: back)
        case .member(let member):
            self.init(
                kind: "bridge", link: nil, from: LinkEnd(node: "i:" + member.interface),
                to: LinkEnd(node: "b:" + member.bridge), state: "up", detail: nil, forth: forth, back: back)
        case .host(let interface):
            self.init(
                kind: "host", link: nil, from: LinkEnd(node: "i:" + interface), to: nil, state: "up", detail: nil,
                forth: forth, back: back)
        }
    }
}

extension EdgePolicy {
    init(_ applied: AppliedPolicy) {
        let handler: Direction = applied.handler == .ingress ? .ingress : .egress
        switch applied.reason {
        case .tag(let node): self.init(policy: applied.policy, handler: handler.rawValue, tag: node)
        case .placement(let record):
            self.init(policy: applied.policy, handler: handler.rawValue, placement: Placement(record))
        }
    }
}
