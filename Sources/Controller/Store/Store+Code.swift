// SPDX-License-Identifier: Apache-2.0

import Crypto
import Dataplane
import Foundation
import GRDB
import Synchronization

/// A module's code: what was compiled, and from what.
struct StoredCode: Sendable, Hashable {
    var objects: ModuleObjects
    var source: String?
    /// Clang's, for the source.
    var warnings: String

    /// The same for the same code, whoever brings it: SHA-256, hexadecimal.
    var id: String {
        var digest = SHA256()
        for part in [objects.tc, objects.xdp ?? [], Array((source ?? "").utf8), Array(warnings.utf8)] {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { digest.update(bufferPointer: $0) }
            digest.update(data: part)
        }
        return digest.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

extension Store {
    /// Has a code at hand, in memory, for the change that makes modules of it; `commit` keeps it.
    ///
    /// - Returns: its id.
    func hold(_ code: StoredCode) -> String {
        let id = code.id
        codes.hold(code, id)
        return id
    }

    /// The change is made, or will not be.
    func letGo(_ ids: [String]) {
        codes.letGo(ids)
    }

    /// Keeps the code of a module, if it is new.
    func keepCode(_ id: String, in database: Database) throws {
        guard let code = codes.held(id) else { return }
        try database.execute(
            sql: "INSERT OR IGNORE INTO code (id, object, xdp_object, source, warnings) VALUES (?, ?, ?, ?, ?)",
            arguments: [id, Data(code.objects.tc), code.objects.xdp.map { Data($0) }, code.source, code.warnings])
    }

    /// Removes codes that no module has, nor had in the last revisions.
    func forgetUnusedCodes() async throws(HoverError) {
        try await write { database in
            try database.execute(
                sql: """
                    DELETE FROM code WHERE NOT EXISTS (SELECT 1 FROM module WHERE module.code = code.id)
                        AND NOT EXISTS (SELECT 1 FROM revision_row WHERE revision_row.code = code.id)
                    """)
        }
    }

    /// The source of each code, and clang's warnings.
    func sources() async throws(HoverError) -> [String: (source: String?, warnings: String)] {
        try await read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT id, source, warnings FROM code")
            return Dictionary(
                rows.map {
                    ($0["id"] as String, (source: $0["source"] as String?, warnings: $0["warnings"] as String))
                },
                uniquingKeysWith: { first, _ in first })
        }
    }

    /// Reads the objects of a code, as the data plane asks for them.
    var readCode: Model.CodeReader {
        { [codes] id throws(DataplaneError) in try codes.objects(id) }
    }
}

/// The objects that were used last, for a module's programs are loaded one after the other from the same ones; and those
/// of changes that are not kept yet.
final class CodeCache: Sendable {
    private let database: DatabaseQueue
    private let last = Mutex<(id: String, objects: ModuleObjects)?>(nil)
    private let held = Mutex<[String: StoredCode]>([:])

    init(_ database: DatabaseQueue) {
        self.database = database
    }

    func objects(_ id: String) throws(DataplaneError) -> ModuleObjects {
        if let found = held(id)?.objects ?? last.withLock({ $0?.id == id ? $0?.objects : nil }) {
            return found
        }
        do {
            let row = try database.read { database in
                try Row.fetchOne(database, sql: "SELECT object, xdp_object FROM code WHERE id = ?", arguments: [id])
            }
            guard let row else { throw DataplaneError.kernel("the store has no code \(id)") }
            let objects = ModuleObjects(
                tc: Array(row["object"] as Data), xdp: (row["xdp_object"] as Data?).map { Array($0) })
            last.withLock { $0 = (id, objects) }
            return objects
        } catch let error as DataplaneError {
            throw error
        } catch {
            throw .kernel("read code \(id) from the store: \(error)")
        }
    }

    func held(_ id: String) -> StoredCode? { held.withLock { $0[id] } }

    func hold(_ code: StoredCode, _ id: String) { held.withLock { $0[id] = code } }

    /// Nothing is loaded for a while: the memory is freed.
    func letGo(_ ids: [String]) {
        held.withLock { held in ids.forEach { held[$0] = nil } }
        last.withLock { $0 = nil }
    }
}
