// SPDX-License-Identifier: Apache-2.0

/// The layout of a C type in the memory of a little-endian host, and the way to show what is in it.
public indirect enum TypeShape: Sendable, Hashable {
    /// 1, 2, 4, 8 or 16 bytes.
    case integer(size: Int, signed: Bool)
    /// `bool`: one byte.
    case boolean
    /// Shown by name; numbers without a name as numbers.
    case enumeration(size: Int, signed: Bool, names: [EnumerationCase])
    /// `char[count]`, shown as text.
    case characters(count: Int)
    /// `unsigned char[count]` and whatever has no better shape, shown as hexadecimal digits.
    case bytes(count: Int)
    /// Memory that a person reads in a certain notation.
    case formatted(ValueFormat)
    /// Elements one after the other.
    case array(of: TypeShape, count: Int)
    /// A `struct` or `union`. Members of anonymous ones inside it stand among its own, so members can share memory.
    case structure(name: String, size: Int, isUnion: Bool, members: [Member])

    /// A named value of an enumeration.
    public struct EnumerationCase: Sendable, Hashable, Codable {
        public var name: String
        /// Of an unsigned enumeration beyond `Int64.max`: the same 64 bits.
        public var value: Int64

        public init(name: String, value: Int64) {
            self.name = name
            self.value = value
        }
    }

    /// A member of a structure or union.
    public struct Member: Sendable, Hashable {
        public var name: String
        /// In bytes from the structure's start.
        public var offset: Int
        /// In bits from the lowest one of the byte at `offset`; 0 unless this is a bit-field.
        public var bitOffset: Int
        /// The width of a bit-field; nil for others.
        public var bitSize: Int?
        public var shape: TypeShape

        public init(name: String, offset: Int, bitOffset: Int = 0, bitSize: Int? = nil, shape: TypeShape) {
            self.name = name
            self.offset = offset
            self.bitOffset = bitOffset
            self.bitSize = bitSize
            self.shape = shape
        }
    }

    /// In bytes, as C's `sizeof`.
    public var size: Int {
        switch self {
        case .integer(let size, _), .enumeration(let size, _, _), .structure(_, let size, _, _): size
        case .boolean: 1
        case .characters(let count), .bytes(let count): count
        case .formatted(let format): format.size
        case .array(let element, let count): Self.product(element.size, count)
        }
    }

    /// Saturates: no memory is as large, so such a shape fits no value.
    private static func product(_ size: Int, _ count: Int) -> Int {
        let (product, overflow) = size.multipliedReportingOverflow(by: count)
        return overflow ? .max : product
    }
}

extension TypeShape.Member {
    /// The bits of the structure that the member takes.
    var bits: Range<Int> {
        let start = offset * 8 + bitOffset
        return start..<start + (bitSize ?? shape.size * 8)
    }

    /// Whether the member is where a structure of `size` bytes has room for it.
    func isInside(structureOf size: Int) -> Bool {
        guard (0...size).contains(offset), (0...size).contains(shape.size), (0...7).contains(bitOffset) else {
            return false
        }
        guard let bitSize else { return bitOffset == 0 && offset + shape.size <= size }
        return bitSize > 0 && bitSize <= shape.size * 8 && offset * 8 + bitOffset + bitSize <= size * 8
    }
}
