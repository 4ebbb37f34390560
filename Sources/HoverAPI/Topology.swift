// SPDX-License-Identifier: Apache-2.0

/// What is connected with what, as `/v1/topology` shows it.
public struct Topology: Codable, Sendable, Hashable {
    /// Modules in creation order, then Linux bridges, then network interfaces.
    public var nodes: [TopologyNode]
    /// Links, then bridges' members, then interfaces of the host itself on which policies lie.
    public var edges: [TopologyEdge]

    public init(nodes: [TopologyNode], edges: [TopologyEdge]) {
        self.nodes = nodes
        self.edges = edges
    }
}

/// Something that edges connect, or a policy that lies on them.
public struct TopologyNode: Codable, Sendable, Hashable {
    /// `m:<uuid>`, `b:<bridge name>` or `i:<interface name>`.
    public var id: String
    public var name: String
    /// The module type, or `interface`.
    public var type: String

    public init(id: String, name: String, type: String) {
        self.id = id
        self.name = name
        self.type = type
    }
}

/// Two ends, and the policies between them.
public struct TopologyEdge: Codable, Sendable, Hashable {
    /// `link`; `bridge`: between a bridge's member and the bridge; `host`: between an interface and the host itself.
    public var kind: String
    /// The link's id; null for other kinds.
    public var link: String?
    public var from: LinkEnd
    /// Null for `host`.
    public var to: LinkEnd?
    /// `up`, or `pending` with the reason in `detail`.
    public var state: String
    public var detail: String?
    /// The policies that packets cross from `from` to `to`, in their order.
    public var forth: [EdgePolicy]
    /// The policies that packets cross from `to` to `from`, in their order.
    public var back: [EdgePolicy]

    public init(
        kind: String, link: String?, from: LinkEnd, to: LinkEnd?, state: String, detail: String?, forth: [EdgePolicy],
        back: [EdgePolicy]
    ) {
        self.kind = kind
        self.link = link
        self.from = from
        self.to = to
        self.state = state
        self.detail = detail
        self.forth = forth
        self.back = back
    }
}

/// A policy on one direction of an edge, and why it lies there: it has `tag` or `placement`.
public struct EdgePolicy: Codable, Sendable, Hashable {
    /// Its id.
    public var policy: String
    /// `ingress`: `handle_rx`; `egress`: `handle_tx`, or `handle_rx` when the policy has no other.
    public var handler: String
    /// The node at one of the ends that it tags.
    public var tag: String?
    public var placement: Placement?

    public init(policy: String, handler: String, tag: String? = nil, placement: Placement? = nil) {
        self.policy = policy
        self.handler = handler
        self.tag = tag
        self.placement = placement
    }
}
