// SPDX-License-Identifier: Apache-2.0

/// The shape as an object that names its type: `{"type":"integer","size":4,"signed":false}`.
extension TypeShape: Codable {
    fileprivate enum Key: String, CodingKey {
        case type, name, size, signed, names, count, of, members
    }

    private enum Kind: String, Codable {
        case integer, boolean, enumeration, characters, bytes, array, structure, union, bigEndian, ipv4, ipv6, mac
        case prefix4, prefix6
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(kind, forKey: .type)
        switch self {
        case .integer(let size, let signed):
            try container.encode(size, forKey: .size)
            try container.encode(signed, forKey: .signed)
        case .enumeration(let size, let signed, let names):
            try container.encode(size, forKey: .size)
            try container.encode(signed, forKey: .signed)
            try container.encode(names, forKey: .names)
        case .characters(let count), .bytes(let count):
            try container.encode(count, forKey: .count)
        case .formatted(.bigEndian(let size)):
            try container.encode(size, forKey: .size)
        case .boolean, .formatted:
            break
        case .array(let element, let count):
            try container.encode(count, forKey: .count)
            try container.encode(element, forKey: .of)
        case .structure(let name, let size, _, let members):
            try container.encode(name, forKey: .name)
            try container.encode(size, forKey: .size)
            try container.encode(members, forKey: .members)
        }
    }

    private var kind: Kind {
        switch self {
        case .integer: .integer
        case .boolean: .boolean
        case .enumeration: .enumeration
        case .characters: .characters
        case .bytes: .bytes
        case .formatted(.bigEndian): .bigEndian
        case .formatted(.ipv4): .ipv4
        case .formatted(.ipv6): .ipv6
        case .formatted(.mac): .mac
        case .formatted(.prefix4): .prefix4
        case .formatted(.prefix6): .prefix6
        case .array: .array
        case .structure(_, _, let isUnion, _): isUnion ? .union : .structure
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let kind = try container.decode(Kind.self, forKey: .type)
        switch kind {
        case .integer:
            self = .integer(size: try container.numberSize(), signed: try container.decode(Bool.self, forKey: .signed))
        case .enumeration:
            self = .enumeration(
                size: try container.numberSize(), signed: try container.decode(Bool.self, forKey: .signed),
                names: try container.decode([EnumerationCase].self, forKey: .names))
        case .boolean: self = .boolean
        case .characters: self = .characters(count: try container.extent(.count))
        case .bytes: self = .bytes(count: try container.extent(.count))
        case .bigEndian: self = .formatted(.bigEndian(size: try container.numberSize()))
        case .ipv4: self = .formatted(.ipv4)
        case .ipv6: self = .formatted(.ipv6)
        case .mac: self = .formatted(.mac)
        case .prefix4: self = .formatted(.prefix4)
        case .prefix6: self = .formatted(.prefix6)
        case .array:
            self = .array(of: try container.decode(TypeShape.self, forKey: .of), count: try container.extent(.count))
        case .structure, .union:
            self = .structure(
                name: try container.decode(String.self, forKey: .name), size: try container.extent(.size),
                isUnion: kind == .union, members: try container.decode([Member].self, forKey: .members))
        }
    }
}

extension KeyedDecodingContainer<TypeShape.Key> {
    /// The size of an integer.
    fileprivate func numberSize() throws -> Int {
        let size = try decode(Int.self, forKey: .size)
        guard [1, 2, 4, 8, 16].contains(size) else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: self, debugDescription: "expected a size of 1, 2, 4, 8 or 16 bytes, found \(size)")
        }
        return size
    }

    /// A number of bytes or elements.
    fileprivate func extent(_ key: Key) throws -> Int {
        Int(try decode(UInt32.self, forKey: key))
    }
}

extension TypeShape.Member: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, offset, bitOffset, bitSize
        case shape = "type"
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(offset, forKey: .offset)
        if let bitSize {
            try container.encode(bitOffset, forKey: .bitOffset)
            try container.encode(bitSize, forKey: .bitSize)
        }
        try container.encode(shape, forKey: .shape)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            offset: Int(try container.decode(UInt32.self, forKey: .offset)),
            bitOffset: try container.decodeIfPresent(Int.self, forKey: .bitOffset) ?? 0,
            bitSize: try container.decodeIfPresent(Int.self, forKey: .bitSize),
            shape: try container.decode(TypeShape.self, forKey: .shape))
    }
}
