// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import TypedValue

/// What a store has of the model.
struct StoredRows: Sendable {
    var modules: [ModuleRecord] = []
    var links: [LinkRecord] = []
    /// The places of policies, as they were in the kernel when the last change was made.
    var hops: [Edge: [Hop]] = [:]
    /// The number of the last change; 0 when there was none.
    var revision = 0
    /// The highest number that a module has, or had in the changes that can be taken back.
    var lastNumber: UInt32 = 0
}

/// Who makes a change, and what it is.
public struct ChangeNote: Sendable, Hashable {
    /// `user@host`, or `kernel` for what interfaces do.
    public var author: String
    /// One line: `create module web`.
    public var summary: String

    public init(author: String, summary: String) {
        self.author = author
        self.summary = summary
    }
}

/// The rows that a change sets.
struct StoredChange: Sendable {
    var modules: [Changed<String, ModuleRecord>] = []
    var links: [Changed<String, LinkRecord>] = []
    var hops: [Changed<Edge, [Hop]>] = []
    /// What the kernel is to get in tables of modules that are made.
    var entries: [StoredEntry] = []
    var note: ChangeNote

    var isEmpty: Bool { modules.isEmpty && links.isEmpty && hops.isEmpty }
}

extension Store {
    /// How many changes can be taken back.
    static let keptRevisions = 50

    /// Everything, to begin with.
    func load() async throws(HoverError) -> StoredRows {
        let sources = try await sources()
        return try await read { database in
            var rows = StoredRows()
            let edits = try Self.edits(in: database)
            rows.modules = try String.fetchAll(database, sql: "SELECT record FROM module").map { text in
                var module = try decode(ModuleRecord.self, text)
                for edit in edits[module.id] ?? [] { edit.apply(to: &module.config) }
                module.source = sources[module.code]?.source
                module.warnings = sources[module.code]?.warnings ?? ""
                return module
            }
            rows.links = try String.fetchAll(database, sql: "SELECT record FROM link").map {
                try decode(LinkRecord.self, $0)
            }
            for row in try Row.fetchAll(database, sql: "SELECT edge, record FROM hops") {
                rows.hops[try decode(Edge.self, row["edge"])] = try decode([Hop].self, row["record"])
            }
            rows.revision = try Int.fetchOne(database, sql: "SELECT max(number) FROM revision") ?? 0
            rows.lastNumber =
                try UInt32.fetchOne(
                    database,
                    sql: """
                        SELECT max(json_extract(record, '$.number')) FROM (
                            SELECT record FROM module
                            UNION ALL SELECT record FROM revision_row WHERE kind = 'module' AND record IS NOT NULL)
                        """) ?? 0
            return rows
        }
    }

    /// Keeps a change, all of it or, when this throws, nothing.
    ///
    /// - Returns: the number of the revision that it makes; nil when only places of policies changed, which follow from
    ///   the rest.
    func commit(_ change: StoredChange) async throws(HoverError) -> Int? {
        try await write { database in
            for row in change.hops {
                try Self.set(row, in: database)
            }
            guard !change.modules.isEmpty || !change.links.isEmpty else { return nil }
            try database.execute(
                sql: "INSERT INTO revision (time, author, summary) VALUES (?, ?, ?)",
                arguments: [Date.now.formatted(.iso8601), change.note.author, change.note.summary])
            let revision = Int(database.lastInsertedRowID)
            for row in change.modules {
                if let new = row.new {
                    try keepCode(new.code, in: database)
                }
                try Self.set(row, revision, in: database)
            }
            for row in change.links {
                try Self.set(row, revision, in: database)
            }
            for entry in change.entries {
                try Self.note(entry, in: database)
            }
            try database.execute(
                sql: "DELETE FROM revision WHERE number <= ?", arguments: [revision - Self.keptRevisions])
            return revision
        }
    }

    /// Sets what the kernel made of modules, which is no change of what is to be there.
    func replace(_ modules: [ModuleRecord]) async throws(HoverError) {
        guard !modules.isEmpty else { return }
        try await write { database in
            for module in modules {
                try database.execute(
                    sql: "UPDATE module SET record = ? WHERE id = ?", arguments: [encode(module), module.id])
                try Self.forgetEdits(ofModule: module.id, in: database)
            }
        }
    }

    private static func set(_ row: Changed<String, ModuleRecord>, _ revision: Int, in database: Database) throws {
        if let old = row.old, let new = row.new, let edit = ConfigEdit(from: old, to: new),
            try keep(edit, of: old, revision, in: database)
        {
            return
        }
        try forgetEdits(ofModule: row.key, in: database)
        if let new = row.new {
            try database.execute(
                sql: "INSERT OR REPLACE INTO module (id, code, record) VALUES (?, ?, ?)",
                arguments: [row.key, new.code, encode(new)])
        } else {
            try database.execute(sql: "DELETE FROM module WHERE id = ?", arguments: [row.key])
            try database.execute(
                sql: """
                    INSERT INTO revision_entry (revision, module, name, key, value)
                        SELECT ?, module, name, key, value FROM entry WHERE module = ?
                    """, arguments: [revision, row.key])
            try database.execute(sql: "DELETE FROM entry WHERE module = ?", arguments: [row.key])
            try database.execute(sql: "DELETE FROM memory WHERE module = ?", arguments: [row.key])
        }
        try database.execute(
            sql: "INSERT INTO revision_row (revision, kind, id, code, record) VALUES (?, 'module', ?, ?, ?)",
            arguments: [revision, row.key, row.old?.code, row.old.map { try encode($0) }])
    }

    private static func set(_ row: Changed<String, LinkRecord>, _ revision: Int, in database: Database) throws {
        if let new = row.new {
            try database.execute(
                sql: "INSERT OR REPLACE INTO link (id, record) VALUES (?, ?)", arguments: [row.key, encode(new)])
        } else {
            try database.execute(sql: "DELETE FROM link WHERE id = ?", arguments: [row.key])
        }
        try database.execute(
            sql: "INSERT INTO revision_row (revision, kind, id, code, record) VALUES (?, 'link', ?, NULL, ?)",
            arguments: [revision, row.key, row.old.map { try encode($0) }])
    }

    private static func set(_ row: Changed<Edge, [Hop]>, in database: Database) throws {
        let edge = try encode(row.key)
        if let new = row.new, !new.isEmpty {
            try database.execute(
                sql: "INSERT OR REPLACE INTO hops (edge, record) VALUES (?, ?)", arguments: [edge, encode(new)])
        } else {
            try database.execute(sql: "DELETE FROM hops WHERE edge = ?", arguments: [edge])
        }
    }
}

/// Keys in order, for edges are found by their text.
func encode(_ value: some Encodable) throws -> String {
    String(decoding: try encodeJSON(value), as: UTF8.self)
}

func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try decodeJSON(type, from: Data(text.utf8))
}
