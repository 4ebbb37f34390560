// SPDX-License-Identifier: Apache-2.0

import TypedValue
import Yams

extension TypedValue {
    /// What a node of YAML or JSON stands for, by YAML 1.2's core schema (https://yaml.org/spec/1.2.2, 10.3.2).
    ///
    /// Yams itself reads YAML 1.1, where `no` is false and `10:20` a number in base 60. Numbers with a fraction, which
    /// tables and configurations do not have, stay text.
    init(_ node: Node) {
        switch node {
        case .scalar(let scalar):
            self = Self(scalar)
        case .sequence(let sequence):
            self = .array(sequence.map { Self($0) })
        case .mapping(let mapping):
            self = .object(Dictionary(mapping.map { ($0.keyText, Self($1)) }) { _, last in last })
        case .alias:
            // The parser has put what it stands for in its place.
            self = .null
        }
    }

    private init(_ scalar: Node.Scalar) {
        let text = scalar.string
        guard scalar.style == .plain, scalar.tag.rawValue == Tag.Name.implicit.rawValue else {
            self = .string(text)
            return
        }
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .bool(true)
        case "false", "False", "FALSE": self = .bool(false)
        default: self = Self.integer(text).map { Self($0) } ?? .string(text)
        }
    }

    private static func integer(_ text: String) -> Int128? {
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            return digits.first?.isHexDigit == true ? Int128(digits, radix: radix) : nil
        }
        return Int128(text)
    }

    /// What it is, for messages.
    var kindInWords: String {
        switch self {
        case .null: "nothing"
        case .bool(let truth): "\(truth)"
        case .signed(let number): "the number \(number)"
        case .unsigned(let number): "the number \(number)"
        case .string: "text"
        case .array: "a list"
        case .object: "a map"
        }
    }
}

extension Node {
    /// A mapping's key as text, whatever a schema would make of it.
    var keyText: String { scalar?.string ?? "" }
}
