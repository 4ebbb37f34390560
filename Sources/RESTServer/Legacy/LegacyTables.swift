// SPDX-License-Identifier: Apache-2.0

import Controller
import Hummingbird

/// `/modules/{module}/tables/` of the original Hover.
enum LegacyTables {
    private struct Table: Encodable {
        var name: String
        /// The kernel's id of the map; the original's number had a meaning in its own process only.
        var fd: UInt32
        var key_size: Int
        var leaf_size: Int
        var key_desc: String
        var leaf_desc: String

        init(_ state: TableState) {
            name = state.name
            fd = state.mapID
            key_size = state.key.size
            leaf_size = state.value.size
            key_desc = LegacyValues.layout(of: state.key)
            leaf_desc = LegacyValues.layout(of: state.value)
        }
    }

    private struct Entry: Encodable {
        var key: String
        var value: String
    }

    static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let module = try LegacyModules.own(call)
        return try LegacyAnswer.json(try await backend.controller.tables(of: module).map { Table($0) })
    }

    static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try LegacyAnswer.json(Table(try await table(backend, call)))
    }

    static func entries(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let table = try await table(backend, call)
        var entries: [Entry] = []
        var last: [UInt8]?
        while true {
            let page = try await backend.controller.entries(
                of: table.name, in: call["module"], after: last, limit: TableRoutes.pageLimit)
            for entry in page {
                entries.append(Entry(key: LegacyValues.text(of: entry.key, table.key), value: value(of: entry, table)))
            }
            guard page.count == TableRoutes.pageLimit else { break }
            last = page.last?.key
        }
        return try LegacyAnswer.json(entries)
    }

    static func add(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let body = try LegacyBody(call)
        return try await set(try body.text("key"), to: try body.text("value"), backend, call)
    }

    static func put(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let body = try LegacyBody(call)
        return try await set(call["key"], to: try body.text("value"), backend, call)
    }

    private static func set(
        _ key: String, to value: String, _ backend: Backend, _ call: Call
    ) async throws(HoverError) -> Response {
        let table = try await table(backend, call)
        guard let keyBytes = LegacyValues.bytes(of: key, table.key) else {
            throw HoverError(.invalid, "error scanning key (\(key)) from string")
        }
        guard let valueBytes = LegacyValues.bytes(of: value, table.value) else {
            throw HoverError(.invalid, "error scanning leaf (\(value)) from string")
        }
        try await backend.controller.setEntry(
            RawEntry(key: keyBytes, values: [valueBytes]), of: table.name, in: call["module"])
        return try LegacyAnswer.json(Entry(key: key, value: value))
    }

    static func entry(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let (table, key) = try await entryKey(backend, call)
        let entry = try await backend.controller.entry(key, of: table.name, in: call["module"])
        return try LegacyAnswer.json(Entry(key: call["key"], value: value(of: entry, table)))
    }

    static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let (table, key) = try await entryKey(backend, call)
        do throws(HoverError) {
            try await backend.controller.deleteEntry(key, of: table.name, in: call["module"])
        } catch {
            // An array keeps its entries: to the original that was an entry not found, as any failure.
            throw HoverError(.notFound, error.message)
        }
        return LegacyAnswer.done
    }

    /// A key that cannot be read names no entry.
    private static func entryKey(
        _ backend: Backend, _ call: Call
    ) async throws(HoverError) -> (TableState, [UInt8]) {
        let table = try await table(backend, call)
        guard let key = LegacyValues.bytes(of: call["key"], table.key) else {
            throw HoverError(.notFound, "\(call["key"]) is no key of table \(table.name)")
        }
        return (table, key)
    }

    private static func table(_ backend: Backend, _ call: Call) async throws(HoverError) -> TableState {
        try await backend.controller.table(call["table"], of: try LegacyModules.own(call))
    }

    /// Of a per-CPU table the sum, where it fits.
    private static func value(of entry: RawEntry, _ table: TableState) -> String {
        var bytes = entry.values.first ?? []
        if table.isPerCPU, let typed = try? table.entry(entry), let sum = try? table.value.encode(typed.value) {
            bytes = sum
        }
        return LegacyValues.text(of: bytes, table.value)
    }
}
