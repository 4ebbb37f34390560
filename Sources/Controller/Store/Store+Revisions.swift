// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// A change that was made.
public struct Revision: Sendable, Hashable {
    /// Goes up by one with each change.
    public var number: Int
    /// RFC 3339, UTC.
    public var time: String
    public var author: String
    public var summary: String
}

/// What rows were at an earlier revision, for those that changed since; nil where there was none.
struct EarlierRows: Sendable {
    var modules: [String: ModuleRecord?] = [:]
    var links: [String: LinkRecord?] = [:]
    /// The entries of modules that were deleted since, as they were then.
    var entries: [StoredEntry] = []
}

extension Store {
    /// The last changes, newest first.
    func revisions() async throws(HoverError) -> [Revision] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT number, time, author, summary FROM revision ORDER BY number DESC"
            ).map {
                Revision(number: $0["number"], time: $0["time"], author: $0["author"], summary: $0["summary"])
            }
        }
    }

    /// What the rows that changed after a revision were before.
    func rows(at revision: Int) async throws(HoverError) -> EarlierRows {
        let sources = try await sources()
        return try await read { database in
            var earlier = EarlierRows()
            // The change in which each module was deleted first: entries that it had then are those that it had before.
            var deletions: [String: Int] = [:]
            var madeAgain: Set<String> = []
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT revision, kind, id, record FROM revision_row WHERE revision > ? ORDER BY revision",
                arguments: [revision])
            for row in rows {
                let id: String = row["id"]
                if (row["record"] as String?) == nil {
                    madeAgain.insert(id)
                } else if !madeAgain.contains(id) {
                    deletions[id] = row["revision"]
                }
            }
            // Back through the changes: what one changed was before it what the row says.
            for row in rows.reversed() {
                try earlier.takeBack(row, in: database)
            }
            for id in earlier.modules.keys {
                guard let code = (earlier.modules[id] ?? nil)?.code else { continue }
                earlier.modules[id]??.source = sources[code]?.source
                earlier.modules[id]??.warnings = sources[code]?.warnings ?? ""
            }
            earlier.entries = try Row.fetchAll(
                database, sql: "SELECT revision, module, name, key, value FROM revision_entry WHERE revision > ?",
                arguments: [revision]
            ).filter { row in
                deletions[row["module"] as String] == row["revision"] as Int
            }.map {
                StoredEntry(
                    module: $0["module"], table: $0["name"], key: Array($0["key"] as Data),
                    value: Array($0["value"] as Data))
            }
            return earlier
        }
    }
}

extension EarlierRows {
    fileprivate mutating func takeBack(_ row: Row, in database: Database) throws {
        let id: String = row["id"]
        let record: String? = row["record"]
        switch row["kind"] as String {
        case "module": modules[id] = .some(try record.map { try decode(ModuleRecord.self, $0) })
        case "link": links[id] = .some(try record.map { try decode(LinkRecord.self, $0) })
        case "edit":
            var module = try modules[id] ?? Store.module(id, in: database)
            if let record, var config = module?.config {
                try decode(ConfigEdit.self, record).takeBack(from: &config)
                module?.config = config
            }
            modules[id] = .some(module)
        default: break
        }
    }
}
