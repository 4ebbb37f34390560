// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Controller {
    /// The tables of a module, in the order of its source.
    ///
    /// - Throws: `.notFound`, or `.conflict` for an ambiguous name, as all methods that take a reference.
    public func tables(of reference: String) async throws(HoverError) -> [TableState] {
        try await exclusively { () throws(HoverError) in
            if self.isBridge(reference) {
                return []
            }
            return try self.model.resolve(module: reference).tables.map { TableState($0) }
        }
    }

    /// One table of a module.
    public func table(_ name: String, of reference: String) async throws(HoverError) -> TableState {
        try await exclusively { () throws(HoverError) in
            TableState(try self.find(name, of: reference).table)
        }
    }

    /// At most `limit` entries of a table, those after the key `after`, in the kernel's order.
    public func entries(
        of table: String, in reference: String, after: [UInt8]?, limit: Int
    ) async throws(HoverError) -> [RawEntry] {
        let (module, table) = try await exclusively { () throws(HoverError) in try self.find(table, of: reference) }
        if let after {
            try check(after, size: table.keySize, "key", of: table)
        }
        return try await translating { () async throws(DataplaneError) in
            try await self.dataplane.entries(of: table, ofModule: module, after: after, limit: limit)
        }
        .map { RawEntry(key: $0.key, values: $0.values) }
    }

    /// One entry.
    ///
    /// - Throws: `.notFound`; `.invalid` for a key of another size.
    public func entry(_ key: [UInt8], of table: String, in reference: String) async throws(HoverError) -> RawEntry {
        let (module, table) = try await exclusively { () throws(HoverError) in try self.find(table, of: reference) }
        try check(key, size: table.keySize, "key", of: table)
        let values = try await translating { () async throws(DataplaneError) in
            try await self.dataplane.entry(key, of: table, ofModule: module)
        }
        guard let values else { throw Self.noEntry(in: table) }
        return RawEntry(key: key, values: values)
    }

    /// Sets an entry, new or not.
    ///
    /// - Throws: `.invalid` for a key or value of another size, or a number of values that is neither one nor, in a
    ///   per-CPU table, that of the CPUs; `.kernel` in the kernel's words, when the table is full for example.
    public func setEntry(_ entry: RawEntry, of table: String, in reference: String) async throws(HoverError) {
        let (module, table) = try await exclusively { () throws(HoverError) in try self.find(table, of: reference) }
        try check(entry.key, size: table.keySize, "key", of: table)
        for value in entry.values {
            try check(value, size: table.valueSize, "value", of: table)
        }
        let stored = StoredEntry(
            module: module, table: table.name, key: entry.key, value: Array(entry.values.joined()))
        let before = try await store.value(entry.key, of: table.name, ofModule: module)
        try await store.note(stored)
        do throws(HoverError) {
            try await translating { () async throws(DataplaneError) in
                try await self.dataplane.setEntry(entry.key, to: entry.values, of: table, ofModule: module)
            }
        } catch {
            try await putBack(before, stored)
            throw error
        }
        try await store.settle(stored)
    }

    /// The kernel did not take an entry: the store has again what it had.
    private func putBack(_ value: [UInt8]?, _ entry: StoredEntry) async throws(HoverError) {
        guard let value else {
            return try await store.forgetEntry(entry.key, of: entry.table, ofModule: entry.module)
        }
        var before = entry
        before.value = value
        try await store.note(before)
        try await store.settle(before)
    }

    /// Removes an entry.
    ///
    /// - Throws: `.notFound`; `.invalid` for a table that keeps all its entries (an array).
    public func deleteEntry(_ key: [UInt8], of table: String, in reference: String) async throws(HoverError) {
        let (module, table) = try await exclusively { () throws(HoverError) in try self.find(table, of: reference) }
        try check(key, size: table.keySize, "key", of: table)
        let removed = try await translating { () async throws(DataplaneError) in
            try await self.dataplane.deleteEntry(key, of: table, ofModule: module)
        }
        try await store.forgetEntry(key, of: table.name, ofModule: module)
        guard removed else { throw Self.noEntry(in: table) }
    }

    private func find(_ name: String, of reference: String) throws(HoverError) -> (module: String, table: ModuleTable) {
        let module = try model.resolve(module: reference)
        guard let table = module.tables.first(where: { $0.name == name }) else {
            let names = module.tables.map(\.name).joined(separator: ", ")
            throw HoverError(
                .notFound,
                "module \(reference) has no table \(name)" + (names.isEmpty ? "" : ": its tables are \(names)"))
        }
        return (module.id, table)
    }

    private func check(_ bytes: [UInt8], size: Int, _ what: String, of table: ModuleTable) throws(HoverError) {
        guard bytes.count == size else {
            throw HoverError(
                .invalid, "a \(what) of table \(table.name) has \(size) bytes, this one has \(bytes.count)")
        }
    }

    private func translating<Result: Sendable>(
        _ body: () async throws(DataplaneError) -> Result
    ) async throws(HoverError) -> Result {
        do throws(DataplaneError) {
            return try await body()
        } catch {
            throw HoverError(error)
        }
    }

    private static func noEntry(in table: ModuleTable) -> HoverError {
        HoverError(.notFound, "table \(table.name) has no entry with this key")
    }
}

extension TableState {
    init(_ table: ModuleTable) {
        self.init(
            name: table.name, kind: table.type.name, maxEntries: table.maxEntries, key: table.key, value: table.value,
            isPerCPU: table.type.isPerCPU, mapID: table.mapID)
    }
}
