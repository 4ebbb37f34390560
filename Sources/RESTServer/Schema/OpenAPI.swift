// SPDX-License-Identifier: Apache-2.0

import Controller
import HTTPTypes
import HoverAPI
import TypedValue

/// The OpenAPI 3.1 document, made of the route table and the components.
enum OpenAPI {
    static func document(of routes: [Route], version: String) -> TypedValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "Hover",
                "version": .string(version),
                "summary": "The control and management plane for IO Modules.",
                "description": """
                Loads network functions written in C into the running Linux kernel and links them. Wherever a path \
                or a body takes a module, its id or a display name that is unique will do.
                """,
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/", "description": "The hoverd that serves this document."]],
            "tags": .array(tags),
            "paths": .object(
                Dictionary(grouping: routes, by: \.path.description).mapValues { .object(path($0)) }),
            "components": [
                "schemas": .object(
                    Dictionary(Components.all.map { ($0.name, schema($0)) }) { first, _ in first }),
                "responses": .object(
                    Dictionary(
                        refusals.map { ("\($0.code)", refusal($0)) },
                        uniquingKeysWith: { first, _ in first })),
            ],
        ]
    }

    private static let tags: [TypedValue] = [
        ["name": "modules", "description": "IO Modules and their ports."],
        ["name": "tables", "description": "The modules' tables: BPF maps, with typed keys and values."],
        ["name": "packets", "description": "What modules send to their slow paths, and what these send."],
        ["name": "links", "description": "What connects modules, and the interfaces they can be linked to."],
        [
            "name": "state",
            "description": "All modules and links together: manifests, revisions, and what the kernel has.",
        ],
        ["name": "system", "description": "The daemon itself."],
    ]

    /// Every status that a refusal can have.
    private static let refusals = Set(HoverError.Kind.allCases.map(\.status) + [.forbidden])

    private static func refusal(_ status: HTTPResponse.Status) -> TypedValue {
        let titles = HoverError.Kind.allCases.filter { $0.status == status }.map(\.title)
        let description =
            titles.isEmpty
            ? "The request comes from a foreign web page, or by a foreign name" : titles.joined(separator: ", or: ")
        return [
            "description": .string(description + "."),
            "content": ["application/problem+json": ["schema": Schema.of(Problem.self).json]],
        ]
    }

    private static func schema(_ component: Components.Component) -> TypedValue {
        guard case .object(var members) = component.schema.json else { return component.schema.json }
        members["description"] = .string(component.description)
        return .object(members)
    }

    private static func path(_ routes: [Route]) -> [String: TypedValue] {
        var item: [String: TypedValue] = [:]
        for route in routes {
            guard let operation = route.operation else { continue }
            item[route.method.rawValue.lowercased()] = json(operation, on: route.path)
        }
        if let parameters = routes.first?.path.parameters, !parameters.isEmpty {
            item["parameters"] = .array(
                parameters.map { name in
                    [
                        "name": .string(name), "in": "path", "required": true, "schema": Schema.string.json,
                        "description": .string(descriptions[name] ?? name),
                    ]
                })
        }
        return item
    }

    /// What the parameters of paths are.
    static let descriptions = [
        "module": "A module's id or unique display name, percent-encoded.",
        "list": "The key of a list in the module's configuration.",
        "element": "The `id` or `name` of an element of the list, percent-encoded.",
        "table": "A table's name.",
        "key": "A key as a person writes it (`5`, `0x5`, `10.0.0.1`, a name) or as JSON, percent-encoded.",
        "revision": "A revision's number.",
        "hold": "What packets are held for: the `key` of such a packet.",
        "link": "A link's id.",
        "interface": "An interface's name, without `i:`.",
    ]

    private static func json(_ operation: Operation, on path: PathTemplate) -> TypedValue {
        var members: [String: TypedValue] = [
            "operationId": .string(operation.id),
            "summary": .string(operation.summary),
            "tags": [.string(operation.tag)],
            "responses": .object(responses(operation)),
        ]
        if !operation.query.isEmpty {
            members["parameters"] = .array(
                operation.query.map { parameter in
                    [
                        "name": .string(parameter.name), "in": "query", "schema": parameter.schema.json,
                        "description": .string(parameter.description),
                    ]
                })
        }
        if let request = operation.request {
            members["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": request.json]],
            ]
        }
        return .object(members)
    }

    private static func responses(_ operation: Operation) -> [String: TypedValue] {
        let success = operation.success
        var members: [String: TypedValue] = ["description": .string(success.description)]
        switch success.content {
        case .nothing: break
        case .text: members["content"] = ["text/plain": ["schema": Schema.string.json]]
        case .json(let schema): members["content"] = ["application/json": ["schema": schema.json]]
        case .events(let schema):
            members["content"] = [
                "text/event-stream": [
                    "schema": ["type": "string", "contentMediaType": "application/json", "contentSchema": schema.json]
                ]
            ]
        }
        if success.hasLocation {
            members["headers"] = [
                "Location": ["description": "The path of what was made.", "schema": Schema.string.json]
            ]
        }
        var responses: [String: TypedValue] = ["\(success.status.code)": .object(members)]
        // Bad encoding, a body that is too large, a foreign page, and a kernel or store that fails can meet every operation;
        // an `If-Match` that is stale, every change.
        let kinds = [.invalid, .tooLarge, .stale, .kernel] + operation.errors
        for status in kinds.map(\.status) + [.forbidden] {
            responses["\(status.code)"] = ["$ref": .string("#/components/responses/\(status.code)")]
        }
        return responses
    }
}
