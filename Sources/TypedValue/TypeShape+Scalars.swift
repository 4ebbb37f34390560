// SPDX-License-Identifier: Apache-2.0

/// An integer as somebody wrote it, before its type is known.
struct WrittenInteger {
    let isNegative: Bool
    let magnitude: UInt128

    /// Nil for what is no integer: others than numbers and the texts `5`, `-5` and `0x5`.
    init?(_ value: TypedValue) {
        switch value {
        case .unsigned(let number): (isNegative, magnitude) = (false, UInt128(number))
        case .signed(let number): (isNegative, magnitude) = (number < 0, UInt128(number.magnitude))
        case .string(let text):
            let isHex = text.hasPrefix("0x") || text.hasPrefix("0X")
            isNegative = text.hasPrefix("-")
            let digits = text.dropFirst(isHex ? 2 : isNegative ? 1 : 0)
            guard digits.utf8.first.map({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) == true,
                let number = UInt128(digits, radix: isHex ? 16 : 10)
            else { return nil }
            magnitude = number
        default: return nil
        }
    }

    /// The number in two's complement of so many bits; nil when it is out of their range.
    func bits(_ count: Int, signed: Bool) -> UInt128? {
        guard (1...128).contains(count) else { return nil }
        let half: UInt128 = 1 << UInt128(count - 1)
        if isNegative {
            guard signed || magnitude == 0, magnitude <= half else { return nil }
            return (0 &- magnitude).lowest(count)
        }
        guard magnitude <= (signed ? half - 1 : UInt128.max.lowest(count)) else { return nil }
        return magnitude
    }
}

/// The integers of a type, for messages.
func integerExpectation(bits: Int, signed: Bool) -> String {
    let most = UInt128.max.lowest(signed ? bits - 1 : bits)
    let least = signed ? "-\(most + 1)" : "0"
    return "an integer from \(least) to \(most)"
}

extension TypeShape {
    static func truth(_ value: TypedValue) -> Bool? {
        switch value {
        case .bool(let truth): truth
        case 0, "0", "false": false
        case 1, "1", "true": true
        default: nil
        }
    }

    static func number(of value: TypedValue, size: Int, signed: Bool, names: [EnumerationCase]) -> UInt128? {
        if case .string(let name) = value, let named = names.first(where: { $0.name == name }) {
            return UInt128(truncatingIfNeeded: named.value).lowest(size * 8)
        }
        return WrittenInteger(value)?.bits(size * 8, signed: signed)
    }

    /// Text, padded with zeros, or a number for each character.
    static func characters(_ value: TypedValue, count: Int) -> [UInt8]? {
        guard case .string(let text) = value else { return numbers(value, count: count) }
        let characters = Array(text.utf8)
        guard characters.count <= count, !characters.contains(0) else { return nil }
        return characters + Array(repeating: 0, count: count - characters.count)
    }

    /// Hexadecimal digits, or a number for each byte.
    static func bytes(_ value: TypedValue, count: Int) -> [UInt8]? {
        guard case .string(let text) = value else { return numbers(value, count: count) }
        let found = hexBytes(text.hasPrefix("0x") ? text.dropFirst(2) : text[...])
        return found?.count == count ? found : nil
    }

    static func bytes(_ value: TypedValue, as format: ValueFormat) -> [UInt8]? {
        if case .bigEndian(let size) = format {
            return WrittenInteger(value)?.bits(size * 8, signed: false)?.littleEndianBytes(size).reversed()
        }
        guard case .string(let text) = value else { return nil }
        return switch format {
        case .ipv4: ipv4Bytes(text)
        case .ipv6: ipv6Bytes(text)
        case .mac, .bigEndian: macBytes(text)
        case .prefix4: prefixBytes(text, address: ipv4Bytes)
        case .prefix6: prefixBytes(text, address: ipv6Bytes)
        }
    }

    /// Exactly `count` numbers of a byte each.
    private static func numbers(_ value: TypedValue, count: Int) -> [UInt8]? {
        guard case .array(let values) = value, values.count == count else { return nil }
        var bytes: [UInt8] = []
        for value in values {
            guard let bits = WrittenInteger(value)?.bits(8, signed: false) else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: bits))
        }
        return bytes
    }

    /// What fits this shape, for messages.
    var expectation: String {
        switch self {
        case .integer(let size, let signed): integerExpectation(bits: size * 8, signed: signed)
        case .boolean: "true or false"
        case .enumeration(_, _, let names): "a number or one of \(list(names.map(\.name)))"
        case .characters(let count): "text of at most \(count) bytes, or \(count) numbers"
        case .bytes(let count): "\(count * 2) hexadecimal digits, or \(count) numbers"
        case .formatted(.bigEndian(let size)): integerExpectation(bits: size * 8, signed: false)
        case .formatted(.ipv4): "an IPv4 address"
        case .formatted(.ipv6): "an IPv6 address"
        case .formatted(.mac): "a MAC address"
        case .formatted(.prefix4): "an IPv4 prefix, such as 10.0.0.0/8"
        case .formatted(.prefix6): "an IPv6 prefix, such as 2001:db8::/32"
        case .array(_, let count): "an array of \(count)"
        case .structure(_, _, false, let members): "an object with \(list(members.map(\.name)))"
        case .structure(_, _, true, let members): "an object with any of \(list(members.map(\.name)))"
        }
    }
}

private func list(_ names: [String]) -> String {
    let shown = names.prefix(20).joined(separator: ", ")
    return names.count <= 20 ? shown : "\(shown) and \(names.count - 20) more"
}
