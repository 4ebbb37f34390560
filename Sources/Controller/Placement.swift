// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// Which way packets go at a port or an interface.
public enum Direction: String, Sendable, Hashable, CaseIterable, Codable {
    /// Towards the module's port; received by the interface.
    case ingress
    /// Leaving by the port, or by the interface.
    case egress

    /// Which handler of a policy that is placed there runs.
    var handler: PolicyHandler { self == .ingress ? .ingress : .egress }
}

/// One direction at a port or an interface.
public struct Side: Sendable, Hashable, Codable, CustomStringConvertible {
    public var end: Endpoint
    public var direction: Direction

    /// As an error names it.
    public var description: String { "the \(direction.rawValue) of \(end)" }
}

/// Where a policy is put among those that lie on the same direction of an edge: first is what packets meet first.
public enum Position: Sendable, Hashable, Codable {
    case first
    case last
    /// Directly before another policy: its id; in a request its unique display name too.
    case before(String)
    /// Directly after another policy.
    case after(String)

    /// The policy that it refers to.
    var neighbour: String? {
        switch self {
        case .first, .last: nil
        case .before(let policy), .after(let policy): policy
        }
    }
}

/// A policy's explicit place, besides those that its tags give it.
public struct PlacementRecord: Sendable, Hashable, Codable {
    public var side: Side
    public var position: Position
    /// Placements take their position one after the other in this order; unique while `hoverd` runs.
    public var number: Int
}

/// A placement as a request names it.
public struct PlacementRequest: Sendable, Hashable {
    /// A port of a module, or `i:<interface name>`.
    public var end: EndpointRequest
    /// Nil means both.
    public var direction: Direction?
    public var position: Position

    public init(end: EndpointRequest, direction: Direction? = nil, position: Position = .last) {
        self.end = end
        self.direction = direction
        self.position = position
    }
}

/// A policy where it lies on one direction of an edge.
public struct AppliedPolicy: Sendable, Hashable {
    /// Why it lies there.
    public enum Reason: Sendable, Hashable {
        /// It tags this node, and not the one at the edge's other end.
        case tag(String)
        case placement(PlacementRecord)
    }

    /// Its id.
    public var policy: String
    public var handler: PolicyHandler
    public var reason: Reason

    /// Its placement; nil when a tag is the reason.
    var placement: PlacementRecord? {
        if case .placement(let placement) = reason { placement } else { nil }
    }
}
