// SPDX-License-Identifier: Apache-2.0

/// The kinds of type in BTF (Linux, include/uapi/linux/btf.h), by the kernel's numbers.
enum BTFKind: UInt32 {
    case integer = 1
    case pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict, function
    case functionPrototype, variable, section, float, declTag, typeTag, enumeration64
}

/// The first 12 bytes of each type.
struct BTFRecord {
    /// Where the type's own data begins.
    let data: Int
    let nameOffset: Int
    let kind: BTFKind
    /// The kind's flag: a signed enumeration, a structure with bitfields.
    let flag: Bool
    /// How many members, enumerators, parameters or variables follow.
    let count: Int
    /// The size in bytes or the type referred to, by kind.
    let sizeOrType: UInt32

    static let headerSize = 12

    /// nil when the bytes end, or the kind is not known.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard let nameOffset: UInt32 = bytes.number(at: offset), let information: UInt32 = bytes.number(at: offset + 4),
            let sizeOrType: UInt32 = bytes.number(at: offset + 8),
            let kind = BTFKind(rawValue: information >> 24 & 0x1f)
        else { return nil }
        data = offset + BTFRecord.headerSize
        self.nameOffset = Int(nameOffset)
        self.kind = kind
        flag = information >> 31 == 1
        count = Int(information & 0xffff)
        self.sizeOrType = sizeOrType
    }

    /// Bytes behind the header.
    var dataSize: Int {
        switch kind {
        case .integer, .variable, .declTag: 4
        case .array: 12
        case .structure, .union, .section, .enumeration64: 12 * count
        case .enumeration, .functionPrototype: 8 * count
        case .pointer, .forward, .typedef, .volatile, .const, .restrict, .function, .float, .typeTag: 0
        }
    }

    /// Whether `sizeOrType` is a type.
    var refersToType: Bool {
        switch kind {
        case .pointer, .typedef, .volatile, .const, .restrict, .function, .functionPrototype, .variable, .declTag,
            .typeTag:
            true
        case .integer, .array, .structure, .union, .enumeration, .forward, .section, .float, .enumeration64: false
        }
    }

    /// Where in the data the names of its parts are, as offsets into the strings.
    var partNames: [Int] {
        switch kind {
        case .structure, .union, .enumeration64: (0..<count).map { data + 12 * $0 }
        case .enumeration, .functionPrototype: (0..<count).map { data + 8 * $0 }
        default: []
        }
    }

    /// Where in the data the types of its parts are.
    var partTypes: [Int] {
        switch kind {
        case .array: [data, data + 4]
        case .structure, .union: (0..<count).map { data + 12 * $0 + 4 }
        case .functionPrototype: (0..<count).map { data + 8 * $0 + 4 }
        case .section: (0..<count).map { data + 12 * $0 }
        default: []
        }
    }
}
