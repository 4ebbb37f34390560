// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Controller {
    /// All links in the order of their creation.
    public func links() async -> [LinkState] {
        await exclusively {
            self.model.links.values.sorted { $0.number < $1.number }.map { self.model.state(of: $0) }
        }
    }

    /// One link.
    ///
    /// - Throws: `.notFound`.
    public func link(_ id: String) async throws(HoverError) -> LinkState {
        try await exclusively { () throws(HoverError) in
            guard let link = self.model.links[id] else {
                throw HoverError(.notFound, "there is no link \(id): `hoverctl get links` lists them")
            }
            return self.model.state(of: link)
        }
    }

    /// Links two ends, in both directions. Packets cross when this returns.
    ///
    /// - Throws: `.notFound` for an end that does not exist, `.conflict` for one that is in use or for a chain that
    ///   would get too long, `.invalid` for what cannot be linked.
    public func createLink(from: EndpointRequest, to: EndpointRequest) async throws(HoverError) -> LinkState {
        try await exclusively { () async throws(HoverError) in
            for end in [from, to] where end.node.hasPrefix("i:") {
                try await self.refreshInterface(named: String(end.node.dropFirst(2)))
            }
            let link = try await self.change { (model: inout Model, plan: inout Plan) throws(HoverError) in
                let link = try model.resolve(from: from, to: to, number: self.nextLinkNumber)
                try model.planCreation(of: link, in: &plan)
                return link
            }
            self.nextLinkNumber += 1
            return self.model.state(of: link)
        }
    }

    /// Removes a link. Packets that leave by its ends are dropped from now on, and counted as `unlinked`; an
    /// interface's packets are the kernel's again.
    ///
    /// - Throws: `.notFound`.
    public func deleteLink(_ id: String) async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            try await self.change { (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planDeletion(ofLink: id, in: &plan)
            }
        }
    }
}

extension Model {
    /// What a request for a link means.
    func resolve(from: EndpointRequest, to: EndpointRequest, number: Int) throws(HoverError) -> LinkRecord {
        let first = try resolve(end: from)
        let second = try resolve(end: to, besides: first)
        if case .interface = first, case .interface = second {
            throw HoverError(.invalid, "\(first) and \(second) are both interfaces: a link has a module on one side")
        }
        if first.node == second.node, first == second {
            throw HoverError(.invalid, "\(first) cannot be linked to itself")
        }
        return LinkRecord(id: "l:" + UUID().uuidString.lowercased(), number: number, from: first, to: second)
    }
}
