// SPDX-License-Identifier: Apache-2.0

import Controller
import HTTPTypes
import HoverAPI
import Hummingbird
import TypedValue

/// The body of `POST …/entries`.
struct EntryRequest: Codable, Sendable, Hashable {
    var key: TypedValue
    var value: TypedValue?
    var perCPU: [TypedValue]?

    enum CodingKeys: String, CodingKey {
        case key, value
        case perCPU = "per_cpu"
    }
}

/// The body of `PUT …/entries/{key}`.
struct ValueRequest: Codable, Sendable, Hashable {
    var value: TypedValue?
    var perCPU: [TypedValue]?

    enum CodingKeys: String, CodingKey {
        case value
        case perCPU = "per_cpu"
    }
}

/// `/v1/modules/{module}/tables` and their entries.
enum TableRoutes {
    /// The most entries in a page.
    static let pageLimit = 10_000

    static let all = [
        Route(
            method: .get, path: "/v1/modules/{module}/tables",
            operation: Operation(
                id: "listTables", tag: "tables", summary: "A module's tables, in the order of its source.",
                success: .init(content: .json(.array(of: .of(Table.self))), description: "The tables."),
                errors: [.notFound, .conflict]),
            handler: list),
        Route(
            method: .get, path: "/v1/modules/{module}/tables/{table}",
            operation: Operation(
                id: "getTable", tag: "tables", summary: "One table, with the layouts of its keys and values.",
                success: .init(content: .json(.of(Table.self)), description: "The table."),
                errors: [.notFound, .conflict]),
            handler: get),
        Route(
            method: .get, path: "/v1/modules/{module}/tables/{table}/entries",
            operation: Operation(
                id: "listEntries", tag: "tables", summary: "A page of a table's entries.",
                query: [
                    .init(
                        name: "limit", schema: .integer(1...Int128(pageLimit)),
                        description: "The most entries in the page; 1000 without."),
                    .init(
                        name: "after", schema: .string,
                        description: "The key that the page begins behind, as in a path; at the start without."),
                ],
                success: .init(content: .json(.of(TablePage.self)), description: "The page."),
                errors: [.notFound, .conflict]),
            handler: entries),
        Route(
            method: .post, path: "/v1/modules/{module}/tables/{table}/entries",
            operation: Operation(
                id: "setEntry", tag: "tables", summary: "Adds an entry, or changes the one with this key.",
                request: .of(EntryRequest.self),
                success: .init(status: .noContent, description: "It is set."), errors: [.notFound, .conflict]),
            handler: add),
        Route(
            method: .get, path: "/v1/modules/{module}/tables/{table}/entries/{key}",
            operation: Operation(
                id: "getEntry", tag: "tables", summary: "The entry with this key.",
                success: .init(content: .json(.of(TableEntry.self)), description: "The entry."),
                errors: [.notFound, .conflict]),
            handler: entry),
        Route(
            method: .put, path: "/v1/modules/{module}/tables/{table}/entries/{key}",
            operation: Operation(
                id: "putEntry", tag: "tables", summary: "Sets the entry with this key, new or not.",
                request: .of(ValueRequest.self),
                success: .init(status: .noContent, description: "It is set."), errors: [.notFound, .conflict]),
            handler: put),
        Route(
            method: .delete, path: "/v1/modules/{module}/tables/{table}/entries/{key}",
            operation: Operation(
                id: "deleteEntry", tag: "tables", summary: "Removes the entry with this key.",
                success: .init(status: .noContent, description: "It is gone."), errors: [.notFound, .conflict]),
            handler: delete),
    ]

    private static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(try await backend.controller.tables(of: call["module"]).map { Table($0) })
    }

    private static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(Table(try await table(backend, call)))
    }

    private static func entries(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let table = try await table(backend, call)
        let limit = try limit(call.query["limit"])
        var after: [UInt8]?
        if let text = call.query["after"] {
            after = try table.keyBytes(text, as: "after")
        }
        // One more tells whether another page follows.
        let raw = try await backend.controller.entries(
            of: table.name, in: call["module"], after: after, limit: limit + 1)
        var page = TablePage(entries: [], next: nil)
        for entry in raw.prefix(limit) {
            page.entries.append(try table.entry(entry))
        }
        if raw.count > limit {
            page.next = page.entries.last?.key
        }
        return try .json(page)
    }

    static func limit(_ text: String?) throws(HoverError) -> Int {
        guard let text else { return 1000 }
        guard let limit = Int(text), (1...pageLimit).contains(limit) else {
            throw HoverError(.invalid, "limit: expected an integer from 1 to \(pageLimit), found \(text)")
        }
        return limit
    }

    private static func add(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let request = try call.decode(EntryRequest.self)
        let table = try await table(backend, call)
        let key = try table.keyBytes(request.key)
        let values = try table.valueBytes(request.value, perCPU: request.perCPU)
        try await backend.controller.setEntry(RawEntry(key: key, values: values), of: table.name, in: call["module"])
        return .noContent
    }

    private static func entry(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let table = try await table(backend, call)
        let key = try table.keyBytes(call["key"], as: "key")
        return try .json(
            try table.entry(try await backend.controller.entry(key, of: table.name, in: call["module"])))
    }

    private static func put(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let request = try call.decode(ValueRequest.self)
        let table = try await table(backend, call)
        let key = try table.keyBytes(call["key"], as: "key")
        let values = try table.valueBytes(request.value, perCPU: request.perCPU)
        try await backend.controller.setEntry(RawEntry(key: key, values: values), of: table.name, in: call["module"])
        return .noContent
    }

    private static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let table = try await table(backend, call)
        let key = try table.keyBytes(call["key"], as: "key")
        try await backend.controller.deleteEntry(key, of: table.name, in: call["module"])
        return .noContent
    }

    private static func table(_ backend: Backend, _ call: Call) async throws(HoverError) -> TableState {
        try await backend.controller.table(call["table"], of: call["module"])
    }
}
