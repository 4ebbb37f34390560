// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import GRDB

/// What must outlive `hoverd`, and the kernel: modules with their code and configuration, links, the table entries that
/// users set, what slow paths remember, and how the last changes were made.
///
/// One SQLite database. Its journal (WAL) is synced with each change, so what was answered survives a power failure.
public struct Store: Sendable {
    let database: DatabaseQueue
    /// What tells this database from others: what is in the kernel belongs to one of them.
    public let id: String
    /// Where a damaged database was put that this one replaces; nil when there was none.
    public let damaged: String?
    let codes: CodeCache

    /// Opens the database, or makes it.
    ///
    /// A damaged one is kept aside under another name, and an empty one takes its place.
    ///
    /// - Parameter path: of the file; its folder must exist. `:memory:` keeps everything in memory.
    /// - Throws: `.store` when the file cannot be used, or a newer `hoverd` has made it.
    public init(path: String) throws(HoverError) {
        do {
            var damaged: String?
            let database: DatabaseQueue
            do {
                database = try Self.open(path)
            } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
                damaged = try Self.putAside(path)
                database = try Self.open(path)
            }
            self.damaged = damaged
            self.database = database
            id = try database.read { try String.fetchOne($0, sql: "SELECT value FROM fact WHERE name = 'id'") } ?? ""
            codes = CodeCache(database)
        } catch let error as HoverError {
            throw error
        } catch {
            throw HoverError(store: error, path)
        }
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "hover.store"
        configuration.journalMode = path == ":memory:" ? .default : .wal
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let database = try DatabaseQueue(path: path, configuration: configuration)
        let migrations = Self.migrations
        try database.read { database in
            guard try !migrations.hasBeenSuperseded(database) else {
                throw HoverError(
                    .store, "the store \(path) is of a newer hoverd: start that one, or use another --state-dir")
            }
            if let reason = try String.fetchOne(database, sql: "PRAGMA quick_check(1)"), reason != "ok" {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: reason)
            }
        }
        try migrations.migrate(database)
        return database
    }

    /// With its journal, for what is in there may be what is missing.
    private static func putAside(_ path: String) throws -> String {
        let aside = path + ".damaged-\(Int(Date().timeIntervalSince1970))"
        for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.moveItem(atPath: path + suffix, toPath: aside + suffix)
        }
        return aside
    }

    /// What a database goes through to be of this version. Steps are only ever added.
    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(sql: Self.firstSchema)
            try database.execute(
                sql: "INSERT INTO fact VALUES ('id', ?)", arguments: [UUID().uuidString.lowercased()])
        }
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    CREATE TABLE module_edit (
                        number INTEGER PRIMARY KEY AUTOINCREMENT, module TEXT NOT NULL, edit TEXT NOT NULL);
                    CREATE INDEX module_edit_module ON module_edit (module);
                    """)
        }
        return migrator
    }

    /// `record` is JSON of the rows in `Records.swift`; `number` in `revision` is what ETags show.
    private static let firstSchema = """
        CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE code (
            id TEXT PRIMARY KEY, object BLOB NOT NULL, xdp_object BLOB, source TEXT, warnings TEXT NOT NULL);
        CREATE TABLE module (id TEXT PRIMARY KEY, code TEXT NOT NULL REFERENCES code (id), record TEXT NOT NULL);
        CREATE TABLE link (id TEXT PRIMARY KEY, record TEXT NOT NULL);
        CREATE TABLE hops (edge TEXT PRIMARY KEY, record TEXT NOT NULL);
        CREATE TABLE entry (
            module TEXT NOT NULL, name TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, is_settled INTEGER NOT NULL,
            PRIMARY KEY (module, name, key)) WITHOUT ROWID;
        CREATE TABLE memory (
            module TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (module, key)) WITHOUT ROWID;
        CREATE TABLE revision (
            number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, author TEXT NOT NULL, summary TEXT NOT NULL);
        CREATE TABLE revision_row (
            revision INTEGER NOT NULL REFERENCES revision (number) ON DELETE CASCADE, kind TEXT NOT NULL,
            id TEXT NOT NULL, code TEXT, record TEXT, PRIMARY KEY (revision, kind, id)) WITHOUT ROWID;
        CREATE TABLE revision_entry (
            revision INTEGER NOT NULL REFERENCES revision (number) ON DELETE CASCADE, module TEXT NOT NULL,
            name TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (revision, module, name, key)) WITHOUT ROWID;
        CREATE INDEX module_code ON module (code);
        CREATE INDEX revision_code ON revision_row (code);
        """
}

extension HoverError {
    /// What SQLite said.
    init(store error: any Error, _ path: String = "") {
        if let error = error as? HoverError {
            self = error
            return
        }
        let reason = (error as? DatabaseError).map { $0.message ?? "\($0.resultCode)" } ?? "\(error)"
        let isFull = (error as? DatabaseError)?.resultCode == .SQLITE_FULL
        self.init(
            .store,
            "the store\(path.isEmpty ? "" : " " + path) cannot be used: \(reason)"
                + (isFull ? "; make room on its file system, nothing was changed" : ""))
    }
}

extension Store {
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws(HoverError) -> Result {
        do {
            return try await database.read(body)
        } catch {
            throw HoverError(store: error)
        }
    }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws(HoverError) -> Result {
        do {
            FaultPoint.pass()
            defer { FaultPoint.pass() }
            return try await database.write(body)
        } catch {
            throw HoverError(store: error)
        }
    }
}
