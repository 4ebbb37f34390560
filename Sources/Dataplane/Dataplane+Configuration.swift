// SPDX-License-Identifier: Apache-2.0

import BPF

/// A table whose entries come from a module's configuration, all of them.
public struct ConfiguredTable: Sendable, Hashable {
    public var name: String
    /// Values by keys, in the bytes that the kernel has. An array has an entry for each index; those that are not here
    /// are zero.
    public var entries: [[UInt8]: [UInt8]]

    public init(_ name: String, entries: [[UInt8]: [UInt8]]) {
        self.name = name
        self.entries = entries
    }
}

extension Dataplane {
    /// Brings the entries of a module's tables from what they were to what they are to be, one by one, while packets go
    /// through: new and changed ones table by table, then those that go, in the last table first. On a failure they are
    /// again what they were.
    ///
    /// - Parameter generation: of the module, which need not be in force.
    public func configure(
        _ id: String, generation: Int, tables: [ConfiguredTable], before: [ConfiguredTable]
    ) throws(DataplaneError) {
        do {
            try change(id, generation, from: before, to: tables)
        } catch {
            do {
                try change(id, generation, from: tables, to: before)
            } catch let second {
                logger.warning("could not take the entries of module \(id) back: \(second)")
            }
            throw error
        }
    }

    private func change(
        _ id: String, _ generation: Int, from before: [ConfiguredTable], to tables: [ConfiguredTable]
    ) throws(DataplaneError) {
        let old = Dictionary(before.map { ($0.name, $0.entries) }, uniquingKeysWith: { first, _ in first })
        try translating {
            for table in tables {
                let map = try map(of: table.name, id, generation)
                for (key, value) in table.entries where old[table.name]?[key] != value {
                    try map.set(value, for: key)
                }
            }
            let new = Dictionary(tables.map { ($0.name, $0.entries) }, uniquingKeysWith: { first, _ in first })
            for table in before.reversed() {
                let gone = table.entries.keys.filter { new[table.name]?[$0] == nil }
                guard !gone.isEmpty else { continue }
                let map = try map(of: table.name, id, generation)
                let zero = map.information.type.isArray ? [UInt8](repeating: 0, count: map.information.valueSize) : nil
                for key in gone {
                    if let zero {
                        try map.set(zero, for: key)
                    } else {
                        _ = try map.remove(key)
                    }
                }
            }
        }
    }

    /// Whether some tables of a module have the entries that they are to have, and no others.
    public func hasConfiguration(
        _ id: String, generation: Int, tables: [ConfiguredTable]
    ) throws(DataplaneError) -> Bool {
        let present = try contents(ofTables: tables.map(\.name), ofModule: id, generation: generation)
        return try translating {
            try zip(tables, present).allSatisfy { wanted, present in
                guard try map(of: wanted.name, id, generation).information.type.isArray else {
                    return wanted == present
                }
                return wanted.entries.filter { $0.value.contains { $0 != 0 } } == present.entries
            }
        }
    }

    /// What some tables of a module have at present; of an array what is not zero.
    public func contents(
        ofTables names: [String], ofModule id: String, generation: Int
    ) throws(DataplaneError) -> [ConfiguredTable] {
        try translating {
            try names.map { name in
                let map = try map(of: name, id, generation)
                let isArray = map.information.type.isArray
                var table = ConfiguredTable(name, entries: [:])
                var last: [UInt8]?
                while true {
                    let page = try map.entries(after: last, limit: 4096)
                    for entry in page {
                        guard let value = entry.values.first, !isArray || value.contains(where: { $0 != 0 }) else {
                            continue
                        }
                        table.entries[entry.key] = value
                    }
                    guard page.count == 4096, let next = page.last else { return table }
                    last = next.key
                }
            }
        }
    }

    private func map(of table: String, _ id: String, _ generation: Int) throws -> BPFMap {
        try BPFMap(pinned: layout.module(id, generation: generation) + "/tables/" + table)
    }
}
