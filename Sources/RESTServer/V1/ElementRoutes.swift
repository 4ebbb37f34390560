// SPDX-License-Identifier: Apache-2.0

import Controller
import Hummingbird

/// `/v1/modules/{module}/config/{list}/{element}`: one element of a list in a module's configuration.
enum ElementRoutes {
    static let all = [
        Route(
            method: .get, path: "/v1/modules/{module}/config/{list}/{element}",
            operation: Operation(
                id: "getElement", tag: "modules",
                summary: "An element of a list in a module's configuration, by its `id` or `name`.",
                success: .init(content: .json(.map(of: .any)), description: "The element."),
                errors: [.notFound, .conflict]),
            handler: get),
        Route(
            method: .put, path: "/v1/modules/{module}/config/{list}/{element}",
            operation: Operation(
                id: "setElement", tag: "modules",
                summary: "Changes an element of a list in a module's configuration, or adds it.",
                query: [
                    .init(
                        name: "before", schema: .string,
                        description: "The `id` or `name` of the element before which it is to be. Without it, one that "
                            + "is there keeps its place, and a new one comes last.")
                ],
                request: .map(of: .any),
                success: .init(status: .noContent, description: "It is in force."),
                errors: [.notFound, .conflict, .object, .verifier]),
            handler: set),
        Route(
            method: .delete, path: "/v1/modules/{module}/config/{list}/{element}",
            operation: Operation(
                id: "deleteElement", tag: "modules",
                summary: "Removes an element of a list in a module's configuration.",
                success: .init(status: .noContent, description: "It is gone."),
                errors: [.notFound, .conflict, .object, .verifier]),
            handler: delete),
    ]

    private static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(
            try await backend.controller.element(call["element"], of: call["list"], ofModule: call["module"]))
    }

    private static func set(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let element = try call.json()
        guard case .object = element else {
            throw HoverError(.invalid, "the body: expected an object, as the list has them")
        }
        try await backend.controller.setElement(
            element, call["element"], of: call["list"], before: call.query["before"], ofModule: call["module"])
        return .noContent
    }

    private static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try await backend.controller.deleteElement(call["element"], of: call["list"], ofModule: call["module"])
        return .noContent
    }
}
