// SPDX-License-Identifier: Apache-2.0

extension TypeShape {
    /// Memory of this shape that holds `value`; padding is zero.
    ///
    /// Numbers are also taken as text (`"5"`, `"0x5"`), enumerations by name or number, bytes as hexadecimal digits or
    /// an array of numbers. A structure needs all its members, except those that share memory with one that is given;
    /// a union takes any of its members, and what they leave open is zero.
    ///
    /// - Throws: the first place where `value` does not fit.
    public func encode(_ value: TypedValue) throws(TypeMismatch) -> [UInt8] {
        try image(of: value).bytes
    }

    private func image(of value: TypedValue) throws(TypeMismatch) -> Image {
        let bytes: [UInt8]?
        switch self {
        case .integer(let size, let signed):
            bytes = WrittenInteger(value)?.bits(size * 8, signed: signed)?.littleEndianBytes(size)
        case .boolean:
            bytes = Self.truth(value).map { [$0 ? 1 : 0] }
        case .enumeration(let size, let signed, let names):
            bytes = Self.number(of: value, size: size, signed: signed, names: names)?.littleEndianBytes(size)
        case .characters(let count):
            bytes = Self.characters(value, count: count)
        case .bytes(let count):
            bytes = Self.bytes(value, count: count)
        case .formatted(let format):
            bytes = Self.bytes(value, as: format)
        case .array(let element, let count):
            return try image(of: value, count: count, element: element)
        case .structure(_, let size, let isUnion, let members):
            return try image(of: value, size: size, isUnion: isUnion, members: members)
        }
        guard let bytes else { throw mismatch(value) }
        return Image(bytes: bytes)
    }

    private func mismatch(_ value: TypedValue) -> TypeMismatch {
        TypeMismatch(path: "", expected: expectation, found: value.excerpt)
    }

    private func image(of value: TypedValue, count: Int, element: TypeShape) throws(TypeMismatch) -> Image {
        guard case .array(let values) = value else { throw mismatch(value) }
        guard values.count == count else {
            throw TypeMismatch(path: "", expected: expectation, found: "an array of \(values.count)")
        }
        var image = Image(bytes: [], written: [])
        for (index, value) in values.enumerated() {
            do throws(TypeMismatch) {
                image.append(try element.image(of: value))
            } catch {
                throw error.inside("[\(index)]")
            }
        }
        return image
    }

    private func image(
        of value: TypedValue, size: Int, isUnion: Bool, members: [Member]
    ) throws(TypeMismatch) -> Image {
        guard case .object(let values) = value else { throw mismatch(value) }
        if let misplaced = members.first(where: { !$0.isInside(structureOf: size) }) {
            throw misplaced.misplacement(size: size)
        }
        if let unknown = values.keys.sorted().first(where: { key in !members.contains { $0.name == key } }) {
            throw TypeMismatch(path: "", expected: expectation, found: "a member \(TypedValue.string(unknown))")
        }
        var image = Image(zeros: size)
        for member in members {
            guard let value = values[member.name] else {
                let isShared = members.contains { values[$0.name] != nil && $0.bits.overlaps(member.bits) }
                if isUnion || isShared || member.bits.isEmpty { continue }
                throw TypeMismatch(path: member.name, expected: member.shape.expectation, found: "nothing")
            }
            do throws(TypeMismatch) {
                try image.place(try member.shape.image(of: value), of: member, value: value)
            } catch {
                throw error.inside(member.name)
            }
        }
        return image
    }
}

/// Memory that is being made, with the bits that a value has given; the others are padding so far.
private struct Image {
    var bytes: [UInt8]
    var written: [UInt8]

    init(bytes: [UInt8], written: [UInt8]) {
        self.bytes = bytes
        self.written = written
    }

    init(bytes: [UInt8]) {
        self.init(bytes: bytes, written: Array(repeating: 0xff, count: bytes.count))
    }

    init(zeros count: Int) {
        let zeros = [UInt8](repeating: 0, count: count)
        self.init(bytes: zeros, written: zeros)
    }

    mutating func append(_ other: Image) {
        bytes += other.bytes
        written += other.written
    }

    /// Puts a member's image where the member is. Members that share memory must agree about it.
    mutating func place(_ image: Image, of member: TypeShape.Member, value: TypedValue) throws(TypeMismatch) {
        var placed = image
        if let bitSize = member.bitSize {
            placed = try image.shifted(
                by: member.bitOffset, bitSize: bitSize, signed: member.shape.isSigned, value: value)
        }
        for index in placed.bytes.indices {
            let place = member.offset + index
            let common = written[place] & placed.written[index]
            guard (bytes[place] ^ placed.bytes[index]) & common == 0 else {
                throw TypeMismatch(
                    path: "", expected: "the value that the members sharing its memory have (give one of them)",
                    found: value.excerpt)
            }
            bytes[place] |= placed.bytes[index]
            written[place] |= placed.written[index]
        }
    }

    /// The lowest `bitSize` bits, moved up by `distance`.
    private func shifted(
        by distance: Int, bitSize: Int, signed: Bool, value: TypedValue
    ) throws(TypeMismatch) -> Image {
        let number = bytes.reversed().reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        let extended = signed ? UInt128(bitPattern: number.signExtended(from: bitSize)) : number.lowest(bitSize)
        guard extended.lowest(bytes.count * 8) == number else {
            throw TypeMismatch(
                path: "", expected: integerExpectation(bits: bitSize, signed: signed), found: value.excerpt)
        }
        var shifted = Image(zeros: (distance + bitSize + 7) / 8)
        for bit in 0..<bitSize {
            let place = distance + bit
            shifted.bytes[place / 8] |= UInt8(truncatingIfNeeded: number >> bit & 1) << (place % 8)
            shifted.written[place / 8] |= 1 << (place % 8)
        }
        return shifted
    }
}
