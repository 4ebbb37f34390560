// SPDX-License-Identifier: Apache-2.0

/// A type in a `BTF`, or something else that has a number there: a function, a variable, a section, a tag.
public struct BTFType: Sendable, Hashable {
    /// Its number.
    public let id: UInt32
    /// The C name; empty when it has none. A tag's text.
    public let name: String
    /// What it is.
    public let kind: Kind

    /// What a type is. Sizes are bytes; `of`, `to` and `returning` are the numbers of other types, 0 for `void`.
    public enum Kind: Sendable, Hashable {
        case integer(size: Int, bits: Int, bitOffset: Int, encoding: IntegerEncoding)
        case float(size: Int)
        case pointer(to: UInt32)
        case array(of: UInt32, count: Int)
        case structure(size: Int, members: [BTFMember])
        case union(size: Int, members: [BTFMember])
        case enumeration(size: Int, signed: Bool, cases: [BTFEnumerator])
        /// Declared, but not defined.
        case forward
        case typedef(to: UInt32)
        /// `const`, `volatile`, `restrict` or a type tag.
        case qualified(of: UInt32)
        case function(prototype: UInt32)
        case prototype(returning: UInt32)
        case variable(of: UInt32)
        case section(size: Int, variables: [BTFSectionVariable])
        /// A tag on a type, function or variable; or on a member or parameter of it.
        case declTag(on: UInt32, member: Int?)
    }
}

/// What an integer's bits mean (`BTF_INT_…`).
public enum IntegerEncoding: Sendable, Hashable {
    case unsigned, signed, character, boolean
}

/// A member of a structure or union.
public struct BTFMember: Sendable, Hashable {
    /// Empty for an anonymous structure or union.
    public let name: String
    /// The type's number.
    public let typeID: UInt32
    /// From the start of the structure, in bits.
    public let bitOffset: Int
    /// How many bits of it; nil when it is not a bitfield.
    public let bitSize: Int?
}

/// A named value of an enumeration.
public struct BTFEnumerator: Sendable, Hashable {
    public let name: String
    /// Of an unsigned 64-bit enumeration the same bits.
    public let value: Int64
}

/// A variable's place in its section.
public struct BTFSectionVariable: Sendable, Hashable {
    /// The number of the variable (not of its type).
    public let id: UInt32
    /// In bytes.
    public let offset: Int
    /// In bytes.
    public let size: Int
}

extension BTF {
    /// The type with a number; nil for 0, which is `void`, and for numbers that there are not.
    public func type(_ id: UInt32) -> BTFType? {
        record(id).map { BTFType(id: id, name: name(at: $0.nameOffset), kind: kind(of: $0)) }
    }

    private func kind(of record: BTFRecord) -> BTFType.Kind {
        let size = Int(record.sizeOrType)
        let other = record.sizeOrType
        switch record.kind {
        case .integer: return integer(record)
        case .float: return .float(size: size)
        case .pointer: return .pointer(to: other)
        case .array: return .array(of: word(record.data), count: Int(word(record.data + 8)))
        case .structure: return .structure(size: size, members: members(of: record))
        case .union: return .union(size: size, members: members(of: record))
        case .enumeration, .enumeration64:
            return .enumeration(size: size, signed: record.flag, cases: enumerators(of: record))
        case .forward: return .forward
        case .typedef: return .typedef(to: other)
        case .volatile, .const, .restrict, .typeTag: return .qualified(of: other)
        case .function: return .function(prototype: other)
        case .functionPrototype: return .prototype(returning: other)
        case .variable: return .variable(of: other)
        case .section: return .section(size: size, variables: variables(of: record))
        case .declTag:
            let member = Int32(bitPattern: word(record.data))
            return .declTag(on: other, member: member < 0 ? nil : Int(member))
        }
    }

    private func integer(_ record: BTFRecord) -> BTFType.Kind {
        let data = word(record.data)
        let encoding: IntegerEncoding =
            switch data >> 24 & 0xf {
            case 4: .boolean
            // clang gives `char` no encoding of its own.
            case 2: .character
            case let bits where name(at: record.nameOffset) == "char" && record.sizeOrType == 1 && bits <= 1: .character
            case 1: .signed
            default: .unsigned
            }
        return .integer(
            size: Int(record.sizeOrType), bits: Int(data & 0xff), bitOffset: Int(data >> 16 & 0xff), encoding: encoding)
    }

    private func members(of record: BTFRecord) -> [BTFMember] {
        (0..<record.count).map { index in
            let start = record.data + 12 * index
            let offset = word(start + 8)
            let bits = record.flag ? Int(offset >> 24) : 0
            return BTFMember(
                name: name(at: Int(word(start))), typeID: word(start + 4),
                bitOffset: Int(record.flag ? offset & 0xff_ffff : offset), bitSize: bits == 0 ? nil : bits)
        }
    }

    private func enumerators(of record: BTFRecord) -> [BTFEnumerator] {
        (0..<record.count).map { index in
            let start = record.data + (record.kind == .enumeration ? 8 : 12) * index
            let low = word(start + 4)
            let value: Int64 =
                switch record.kind {
                case .enumeration64: Int64(bitPattern: UInt64(word(start + 8)) << 32 | UInt64(low))
                default: record.flag ? Int64(Int32(bitPattern: low)) : Int64(low)
                }
            return BTFEnumerator(name: name(at: Int(word(start))), value: value)
        }
    }

    private func variables(of record: BTFRecord) -> [BTFSectionVariable] {
        (0..<record.count).map { index in
            let start = record.data + 12 * index
            return BTFSectionVariable(id: word(start), offset: Int(word(start + 4)), size: Int(word(start + 8)))
        }
    }
}
