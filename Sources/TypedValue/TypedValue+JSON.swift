// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes JSON as all of Hover does: compact, with sorted keys, and slashes as they are, for base64 would grow.
public func encodeJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}

/// Makes types of JSON, by way of a `TypedValue`: what a value is `JSONSerialization` knows, and `JSONDecoder` finds by
/// trying, which takes long for modules with thousands of rules. What this cannot read is left to `JSONDecoder`: it knows
/// numbers with a fraction, and says what is wrong.
public func decodeJSON<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    if let object = try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed),
        let decoded = try? TypedValue(foundation: object)?.decode(type)
    {
        return decoded
    }
    return try JSONDecoder().decode(type, from: data)
}

extension TypedValue {
    /// Reads JSON text, scalars included.
    ///
    /// - Throws: `DecodingError` for what is no JSON, and for numbers that are no integers of 64 bits.
    public init(json text: String) throws {
        try self.init(json: Data(text.utf8))
    }

    /// The same of UTF-8.
    public init(json data: Data) throws {
        self = try decodeJSON(TypedValue.self, from: data)
    }

    /// What `JSONSerialization` makes of JSON; nil where there is a number that is no integer of 64 bits.
    init?(foundation object: Any) {
        switch object {
        case let text as String: self = .string(text)
        case let members as [String: Any]:
            var values = [String: TypedValue](minimumCapacity: members.count)
            for (key, member) in members {
                guard let value = TypedValue(foundation: member) else { return nil }
                values[key] = value
            }
            self = .object(values)
        case let elements as [Any]:
            var values: [TypedValue] = []
            values.reserveCapacity(elements.count)
            for element in elements {
                guard let value = TypedValue(foundation: element) else { return nil }
                values.append(value)
            }
            self = .array(values)
        case let number as NSNumber: self.init(number)
        case is NSNull: self = .null
        default: return nil
        }
    }

    /// Nil for one with a fraction, or of more than 64 bits.
    private init?(_ number: NSNumber) {
        // The type's encoding (`NSNumber.objCType`): of Bool, Double, UInt64 and the integers with a sign.
        switch UInt8(bitPattern: number.objCType.pointee) {
        case UInt8(ascii: "c"): self = .bool(number.boolValue)
        case UInt8(ascii: "d"): return nil
        case UInt8(ascii: "Q"): self = .unsigned(number.uint64Value)
        default: self = TypedValue(number.int64Value)
        }
    }
}

extension TypedValue: Codable {
    /// - Throws: `DecodingError` for numbers with a fraction and for integers that 64 bits cannot hold.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .signed(value)
        } else if let value = try Self.unlessMismatched(at: decoder, { try container.decode([TypedValue].self) }) {
            self = .array(value)
        } else if let value = try Self.unlessMismatched(
            at: decoder, { try container.decode([String: TypedValue].self) })
        {
            self = .object(value)
        } else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected an integer of 64 bits; other numbers are not supported")
        }
    }

    /// Nil when the value here is of another type; errors from deeper inside pass: they say what is wrong there.
    private static func unlessMismatched<Value>(
        at decoder: any Decoder, _ decode: () throws -> Value
    ) throws -> Value? {
        do {
            return try decode()
        } catch DecodingError.typeMismatch(_, let context) where context.codingPath.count == decoder.codingPath.count {
            return nil
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .signed(let value): try container.encode(value)
        case .unsigned(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension TypedValue: CustomStringConvertible {
    /// Compact JSON with the keys of objects sorted.
    public var description: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .signed(let value): text += String(value)
        case .unsigned(let value): text += String(value)
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { text += "," }
                Self.write(member.key, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        defer { text += "\"" }
        guard
            string.utf8.contains(where: {
                $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 0x7f
            })
        else {
            text += string
            return
        }
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0"..<" ", "\u{7f}": text += "\\u00" + hexDigits(of: UInt8(truncatingIfNeeded: scalar.value))
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
