// SPDX-License-Identifier: Apache-2.0

import GRDB
import TypedValue

/// What differs between two configurations of a module, when that is little of long lists: some rules among thousands.
struct ConfigEdit: Codable, Sendable, Hashable {
    /// Elements of a list that take the place of others.
    struct Exchange: Codable, Sendable, Hashable {
        var list: String
        var place: Int
        var old: [TypedValue]
        var new: [TypedValue]
    }

    private(set) var exchanges: [Exchange] = []

    /// Shorter lists are as quickly written whole.
    private static let longList = 256
    /// The most elements that are exchanged, as a part of a list: its eighth.
    private static let part = 8

    /// Nil where there is more that differs, or so much of it that the whole is as quickly written.
    init?(from old: ModuleRecord, to new: ModuleRecord) {
        guard old.config.keys == new.config.keys, old.exceptConfig == new.exceptConfig else { return nil }
        for (list, value) in new.config {
            guard let before = old.config[list], before != value else { continue }
            guard case .array(let elements) = value, case .array(let previous) = before,
                min(elements.count, previous.count) >= Self.longList
            else { return nil }
            let (here, there) = elements.difference(from: previous)
            guard max(here.count, there.count) <= elements.count / Self.part else { return nil }
            exchanges.append(
                Exchange(
                    list: list, place: here.lowerBound, old: Array(previous[there]), new: Array(elements[here])))
        }
    }

    func apply(to config: inout [String: TypedValue]) {
        for exchange in exchanges { Self.put(exchange.new, for: exchange.old, exchange, in: &config) }
    }

    /// Makes a configuration what it was before.
    func takeBack(from config: inout [String: TypedValue]) {
        for exchange in exchanges { Self.put(exchange.old, for: exchange.new, exchange, in: &config) }
    }

    private static func put(
        _ new: [TypedValue], for old: [TypedValue], _ exchange: Exchange, in config: inout [String: TypedValue]
    ) {
        guard case .array(var elements)? = config[exchange.list], exchange.place + old.count <= elements.count else {
            return
        }
        elements.replaceSubrange(exchange.place..<exchange.place + old.count, with: new)
        config[exchange.list] = .array(elements)
    }
}

extension ModuleRecord {
    /// All but what it is configured as, and what follows from that.
    fileprivate var exceptConfig: ModuleRecord {
        var record = self
        record.config = [:]
        record.setup = nil
        return record
    }
}

extension Store {
    /// After so many edits of a module its configuration is written whole: they are read again when `hoverd` starts.
    private static let mostEdits = 1000

    /// Keeps an edit beside the configuration that it is of, and with the revision.
    ///
    /// - Returns: false when it is time to write the whole.
    static func keep(
        _ edit: ConfigEdit, of module: ModuleRecord, _ revision: Int, in database: Database
    ) throws -> Bool {
        let count = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM module_edit WHERE module = ?", arguments: [module.id])
        guard count ?? 0 < mostEdits else { return false }
        let text = try encode(edit)
        try database.execute(
            sql: "INSERT INTO module_edit (module, edit) VALUES (?, ?)", arguments: [module.id, text])
        try database.execute(
            sql: "INSERT INTO revision_row (revision, kind, id, code, record) VALUES (?, 'edit', ?, ?, ?)",
            arguments: [revision, module.id, module.code, text])
        return true
    }

    static func forgetEdits(ofModule id: String, in database: Database) throws {
        try database.execute(sql: "DELETE FROM module_edit WHERE module = ?", arguments: [id])
    }

    /// The edits of each module's configuration, the oldest first.
    static func edits(ofModule id: String? = nil, in database: Database) throws -> [String: [ConfigEdit]] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT module, edit FROM module_edit WHERE module = ifnull(?, module) ORDER BY number",
            arguments: [id])
        return try Dictionary(grouping: rows) { $0["module"] as String }.mapValues { rows in
            try rows.map { try decode(ConfigEdit.self, $0["edit"]) }
        }
    }

    /// A module's record as it is at present.
    static func module(_ id: String, in database: Database) throws -> ModuleRecord? {
        guard
            let text = try String.fetchOne(database, sql: "SELECT record FROM module WHERE id = ?", arguments: [id])
        else { return nil }
        var module = try decode(ModuleRecord.self, text)
        for edit in try edits(ofModule: id, in: database)[id] ?? [] { edit.apply(to: &module.config) }
        return module
    }
}
