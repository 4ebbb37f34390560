// SPDX-License-Identifier: Apache-2.0

extension Controller {
    /// What is connected with what, and which policies lie on the way.
    public func topology() async throws(HoverError) -> TopologyState {
        try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces()
            return self.model.topology
        }
    }
}

extension Model {
    var topology: TopologyState {
        let interfaces = interfaces.values.sorted { $0.index < $1.index }
        let modules = modules.values.sorted { $0.number < $1.number }
        return TopologyState(
            nodes: modules.map { NodeState(id: $0.id, name: $0.name, type: $0.typeName) }
                + interfaces.filter { $0.interface.kind == "bridge" }.map {
                    NodeState(id: "b:" + $0.interface.name, name: $0.interface.name, type: ModuleKind.bridge.rawValue)
                }
                + interfaces.map { NodeState(id: "i:" + $0.interface.name, name: $0.interface.name, type: nil) },
            edges: links.values.sorted { $0.number < $1.number }.map { edgeState(of: $0) }
                + interfaces.compactMap { edgeState(of: $0) })
    }

    private func edgeState(of link: LinkRecord) -> EdgeState {
        EdgeState(
            kind: .link(state(of: link)), forth: policies(on: .link(link.id, reversed: false)),
            back: policies(on: .link(link.id, reversed: true)))
    }

    /// Nil for a linked interface, and for one that nothing concerns.
    private func edgeState(of record: InterfaceRecord) -> EdgeState? {
        let name = record.interface.name
        guard link(at: .interface(name)) == nil else { return nil }
        let forth = policies(on: .member(interface: record.index, .ingress))
        let back = policies(on: .member(interface: record.index, .egress))
        if let bridge = bridge(of: record) {
            let member = BridgeMember(bridge: bridge.interface.name, interface: name)
            return EdgeState(kind: .member(member), forth: forth, back: back)
        }
        return forth.isEmpty && back.isEmpty ? nil : EdgeState(kind: .host(interface: name), forth: forth, back: back)
    }

    func state(of link: LinkRecord) -> LinkState {
        LinkState(
            id: link.id, from: link.from, to: link.to, pending: pendingReason(of: link), hook: hook(of: link))
    }

    /// Where the packets of a link's interface enter; the driver's mode is not known here. Nil without an interface.
    private func hook(of link: LinkRecord) -> LinkHook? {
        guard link.from.isInterface || link.to.isInterface else { return nil }
        let isAtXDP = [false, true].contains { reversed in
            if case .xdp? = chains[.link(link.id, reversed: reversed)]?.head { true } else { false }
        }
        return isAtXDP ? .xdp : .tc
    }
}

/// Modules, bridges and interfaces, and the edges between them.
public struct TopologyState: Sendable, Hashable {
    public var nodes: [NodeState]
    /// Links, then what the kernel forwards over: bridges' members, and interfaces of this host with policies.
    public var edges: [EdgeState]
}

/// Something that edges connect.
public struct NodeState: Sendable, Hashable {
    /// `m:<uuid>`, `b:<bridge>` or `i:<interface>`.
    public var id: String
    public var name: String
    /// What type of module it is; nil for an interface.
    public var type: String?
}

/// An edge, with the policies on it in the order in which packets cross them.
public struct EdgeState: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case link(LinkState)
        /// From the interface to the bridge that it is a member of.
        case member(BridgeMember)
        /// From the interface to this host.
        case host(interface: String)
    }

    public var kind: Kind
    /// On the way from the edge's beginning to its end.
    public var forth: [AppliedPolicy]
    /// On the way back.
    public var back: [AppliedPolicy]
}
