// SPDX-License-Identifier: Apache-2.0
import TypedValue

extension BTF {
    /// How a type lies in memory, and how to show what is there. For a variable's number: its type, shown as the
    /// variable's tags say.
    ///
    /// The typedefs `__be16`, `__be32` and `__be64` are big-endian numbers. `hover:ipv4`, `hover:ipv6`, `hover:mac`,
    /// `hover:prefix4` and `hover:prefix6`, as a declaration tag on a typedef, structure, union, member or variable, ask for that notation, also of the
    /// elements of an array. Pointers are numbers. Members of anonymous structures and unions stand among those around
    /// them. What has no shape, or one too large or too deep to be of use, is bytes.
    public func shape(of typeID: UInt32) -> TypeShape {
        var builder = ShapeBuilder(types: self)
        return builder.shape(of: typeID, depth: 0)
    }

    /// How many types may stand for each other. The kernel takes 32 (kernel/bpf/btf.c, MAX_RESOLVE_DEPTH).
    fileprivate static let maximumChain = 64

    /// The size of a type in bytes; nil when it has none: `void`, functions, what is only declared.
    public func size(of typeID: UInt32) -> Int? {
        var id = typeID
        var factor = 1
        for _ in 0..<BTF.maximumChain {
            guard let record = record(id) else { return nil }
            switch record.kind {
            case .typedef, .volatile, .const, .restrict, .typeTag, .variable:
                id = record.sizeOrType
            case .array:
                let (product, overflow) = factor.multipliedReportingOverflow(by: Int(word(record.data + 8)))
                guard !overflow else { return nil }
                factor = product
                id = word(record.data)
            case .integer, .float, .structure, .union, .enumeration, .enumeration64, .section:
                let (product, overflow) = factor.multipliedReportingOverflow(by: Int(record.sizeOrType))
                return overflow ? nil : product
            case .pointer:
                let (product, overflow) = factor.multipliedReportingOverflow(by: 8)
                return overflow ? nil : product
            case .forward, .function, .functionPrototype, .declTag:
                return nil
            }
        }
        return nil
    }
}

private struct ShapeBuilder {
    let types: BTF
    /// Types, members and enumerators yet to be looked at: a few types can unfold to any number.
    var budget = 20_000

    static let maximumSize = 1 << 20
    static let maximumDepth = 32

    mutating func shape(of id: UInt32, depth: Int, name: String = "") -> TypeShape {
        guard let size = types.size(of: id) else { return .bytes(count: 0) }
        guard size <= ShapeBuilder.maximumSize, depth < ShapeBuilder.maximumDepth, let type = affordable(id) else {
            return .bytes(count: size)
        }
        let shape = plain(type, size: size, depth: depth, name: name)
        return ShapeBuilder.format(types.declTags(of: id))?.applied(to: shape) ?? shape
    }

    /// The type with a number; nil when too much has been looked at already.
    private mutating func affordable(_ id: UInt32) -> BTFType? {
        guard let record = types.record(id), record.count < budget else { return nil }
        budget -= record.count + 1
        return types.type(id)
    }

    private mutating func plain(_ type: BTFType, size: Int, depth: Int, name: String) -> TypeShape {
        let bytes = TypeShape.bytes(count: size)
        switch type.kind {
        case .integer(_, let bits, _, let encoding):
            guard bits <= size * 8, [1, 2, 4, 8, 16].contains(size) else { return bytes }
            if encoding == .boolean, size == 1 { return .boolean }
            return .integer(size: size, signed: encoding == .signed || encoding == .character)
        case .enumeration(_, let signed, let cases):
            guard [1, 2, 4, 8].contains(size) else { return bytes }
            return .enumeration(
                size: size, signed: signed,
                names: cases.map { TypeShape.EnumerationCase(name: $0.name, value: $0.value) })
        case .pointer:
            return .integer(size: 8, signed: false)
        case .typedef(let other):
            let bigEndian = ["__be16": 2, "__be32": 4, "__be64": 8]
            if bigEndian[type.name] == size { return .formatted(.bigEndian(size: size)) }
            return shape(of: other, depth: depth + 1, name: type.name)
        case .qualified(let other):
            return shape(of: other, depth: depth + 1, name: name)
        case .variable(let other):
            return shape(of: other, depth: depth + 1)
        case .array(let element, let count):
            return array(of: element, count: count, size: size, depth: depth)
        case .structure(_, let members), .union(_, let members):
            var flat: [TypeShape.Member] = []
            guard append(members, of: type.id, at: 0, to: &flat, depth: depth),
                Set(flat.map(\.name)).count == flat.count,
                flat.allSatisfy({ $0.isInside(size) })
            else { return bytes }
            var isUnion = false
            if case .union = type.kind { isUnion = true }
            return .structure(name: type.name.isEmpty ? name : type.name, size: size, isUnion: isUnion, members: flat)
        case .float, .forward, .function, .prototype, .section, .declTag:
            return bytes
        }
    }

    private mutating func array(of element: UInt32, count: Int, size: Int, depth: Int) -> TypeShape {
        if case .integer(1, _, _, let encoding) = integer(behind: element), types.declTags(of: element).isEmpty {
            if encoding == .character { return .characters(count: count) }
            if encoding == .unsigned { return .bytes(count: count) }
        }
        let shape = shape(of: element, depth: depth + 1)
        guard shape.size > 0 else { return .bytes(count: size) }
        return .array(of: shape, count: count)
    }

    /// False when there are too many, or one is not worth a shape.
    private mutating func append(
        _ members: [BTFMember], of id: UInt32, at bitOffset: Int, to flat: inout [TypeShape.Member], depth: Int
    ) -> Bool {
        guard depth < ShapeBuilder.maximumDepth else { return false }
        for (index, member) in members.enumerated() {
            let start = bitOffset + member.bitOffset
            if member.name.isEmpty {
                let inner = resolved(member.typeID)
                switch affordable(inner)?.kind {
                case .structure(_, let members), .union(_, let members):
                    guard append(members, of: inner, at: start, to: &flat, depth: depth + 1) else { return false }
                case nil: return false
                default: break
                }
                continue
            }
            let unformatted = shape(of: member.typeID, depth: depth + 1)
            let tagged = ShapeBuilder.format(types.declTags(of: id, member: index))
            let shape = tagged?.applied(to: unformatted) ?? unformatted
            guard let placed = place(member, at: start, shape: shape) else { return false }
            flat.append(placed)
        }
        return true
    }

    private func place(_ member: BTFMember, at start: Int, shape: TypeShape) -> TypeShape.Member? {
        var start = start
        var bitSize = member.bitSize
        // Before the flag for bitfields, an integer type of its own said which of its bits are used.
        if bitSize == nil, case .integer(let size, let bits, let bitOffset, _) = integer(behind: member.typeID),
            bits != size * 8
        {
            start += bitOffset
            bitSize = bits
        }
        guard bitSize != nil || start % 8 == 0 else { return nil }
        return TypeShape.Member(
            name: member.name, offset: start / 8, bitOffset: start % 8, bitSize: bitSize, shape: shape)
    }

    /// The type behind typedefs and qualifiers.
    private func resolved(_ id: UInt32) -> UInt32 {
        var id = id
        for _ in 0..<BTF.maximumChain {
            guard let record = types.record(id),
                [.typedef, .volatile, .const, .restrict, .typeTag].contains(record.kind)
            else { break }
            id = record.sizeOrType
        }
        return id
    }

    private func integer(behind id: UInt32) -> BTFType.Kind? {
        let id = resolved(id)
        return types.record(id)?.kind == .integer ? types.type(id)?.kind : nil
    }

    /// The notation that tags ask for.
    private static func format(_ tags: [String]) -> ValueFormat? {
        if tags.contains("hover:ipv4") { return .ipv4 }
        if tags.contains("hover:ipv6") { return .ipv6 }
        if tags.contains("hover:prefix4") { return .prefix4 }
        if tags.contains("hover:prefix6") { return .prefix6 }
        return tags.contains("hover:mac") ? .mac : nil
    }
}

extension ValueFormat {
    /// The shape shown in this notation; as it is when it has another size.
    fileprivate func applied(to shape: TypeShape) -> TypeShape {
        if shape.size == size { return .formatted(self) }
        guard case .array(let element, let count) = shape else { return shape }
        return .array(of: applied(to: element), count: count)
    }
}

extension TypeShape.Member {
    fileprivate func isInside(_ structureSize: Int) -> Bool {
        let bits = bitSize ?? shape.size * 8
        return bits <= shape.size * 8 && offset * 8 + bitOffset + bits <= structureSize * 8
    }
}
