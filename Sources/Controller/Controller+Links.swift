// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Controller {
    /// All links in the order of their creation.
    public func links() async -> [LinkState] {
        await exclusively {
            var states: [LinkState] = []
            for link in self.model.links.values.sorted(by: { $0.number < $1.number }) {
                states.append(await self.state(of: link))
            }
            return states
        }
    }

    /// One link.
    ///
    /// - Throws: `.notFound`.
    public func link(_ id: String) async throws(HoverError) -> LinkState {
        try await exclusively { () async throws(HoverError) in
            guard let link = self.model.links[id] else {
                throw HoverError(.notFound, "there is no link \(id): `hoverctl get links` lists them")
            }
            return await self.state(of: link)
        }
    }

    /// Links two ends, in both directions. Packets cross when this returns.
    ///
    /// - Throws: `.notFound` for an end that does not exist, `.conflict` for one that is in use or for a chain that
    ///   would get too long, `.invalid` for what cannot be linked.
    ///
    /// - Parameter hook: where the packets of the link's interface are to enter; nil leaves it to Hover.
    public func createLink(
        from: EndpointRequest, to: EndpointRequest, hook: LinkHook? = nil
    ) async throws(HoverError) -> LinkState {
        try await exclusively { () async throws(HoverError) in
            for end in [from, to] where end.node.hasPrefix("i:") {
                try await self.refreshInterface(named: String(end.node.dropFirst(2)))
            }
            let link = try await self.change("link \(from.text) to \(to.text)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                let link = try model.resolve(from: from, to: to, hook: hook, number: self.nextLinkNumber)
                try model.planCreation(of: link, in: &plan)
                return link
            }
            self.nextLinkNumber += 1
            return await self.state(of: link)
        }
    }

    /// With what the driver has made of it.
    func state(of link: LinkRecord) async -> LinkState {
        var state = model.state(of: link)
        for case .xdp(let index) in [false, true].compactMap({ model.chains[.link(link.id, reversed: $0)]?.head }) {
            state.hook = await dataplane.xdpMode(ofInterface: index) == .generic ? .genericXDP : .nativeXDP
        }
        return state
    }

    /// Removes a link. Packets that leave by its ends are dropped from now on, and counted as `unlinked`; an
    /// interface's packets are the kernel's again.
    ///
    /// - Throws: `.notFound`.
    public func deleteLink(_ id: String) async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            try await self.change("delete link \(id)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planDeletion(ofLink: id, in: &plan)
            }
        }
    }
}

extension Model {
    /// What a request for a link means.
    ///
    /// - Parameters:
    ///   - reserved: ports that it gets only when it names them.
    ///   - mayCome: whether an interface need not be there yet.
    func resolve(
        from: EndpointRequest, to: EndpointRequest, hook: LinkHook? = nil, number: Int,
        besides reserved: Set<Endpoint> = [], mayCome: Bool = false
    ) throws(HoverError) -> LinkRecord {
        let first = try resolve(end: from, besides: reserved, peer: to, mayCome: mayCome)
        let second = try resolve(end: to, besides: reserved.union([first]), peer: from, mayCome: mayCome)
        if case .interface = first, case .interface = second {
            throw HoverError(.invalid, "\(first) and \(second) are both interfaces: a link has a module on one side")
        }
        if first.node == second.node, first == second {
            throw HoverError(.invalid, "\(first) cannot be linked to itself")
        }
        guard hook == nil || first.isInterface || second.isInterface else {
            throw HoverError(.invalid, "hook: modules are linked at both hooks; only a link to an interface has one")
        }
        return LinkRecord(
            id: "l:" + UUID().uuidString.lowercased(), number: number, from: first, to: second, hook: hook)
    }
}
