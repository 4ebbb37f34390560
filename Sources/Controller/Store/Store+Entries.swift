// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// An entry that a user set.
struct StoredEntry: Sendable, Hashable {
    var module: String
    var table: String
    var key: [UInt8]
    /// One value, or one per possible CPU, one after the other.
    var value: [UInt8]
}

extension Store {
    /// Notes an entry before the kernel gets it: after a crash in between, the next `hoverd` sets it.
    func note(_ entry: StoredEntry) async throws(HoverError) {
        try await write { try Self.note(entry, in: $0) }
    }

    static func note(_ entry: StoredEntry, in database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO entry (module, name, key, value, is_settled) VALUES (?, ?, ?, ?, 0)",
            arguments: [entry.module, entry.table, Data(entry.key), Data(entry.value)])
    }

    /// The kernel has the entry. From now on it may change there, and is not set again.
    ///
    /// Not synced to the disk: after a power failure the kernel has nothing, and gets all entries anyway.
    func settle(_ entry: StoredEntry) async throws(HoverError) {
        do {
            try await database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = NORMAL")
                let update = Result {
                    try database.execute(
                        sql: "UPDATE entry SET is_settled = 1 WHERE module = ? AND name = ? AND key = ?",
                        arguments: [entry.module, entry.table, Data(entry.key)])
                }
                // Whatever came of it, and never without saying so: all other changes are synced.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try update.get()
            }
        } catch {
            throw HoverError(store: error)
        }
    }

    /// The value that is kept for a key.
    func value(_ key: [UInt8], of table: String, ofModule module: String) async throws(HoverError) -> [UInt8]? {
        try await read { database in
            try Data.fetchOne(
                database, sql: "SELECT value FROM entry WHERE module = ? AND name = ? AND key = ?",
                arguments: [module, table, Data(key)])
        }.map { Array($0) }
    }

    /// Forgets an entry.
    func forgetEntry(_ key: [UInt8], of table: String, ofModule module: String) async throws(HoverError) {
        try await write { database in
            try database.execute(
                sql: "DELETE FROM entry WHERE module = ? AND name = ? AND key = ?",
                arguments: [module, table, Data(key)])
        }
    }

    /// The entries of a module that the kernel may lack; with `all` those that it had once too.
    func entries(ofModule module: String, all: Bool) async throws(HoverError) -> [StoredEntry] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT name, key, value FROM entry WHERE module = ? AND is_settled <= ?",
                arguments: [module, all ? 1 : 0]
            ).map {
                StoredEntry(
                    module: module, table: $0["name"], key: Array($0["key"] as Data), value: Array($0["value"] as Data))
            }
        }
    }

    /// The modules with entries that the kernel may lack.
    func modulesWithUnsettledEntries() async throws(HoverError) -> [String] {
        try await read {
            try String.fetchAll($0, sql: "SELECT DISTINCT module FROM entry WHERE is_settled = 0")
        }
    }
}

// What slow paths must remember.
extension Store {
    /// Keeps something for a module, until it is deleted.
    public func remember(_ value: [UInt8], for key: [UInt8], ofModule module: String) async throws(HoverError) {
        try await write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO memory (module, key, value) VALUES (?, ?, ?)",
                arguments: [module, Data(key), Data(value)])
        }
    }

    /// Forgets it.
    public func forget(_ key: [UInt8], ofModule module: String) async throws(HoverError) {
        try await write {
            try $0.execute(sql: "DELETE FROM memory WHERE module = ? AND key = ?", arguments: [module, Data(key)])
        }
    }

    /// All that is kept for a module.
    public func memory(ofModule module: String) async throws(HoverError) -> [[UInt8]: [UInt8]] {
        try await read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT key, value FROM memory WHERE module = ?", arguments: [module])
            return Dictionary(
                rows.map { (Array($0["key"] as Data), Array($0["value"] as Data)) }, uniquingKeysWith: { $1 })
        }
    }
}
