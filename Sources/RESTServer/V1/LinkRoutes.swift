// SPDX-License-Identifier: Apache-2.0

import Controller
import HTTPTypes
import HoverAPI
import Hummingbird

/// `/v1/links` and `/v1/interfaces`.
enum LinkRoutes {
    static let all = [
        Route(
            method: .get, path: "/v1/links",
            operation: Operation(
                id: "listLinks", tag: "links", summary: "All links.",
                success: .init(content: .json(.array(of: .of(Link.self))), description: "The links.")),
            handler: list),
        Route(
            method: .post, path: "/v1/links",
            operation: Operation(
                id: "createLink", tag: "links", summary: "Links two ends, in both directions.",
                request: .of(LinkRequest.self),
                success: .init(
                    status: .created, content: .json(.of(Link.self)), hasLocation: true,
                    description: "The new link; packets cross it already."),
                errors: [.notFound, .conflict]),
            handler: create),
        Route(
            method: .get, path: "/v1/links/{link}",
            operation: Operation(
                id: "getLink", tag: "links", summary: "One link.",
                success: .init(content: .json(.of(Link.self)), description: "The link."), errors: [.notFound]),
            handler: get),
        Route(
            method: .delete, path: "/v1/links/{link}",
            operation: Operation(
                id: "deleteLink", tag: "links", summary: "Removes a link; the ports stay.",
                success: .init(status: .noContent, description: "It is gone."), errors: [.notFound]),
            handler: delete),
        Route(
            method: .get, path: "/v1/interfaces",
            operation: Operation(
                id: "listInterfaces", tag: "links", summary: "The network interfaces in hoverd's network namespace.",
                success: .init(content: .json(.array(of: .of(Interface.self))), description: "The interfaces.")),
            handler: interfaces),
        Route(
            method: .get, path: "/v1/interfaces/{interface}",
            operation: Operation(
                id: "getInterface", tag: "links", summary: "One network interface.",
                success: .init(content: .json(.of(Interface.self)), description: "The interface."),
                errors: [.notFound]),
            handler: interface),
    ]

    private static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(await backend.controller.links().map { Link($0) })
    }

    private static func create(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let request = try call.decode(LinkRequest.self)
        let link = Link(
            try await backend.controller.createLink(
                from: EndpointRequest(node: request.from.node, port: request.from.port),
                to: EndpointRequest(node: request.to.node, port: request.to.port),
                hook: request.hook.flatMap { LinkHook(rawValue: $0) }))
        return try .json(link, status: .created, location: "/v1/links/\(link.id)")
    }

    private static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(Link(try await backend.controller.link(call["link"])))
    }

    private static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try await backend.controller.deleteLink(call["link"])
        return .noContent
    }

    private static func interfaces(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(try await backend.controller.interfaces().map { Interface($0) })
    }

    private static func interface(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let name = call["interface"]
        guard let interface = try await backend.controller.interfaces().first(where: { $0.name == name }) else {
            throw HoverError(.notFound, "there is no interface \(name): `ip link` lists them")
        }
        return try .json(Interface(interface))
    }
}
