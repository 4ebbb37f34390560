// SPDX-License-Identifier: Apache-2.0

// What libbpf takes for granted of BTF when it opens an object, and crashes or hangs without.
extension BTF {
    /// Throws when a name or type that a type refers to is not there.
    func checkReferences() throws(BTFError) {
        for id in ids {
            guard let record = record(id) else { throw BTFError(description: "type \(id) is cut off") }
            for offset in [record.nameOffset] + record.partNames.map({ Int(word($0)) }) {
                guard hasString(at: offset) else {
                    throw BTFError(description: "type \(id) has a name that is not among its strings")
                }
            }
            for other in (record.refersToType ? [record.sizeOrType] : []) + record.partTypes.map(word) {
                guard other == 0 || ids.contains(other) else {
                    throw BTFError(description: "type \(id) refers to type \(other), which there is not")
                }
            }
        }
    }

    /// Throws when a type contains itself by other ways than a pointer.
    func checkContainment() throws(BTFError) {
        var isDone = [Bool](repeating: false, count: ids.count + 1)
        var isOpen = isDone
        for first in ids where !isDone[Int(first)] {
            // Not recursive, for a chain of types can be as long as the BTF.
            var path: [(id: UInt32, rest: [UInt32])] = [(first, contained(in: first))]
            isOpen[Int(first)] = true
            while let (id, rest) = path.last {
                guard let next = rest.last else {
                    isOpen[Int(id)] = false
                    isDone[Int(id)] = true
                    path.removeLast()
                    continue
                }
                path[path.count - 1].rest.removeLast()
                guard !isOpen[Int(next)] else { throw BTFError(description: "type \(next) contains itself") }
                guard next != 0, !isDone[Int(next)] else { continue }
                isOpen[Int(next)] = true
                path.append((next, contained(in: next)))
            }
        }
    }

    private func contained(in id: UInt32) -> [UInt32] {
        guard let record = record(id) else { return [] }
        switch record.kind {
        case .typedef, .volatile, .const, .restrict, .typeTag, .variable: return [record.sizeOrType]
        case .array: return [word(record.data)]
        case .structure, .union, .section: return record.partTypes.map(word)
        default: return []
        }
    }
}
