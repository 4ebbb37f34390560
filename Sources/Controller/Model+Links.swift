// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Model {
    /// Finds what one end of a new link means, and checks that it is free.
    ///
    /// - Parameters:
    ///   - others: what a free port must not be: the link's other end, and what others name.
    ///   - peer: the link's other end, as the request names it: a module may have a port for it.
    ///   - mayCome: whether an interface need not be there yet.
    func resolve(
        end request: EndpointRequest, besides others: Set<Endpoint> = [], peer: EndpointRequest? = nil,
        mayCome: Bool = false
    ) throws(HoverError) -> Endpoint {
        let end =
            request.node.hasPrefix("i:")
            ? try resolve(interface: String(request.node.dropFirst(2)), port: request.port, mayCome: mayCome)
            : try resolve(port: request.port, of: resolve(module: request.node), besides: others, peer: peer)
        if let id = link(at: end), let link = links[id] {
            throw HoverError(
                .conflict,
                "\(text(of: end)) is in use by link \(id) (\(text(of: link))): delete that link first, or take another "
                    + "port")
        }
        return end
    }

    private func resolve(interface name: String, port: Int?, mayCome: Bool) throws(HoverError) -> Endpoint {
        guard port == nil else {
            throw HoverError(.invalid, "interface \(name) has no ports: leave the port out")
        }
        guard let record = interface(named: name) else {
            if mayCome {
                return .interface(try Self.check(interfaceName: name))
            }
            throw HoverError(.notFound, "there is no interface \(name): `ip link` lists them")
        }
        if let bridge = bridge(of: record) {
            throw HoverError(
                .conflict,
                "interface \(name) is a member of the bridge \(bridge.interface.name): take it out first "
                    + "(ip link set \(name) nomaster)")
        }
        return .interface(name)
    }

    /// What an interface can be called (`dev_valid_name`, net/core/dev.c), or `mac=…` and `path=…`.
    private static func check(interfaceName name: String) throws(HoverError) -> String {
        guard !name.hasPrefix("mac="), !name.hasPrefix("path=") else { return name }
        guard !name.isEmpty, name.utf8.count < 16, !name.contains(where: { $0 == "/" || $0 == ":" || $0.isWhitespace })
        else {
            throw HoverError(.invalid, "\(name) cannot be an interface's name: 1 to 15 bytes without / : or spaces")
        }
        return name
    }

    private func resolve(
        port: Int?, of module: ModuleRecord, besides others: Set<Endpoint>, peer: EndpointRequest?
    ) throws(HoverError) -> Endpoint {
        guard module.kind == .forward else {
            throw HoverError(
                .invalid, "module \(module.name) is a policy and has no ports: give it tags to put it on links")
        }
        if let port {
            guard (1...module.maxPort).contains(port) else {
                throw HoverError(
                    .invalid, "module \(module.name) has no port \(port): its ports are 1 to \(module.maxPort)")
            }
            return .port(module: module.id, number: port)
        }
        let meant = module.setup?.ports ?? []
        let forPeer = peer.flatMap { peer in meant.first { $0.peer == name(of: peer) } }
        // A port that is meant for somebody else comes last.
        let other = Set(meant.filter { $0.peer != nil }.map(\.number))
        let numbers =
            [forPeer?.number].compactMap(\.self) + (1...module.maxPort).filter { !other.contains($0) } + other.sorted()
        let free = numbers.lazy.map { Endpoint.port(module: module.id, number: $0) }
            .first { link(at: $0) == nil && !others.contains($0) }
        guard let free else {
            throw HoverError(
                .conflict,
                "all \(module.maxPort) ports of module \(module.name) are linked: create it with more (max_ports)")
        }
        return free
    }

    /// What a module's configuration calls the other end of a link: the module's or interface's name.
    private func name(of end: EndpointRequest) -> String {
        end.node.hasPrefix("i:") ? String(end.node.dropFirst(2)) : modules[end.node]?.name ?? end.node
    }

    mutating func planCreation(of link: LinkRecord, in plan: inout Plan) throws(HoverError) {
        for case .port(let module, let number) in [link.from, link.to] {
            try planPort(number, ofModule: module, in: &plan)
        }
        set(.link(link.id, link), in: &plan)
        try checkPaths(over: link)
        try planChains(of: link, in: &plan)
    }

    mutating func planDeletion(ofLink id: String, in plan: inout Plan) throws(HoverError) {
        guard let link = links[id] else {
            throw HoverError(.notFound, "there is no link \(id): `hoverctl get links` lists them")
        }
        set(.link(id, nil), in: &plan)
        try planChains(of: link, in: &plan)
    }

    /// Plans both directions of a link, which may be gone from the model. An interface's own chains end when a link
    /// begins, and begin when it ends: what takes over is planned first.
    mutating func planChains(of link: LinkRecord, in plan: inout Plan) throws(HoverError) {
        let linkEdges: [Edge] = [.link(link.id, reversed: false), .link(link.id, reversed: true)]
        var ownEdges: [Edge] = []
        for case .interface(let name) in [link.from, link.to] {
            if let record = interface(named: name) {
                ownEdges += [.member(interface: record.index, .ingress), .member(interface: record.index, .egress)]
            }
        }
        for edge in links[link.id] != nil ? linkEdges + ownEdges : ownEdges + linkEdges {
            try planChain(of: edge, in: &plan)
        }
        for case .member(let index, .ingress) in ownEdges {
            planDetachment(of: index, in: &plan)
        }
    }

    /// Gives a module a port that it has not yet.
    mutating func planPort(_ number: Int, ofModule id: String, in plan: inout Plan) throws(HoverError) {
        guard var module = modules[id], !module.ports.contains(number) else { return }
        module.ports = (module.ports + [number]).sorted()
        set(.module(id, module), in: &plan)
    }
}

extension Model {
    /// A link by its ends, as a person would write them.
    func text(of link: LinkRecord) -> String { "\(text(of: link.from)) – \(text(of: link.to))" }

    private func text(of end: Endpoint) -> String {
        switch end {
        case .port(let module, let number): "\(modules[module]?.name ?? module):\(number)"
        case .interface(let name): "i:\(name)"
        }
    }
}

extension Endpoint: CustomStringConvertible {
    /// As an error names it.
    public var description: String {
        switch self {
        case .port(let module, let number): "port \(number) of module \(module)"
        case .interface(let name): "interface \(name)"
        }
    }
}
