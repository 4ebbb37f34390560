// SPDX-License-Identifier: Apache-2.0

extension TypeShape {
    /// What memory of this shape holds. `encode` makes the same bytes of it again, except for padding.
    ///
    /// - Throws: when `bytes` are not exactly `size`, or the shape contradicts itself (a member outside its structure).
    public func decode(_ bytes: some Collection<UInt8>) throws(TypeMismatch) -> TypedValue {
        try decode(slice: Array(bytes)[...])
    }

    private func decode(slice bytes: ArraySlice<UInt8>) throws(TypeMismatch) -> TypedValue {
        guard bytes.count == size else {
            throw TypeMismatch(path: "", expected: "\(size) bytes", found: "\(bytes.count)")
        }
        switch self {
        case .integer(_, let signed):
            return Self.integer(bytes, signed: signed)
        case .boolean:
            return .bool(!bytes.allSatisfy { $0 == 0 })
        case .enumeration(let size, let signed, let names):
            let bits = Self.unsigned(bytes)
            let name = names.first { UInt128(truncatingIfNeeded: $0.value).lowest(size * 8) == bits }?.name
            return name.map(TypedValue.string) ?? Self.integer(bytes, signed: signed)
        case .characters:
            return Self.text(bytes).map(TypedValue.string) ?? .array(bytes.map { .unsigned(UInt64($0)) })
        case .bytes:
            return .string(bytes.map(hexDigits).joined())
        case .formatted(let format):
            return Self.decode(bytes, as: format)
        case .array(let element, let count):
            return .array(try Self.decode(bytes, count: count, of: element))
        case .structure(_, let size, _, let members):
            return .object(try Self.decode(bytes, size: size, members: members))
        }
    }

    private static func decode(_ bytes: ArraySlice<UInt8>, as format: ValueFormat) -> TypedValue {
        switch format {
        case .bigEndian: TypedValue(bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
        case .ipv4: .string(ipv4Text(bytes))
        case .ipv6: .string(ipv6Text(bytes))
        case .mac: .string(macText(bytes))
        case .prefix4, .prefix6: .string(prefixText(bytes))
        }
    }

    private static func decode(
        _ bytes: ArraySlice<UInt8>, count: Int, of element: TypeShape
    ) throws(TypeMismatch) -> [TypedValue] {
        var values: [TypedValue] = []
        values.reserveCapacity(min(count, bytes.count))
        for index in 0..<count {
            let start = bytes.startIndex + index * element.size
            do throws(TypeMismatch) {
                values.append(try element.decode(slice: bytes[start..<start + element.size]))
            } catch {
                throw error.inside("[\(index)]")
            }
        }
        return values
    }

    private static func decode(
        _ bytes: ArraySlice<UInt8>, size: Int, members: [Member]
    ) throws(TypeMismatch) -> [String: TypedValue] {
        var values: [String: TypedValue] = [:]
        for member in members {
            guard member.isInside(structureOf: size) else { throw member.misplacement(size: size) }
            do throws(TypeMismatch) {
                if let bitSize = member.bitSize {
                    let field = member.bitField(of: bytes, bitSize: bitSize)
                    values[member.name] = try member.shape.decode(slice: field[...])
                } else {
                    let start = bytes.startIndex + member.offset
                    values[member.name] = try member.shape.decode(slice: bytes[start..<start + member.shape.size])
                }
            } catch {
                throw error.inside(member.name)
            }
        }
        return values
    }

    /// Memory of `char[]` as text, when it is exactly that: characters that print, then nothing but zeros.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        let characters = bytes.prefix { $0 != 0 }
        guard bytes[characters.endIndex...].allSatisfy({ $0 == 0 }),
            let text = String(validating: characters, as: UTF8.self),
            text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { return nil }
        return text
    }

    private static func integer(_ bytes: ArraySlice<UInt8>, signed: Bool) -> TypedValue {
        let bits = unsigned(bytes)
        return signed ? TypedValue(bits.signExtended(from: bytes.count * 8)) : TypedValue(bits)
    }

    private static func unsigned(_ bytes: ArraySlice<UInt8>) -> UInt128 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
    }
}

extension TypeShape.Member {
    /// A bit-field's value as memory of the field's own type: extended by its sign.
    fileprivate func bitField(of bytes: ArraySlice<UInt8>, bitSize: Int) -> [UInt8] {
        var bits: UInt128 = 0
        for bit in 0..<bitSize {
            let place = bitOffset + bit
            let byte = bytes[bytes.startIndex + offset + place / 8]
            bits |= UInt128(byte >> (place % 8) & 1) << bit
        }
        if shape.isSigned {
            bits = UInt128(bitPattern: bits.signExtended(from: bitSize))
        }
        return bits.littleEndianBytes(shape.size)
    }

    func misplacement(size: Int) -> TypeMismatch {
        TypeMismatch(path: name, expected: "a place inside the structure's \(size) bytes", found: "one beyond them")
    }
}

extension TypeShape {
    /// Whether a number of this shape can be negative.
    var isSigned: Bool {
        switch self {
        case .integer(_, let signed), .enumeration(_, let signed, _): signed
        default: false
        }
    }
}

extension UInt128 {
    /// The number with all bits from `count` on cleared.
    func lowest(_ count: Int) -> UInt128 {
        count >= 128 ? self : self & ((1 << UInt128(count)) - 1)
    }

    /// The number that the lowest `count` bits are in two's complement.
    func signExtended(from count: Int) -> Int128 {
        Int128(truncatingIfNeeded: self << (128 - count)) >> (128 - count)
    }

    /// The lowest `size` bytes, lowest first.
    func littleEndianBytes(_ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}
