// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI
import TypedValue

// The bytes of a table's entries as typed JSON.

extension TableState {
    /// A key in the form that people write.
    ///
    /// - Parameter name: what an error calls it.
    func keyBytes(_ text: String, as name: String) throws(HoverError) -> [UInt8] {
        try refusing(as: name) { () throws(TypeMismatch) in try key.encode(try key.parse(text: text)) }
    }

    func keyBytes(_ value: TypedValue) throws(HoverError) -> [UInt8] {
        try refusing(as: "key") { () throws(TypeMismatch) in try key.encode(value) }
    }

    /// What to set an entry to: one value, or one for each CPU.
    func valueBytes(_ single: TypedValue?, perCPU: [TypedValue]?) throws(HoverError) -> [[UInt8]] {
        if let perCPU {
            guard isPerCPU else {
                throw HoverError(.invalid, "per_cpu: table \(name) has one value for all CPUs: give it as value")
            }
            var values: [[UInt8]] = []
            for (index, single) in perCPU.enumerated() {
                values.append(
                    try refusing(as: "per_cpu[\(index)]") { () throws(TypeMismatch) in try value.encode(single) })
            }
            return values
        }
        guard let single else {
            throw HoverError(.invalid, "value: expected a value, found nothing")
        }
        return [try refusing(as: "value") { () throws(TypeMismatch) in try value.encode(single) }]
    }

    func entry(_ entry: RawEntry) throws(HoverError) -> TableEntry {
        do throws(TypeMismatch) {
            let key = try key.decode(entry.key)
            var values: [TypedValue] = []
            for bytes in entry.values {
                values.append(try value.decode(bytes))
            }
            return TableEntry(
                key: key, value: isPerCPU ? value.sum(of: values) : values.first ?? .null,
                perCPU: isPerCPU ? values : nil)
        } catch {
            throw HoverError(.kernel, "table \(name): what the kernel has is not what its type says: \(error)")
        }
    }

    private func refusing<Result>(
        as name: String, _ body: () throws(TypeMismatch) -> Result
    ) throws(HoverError) -> Result {
        do throws(TypeMismatch) {
            return try body()
        } catch {
            throw HoverError(.invalid, "\(error.inside(name))")
        }
    }
}

extension TypeShape {
    /// Numbers added up, of structures and arrays each by itself; of what has no sum, the first.
    func sum(of values: [TypedValue]) -> TypedValue {
        guard let first = values.first else { return .null }
        switch self {
        case .integer, .formatted(.bigEndian):
            return Self.total(values) ?? first
        case .structure(_, _, false, let members):
            var sums: [String: TypedValue] = [:]
            for member in members {
                let parts = values.compactMap { if case .object(let object) = $0 { object[member.name] } else { nil } }
                sums[member.name] = member.shape.sum(of: parts)
            }
            return .object(sums)
        case .array(let element, let count):
            let rows = values.compactMap { if case .array(let row) = $0, row.count == count { row } else { nil } }
            return .array((0..<count).map { index in element.sum(of: rows.map { $0[index] }) })
        case .boolean, .enumeration, .characters, .bytes, .formatted, .structure:
            return first
        }
    }

    private static func total(_ values: [TypedValue]) -> TypedValue? {
        var total: Int128 = 0
        for value in values {
            switch value {
            case .unsigned(let number): total += Int128(number)
            case .signed(let number): total += Int128(number)
            // 128 bits are shown as text, and have no sum that could be told from it.
            default: return nil
            }
        }
        // Counters that ran over on the way to their sum go on from zero, as each one does on its CPU.
        return UInt64(exactly: total) == nil && total > 0
            ? .unsigned(UInt64(truncatingIfNeeded: total)) : TypedValue(total)
    }
}
