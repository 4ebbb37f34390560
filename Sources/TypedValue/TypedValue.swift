// SPDX-License-Identifier: Apache-2.0

/// A value as JSON has it, with integers exact to 64 bits: what a module's tables and configuration hold.
///
/// Integers that are not negative are `.unsigned`, negative ones `.signed`. All initialisers and decoders keep to that,
/// and `.signed(5)` and `.unsigned(5)` are equal.
public enum TypedValue: Sendable {
    case null
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    case string(String)
    case array([TypedValue])
    case object([String: TypedValue])

    /// An integer. One that 64 bits cannot hold becomes the text of its decimal digits, which no JSON reader rounds.
    public init(_ integer: some BinaryInteger) {
        if let unsigned = UInt64(exactly: integer) {
            self = .unsigned(unsigned)
        } else if let signed = Int64(exactly: integer) {
            self = .signed(signed)
        } else {
            self = .string(String(integer))
        }
    }
}

extension TypedValue: Hashable {
    public static func == (left: TypedValue, right: TypedValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.signed(let left), .signed(let right)): left == right
        case (.unsigned(let left), .unsigned(let right)): left == right
        // Comparison across integer types is by value.
        case (.signed(let left), .unsigned(let right)): left == right
        case (.unsigned(let left), .signed(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .signed(let value): hasher.combine(UInt64(bitPattern: value))
        case .unsigned(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        case .array(let value): hasher.combine(value)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension TypedValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    public init(integerLiteral value: Int128) {
        self.init(value)
    }

    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    public init(arrayLiteral elements: TypedValue...) {
        self = .array(elements)
    }

    /// Of a key that comes twice the last value counts.
    public init(dictionaryLiteral elements: (String, TypedValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
