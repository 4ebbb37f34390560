// SPDX-License-Identifier: Apache-2.0

import BPF
import TypedValue

extension ModuleImage {
    /// Writes the configuration into the initial values of the object's `const volatile` globals.
    func configure(_ object: BPFObject) throws {
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
}
