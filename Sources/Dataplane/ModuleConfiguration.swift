// SPDX-License-Identifier: Apache-2.0

import BPF
import TypedValue

extension ModuleImage {
    /// Writes the configuration into the initial values of the object's `const volatile` globals.
    func configure(_ object: BPFObject) throws {
        var config = config
        for (table, size) in sizes where try object.types?.variable(named: Self.sizeVariable(of: table)) != nil {
            config[Self.sizeVariable(of: table)] = TypedValue(size)
        }
        for (name, value) in config.sorted(by: { $0.key < $1.key }) {
            guard let types = try object.types, let variable = types.variable(named: name),
                variable.section.hasPrefix(".rodata"),
                let section = object.maps.first(where: { $0.isInternal && $0.name.hasSuffix(variable.section) })
            else {
                throw DataplaneError.configuration(
                    "config \(name): the module has no such global; declare it `const volatile`")
            }
            let bytes: [UInt8]
            do throws(TypeMismatch) {
                bytes = try types.shape(of: variable.id).encode(value)
            } catch {
                throw DataplaneError.configuration("config \(name): \(error)")
            }
            var initial = section.initialValue ?? []
            guard variable.offset >= 0, variable.offset + bytes.count <= initial.count else {
                throw DataplaneError.notAModule("config \(name): the variable lies outside of \(variable.section)")
            }
            initial.replaceSubrange(variable.offset..<variable.offset + bytes.count, with: bytes)
            try section.setInitialValue(initial)
        }
    }

    /// Tells a program how many entries a table has (`HOVER_AGING_TABLE`, include/hover/aging.h).
    private static func sizeVariable(of table: String) -> String { table + "_entries" }

    /// Gives tables, and what the helpers keep beside them, the sizes that were asked for.
    func sizeTables(of object: BPFObject) throws {
        for (table, size) in sizes {
            let maps = object.maps.filter { [table, table + "_slots", table + "_unused"].contains($0.name) }
            guard !maps.isEmpty else {
                throw DataplaneError.configuration("there is no table \(table) to have \(size) entries")
            }
            for map in maps {
                try map.setMaxEntries(size)
            }
        }
    }
}
