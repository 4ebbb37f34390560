// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// Keys and values as the original's BCC wrote and read them, by the C type alone: every number `0x…` as the host has
/// it (`0x100007f` is 127.0.0.1), a structure `{ 0x1 0x2 }`, an array `[ 0x1 0x2 ]`.
enum LegacyValues {
    /// `bytes` are `shape.size`.
    static func text(of bytes: some Collection<UInt8>, _ shape: TypeShape) -> String {
        let bytes = Array(bytes)
        guard bytes.count == shape.size else { return "" }
        switch shape.legacy {
        case .number:
            let number = bytes.reversed().reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            return "0x" + String(number, radix: 16)
        case .array(let element, _):
            let size = element.size
            let texts =
                size == 0
                ? []
                : stride(from: 0, to: bytes.count, by: size).map {
                    text(of: bytes[$0..<$0 + size], element)
                }
            return (["["] + texts + ["]"]).joined(separator: " ")
        case .structure(let members):
            let texts = members.map { member in
                let field = member.read(bytes)
                return text(of: field, member.shape)
            }
            return (["{"] + texts + ["}"]).joined(separator: " ")
        }
    }

    /// The bytes that a text stands for; nil when it is not of this type. What follows it does not matter, as with
    /// sscanf.
    static func bytes(of text: String, _ shape: TypeShape) -> [UInt8]? {
        var reader = Reader(rest: text[...])
        return reader.read(shape)
    }

    private struct Reader {
        var rest: Substring

        mutating func read(_ shape: TypeShape) -> [UInt8]? {
            switch shape.legacy {
            case .number(let size):
                return number(size: size)
            case .array(let element, let count):
                if element.size == 1, let text = quoted() {
                    return text.count <= count ? text + Array(repeating: 0, count: count - text.count) : nil
                }
                guard take("[") else { return nil }
                var bytes: [UInt8] = []
                for _ in 0..<count {
                    guard let part = read(element) else { return nil }
                    bytes += part
                }
                return take("]") ? bytes : nil
            case .structure(let members):
                guard take("{") else { return nil }
                var bytes = [UInt8](repeating: 0, count: shape.size)
                for member in members {
                    guard let part = read(member.shape), member.write(part, into: &bytes) else { return nil }
                }
                return take("}") ? bytes : nil
            }
        }

        private mutating func take(_ character: Character) -> Bool {
            rest = rest.drop(while: \.isWhitespace)
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        /// C's `%i`: `5`, `-5`, `0x5`, and `05`, which is octal. What fits as a signed or unsigned number is taken.
        private mutating func number(size: Int) -> [UInt8]? {
            rest = rest.drop(while: \.isWhitespace)
            let isNegative = rest.first == "-"
            if isNegative || rest.first == "+" { rest.removeFirst() }
            let isHex = rest.hasPrefix("0x") || rest.hasPrefix("0X")
            if isHex { rest.removeFirst(2) }
            let digits = rest.prefix { $0.isASCII && (isHex ? $0.isHexDigit : $0.isNumber) }
            rest = rest[digits.endIndex...]
            let radix = isHex ? 16 : digits.hasPrefix("0") ? 8 : 10
            guard let magnitude = UInt128(digits, radix: radix) else { return nil }
            let bits = UInt128(size * 8)
            if isNegative ? magnitude > 1 << (bits - 1) : bits < 128 && magnitude >> bits != 0 { return nil }
            let number = isNegative ? 0 &- magnitude : magnitude
            return (0..<size).map { UInt8(truncatingIfNeeded: number >> UInt128($0 * 8)) }
        }

        private mutating func quoted() -> [UInt8]? {
            rest = rest.drop(while: \.isWhitespace)
            guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else { return nil }
            let text = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            return Array(text.utf8)
        }
    }
}

extension TypeShape {
    /// What BCC saw of a type.
    fileprivate enum Legacy {
        case number(size: Int)
        case array(TypeShape, count: Int)
        case structure([Member])
    }

    fileprivate var legacy: Legacy {
        let byte = TypeShape.integer(size: 1, signed: false)
        switch self {
        case .integer, .boolean, .enumeration, .formatted(.bigEndian), .formatted(.ipv4): return .number(size: size)
        case .characters(let count), .bytes(let count): return .array(byte, count: count)
        case .formatted(.ipv6), .formatted(.mac): return .array(byte, count: size)
        case .formatted(.prefix4), .formatted(.prefix6):
            let address = TypeShape.formatted(size == 8 ? .ipv4 : .ipv6)
            return .structure([
                Member(name: "length", offset: 0, shape: .integer(size: 4, signed: false)),
                Member(name: "address", offset: 4, shape: address),
            ])
        case .array(let element, let count): return .array(element, count: count)
        case .structure(_, _, false, let members): return .structure(Self.first(of: members))
        // LLVM has no unions: what is left of one is its largest member.
        case .structure(_, _, true, let members):
            let largest = members.max { $0.shape.size < $1.shape.size }
            return .structure(largest.map { [$0] } ?? [])
        }
    }

    /// Of members that share memory, as those of an anonymous union, the first.
    private static func first(of members: [Member]) -> [Member] {
        members.reduce(into: []) { kept, member in
            if !kept.contains(where: { $0.bits.overlaps(member.bits) }) { kept.append(member) }
        }
    }
}

extension TypeShape.Member {
    /// The structure's bits that the member takes.
    fileprivate var bits: Range<Int> {
        let start = offset * 8 + bitOffset
        return start..<start + (bitSize ?? shape.size * 8)
    }

    /// The member's memory in its structure's; a bit-field's is widened to its type.
    fileprivate func read(_ structure: [UInt8]) -> [UInt8] {
        guard let bitSize else { return Array(structure.dropFirst(offset).prefix(shape.size)) }
        var bytes = [UInt8](repeating: 0, count: shape.size)
        for bit in 0..<bitSize {
            let place = bits.lowerBound + bit
            guard place / 8 < structure.count, bit / 8 < bytes.count else { break }
            bytes[bit / 8] |= (structure[place / 8] >> (place % 8) & 1) << (bit % 8)
        }
        return bytes
    }

    /// False when a bit-field is too narrow for the number, or the member lies outside the structure.
    fileprivate func write(_ bytes: [UInt8], into structure: inout [UInt8]) -> Bool {
        guard bits.upperBound <= structure.count * 8 else { return false }
        for bit in 0..<bytes.count * 8 where bytes[bit / 8] >> (bit % 8) & 1 == 1 {
            guard bit < bits.count else { return false }
            let place = bits.lowerBound + bit
            structure[place / 8] |= 1 << (place % 8)
        }
        return true
    }
}

extension LegacyValues {
    /// A type as BCC described it, in JSON: `"unsigned int"`, or `["key", [["a", "unsigned int"]], "struct"]`.
    static func layout(of shape: TypeShape) -> String {
        description(of: shape).description
    }

    private static func description(of shape: TypeShape) -> TypedValue {
        switch shape {
        case .integer(let size, let signed): return .string(name(size: size, signed: signed))
        case .boolean: return "_Bool"
        case .enumeration(let size, let signed, _): return .string(name(size: size, signed: signed))
        case .formatted(.bigEndian(let size)): return .string(name(size: size, signed: false))
        case .formatted(.ipv4): return .string(name(size: 4, signed: false))
        case .characters(let count): return ["char", [TypedValue(count)]]
        case .bytes, .formatted: return ["unsigned char", [TypedValue(shape.size)]]
        case .array(let element, let count): return [description(of: element), [TypedValue(count)]]
        case .structure(let name, _, let isUnion, let members):
            return [.string(name), .array(members.map(description)), .string(isUnion ? "union" : "struct")]
        }
    }

    private static func description(of member: TypeShape.Member) -> TypedValue {
        let type = description(of: member.shape)
        switch (member.shape.legacy, type) {
        case (.array, .array(let parts)): return .array([.string(member.name)] + parts)
        default: return .array([.string(member.name), type] + (member.bitSize.map { [TypedValue($0)] } ?? []))
        }
    }

    private static func name(size: Int, signed: Bool) -> String {
        switch (size, signed) {
        case (1, true): "char"
        case (1, false): "unsigned char"
        case (2, true): "short"
        case (2, false): "unsigned short"
        case (4, true): "int"
        case (4, false): "unsigned int"
        case (8, true): "long long"
        case (8, false): "unsigned long long"
        default: signed ? "__int128" : "unsigned __int128"
        }
    }
}
