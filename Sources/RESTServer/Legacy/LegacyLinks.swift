// SPDX-License-Identifier: Apache-2.0

import Controller
import Hummingbird

/// `/links/` and `/external_interfaces/` of the original Hover.
enum LegacyLinks {
    private struct Link: Encodable {
        var id: String
        var from: String
        var to: String
        var fromPort: Int
        var toPort: Int

        enum CodingKeys: String, CodingKey {
            case id, from, to
            case fromPort = "from-id"
            case toPort = "to-id"
        }

        init(_ state: LinkState) {
            id = state.id
            from = state.from.node
            to = state.to.node
            // An interface has one place to be linked at, the original's number for which is 1.
            fromPort = state.from.port ?? 1
            toPort = state.to.port ?? 1
        }

        /// An edge that the kernel forwards over by itself, which the number 0 says.
        init(_ member: BridgeMember) {
            id = "i:\(member.interface)@b:\(member.bridge)"
            from = "i:" + member.interface
            to = "b:" + member.bridge
            fromPort = 0
            toPort = 0
        }
    }

    private struct Interface: Encodable {
        var id: String
        var name: String
    }

    static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try LegacyAnswer.json(await links(backend))
    }

    static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try LegacyAnswer.json(try await link(backend, call))
    }

    static func create(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let body = try LegacyBody(call)
        let from = try node(try body.text("from"))
        let to = try node(try body.text("to"))
        for link in await backend.controller.links() where Set([link.from.node, link.to.node]) == [from, to] {
            throw HoverError(.invalid, "Link already exists between \"\(from)\" and \"\(to)\"")
        }
        do throws(HoverError) {
            let link = try await backend.controller.createLink(
                from: EndpointRequest(node: from), to: EndpointRequest(node: to))
            return try LegacyAnswer.json(Link(link))
        } catch {
            // An end that is not there is in the body, not in the path.
            throw error.kind == .notFound ? HoverError(.invalid, error.message) : error
        }
    }

    static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let link = try await link(backend, call)
        guard link.fromPort != 0 else {
            throw HoverError(
                .invalid,
                "\(link.id) is the kernel's: `ip link set \(link.from.dropFirst(2)) nomaster` takes the interface out")
        }
        try await backend.controller.deleteLink(link.id)
        return LegacyAnswer.done
    }

    static func interfaces(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        // Bridges are modules.
        let interfaces = try await backend.controller.interfaces().filter { $0.kind != "bridge" }
        return try LegacyAnswer.json(interfaces.map { Interface(id: "\($0.index)", name: $0.name) })
    }

    private static func links(_ backend: Backend) async -> [Link] {
        await backend.controller.links().map { Link($0) } + backend.controller.bridgeMembers().map { Link($0) }
    }

    private static func link(_ backend: Backend, _ call: Call) async throws(HoverError) -> Link {
        guard let link = await links(backend).first(where: { $0.id == call["link"] }) else {
            throw HoverError(.notFound, "there is no link \(call["link"])")
        }
        return link
    }

    /// The controller's word for a node path.
    static func node(_ path: String) throws(HoverError) -> String {
        let parts = path.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw HoverError(.invalid, "Malformed node path \"\(path)\"")
        }
        switch parts[0] {
        case "i", "m": return path
        // The long prefixes stand before an id or before what follows its own prefix.
        case "external_interfaces": return parts[1].hasPrefix("i:") ? String(parts[1]) : "i:" + parts[1]
        case "modules": return parts[1].hasPrefix("m:") ? String(parts[1]) : "m:" + parts[1]
        default: throw HoverError(.invalid, "Unknown node path prefix \"\(parts[0])\"")
        }
    }
}
