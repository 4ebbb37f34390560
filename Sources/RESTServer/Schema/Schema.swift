// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A JSON Schema (2020-12), as far as Hover's API needs it: what the OpenAPI document shows, and what request bodies
/// are checked against.
indirect enum Schema: Sendable, Hashable {
    /// Any JSON value.
    case any
    case boolean
    case integer(ClosedRange<Int128>)
    /// One of `choices`, or any text when there are none.
    case string(choices: [String] = [])
    /// Base64 of bytes.
    case base64
    case array(of: Schema)
    /// A value, or an array of such values.
    case oneOrMore(of: Schema)
    /// An object whose members have any names.
    case map(of: Schema)
    case object([Property])
    /// A schema among the components, by its name.
    case reference(String)

    /// A member of an object.
    struct Property: Sendable, Hashable {
        var name: String
        var schema: Schema
        var description: String
        /// Optional ones may also be null.
        var isRequired: Bool

        static func required(_ name: String, _ schema: Schema, _ description: String) -> Property {
            Property(name: name, schema: schema, description: description, isRequired: true)
        }

        static func optional(_ name: String, _ schema: Schema, _ description: String) -> Property {
            Property(name: name, schema: schema, description: description, isRequired: false)
        }
    }

    static let string = Schema.string()
    static let uint64 = Schema.integer(0...Int128(UInt64.max))
    static let uint32 = Schema.integer(0...Int128(UInt32.max))
    /// A size or number of things.
    static let count = Schema.integer(0...Int128(Int32.max))

    /// The component that describes a wire type.
    static func of(_ type: (some Any).Type) -> Schema {
        .reference("\(type)")
    }
}

extension Schema {
    /// The schema as JSON.
    var json: TypedValue { .object(members) }

    private var members: [String: TypedValue] {
        switch self {
        case .any: [:]
        case .boolean: ["type": "boolean"]
        case .integer(let range):
            ["type": "integer", "minimum": TypedValue(range.lowerBound), "maximum": TypedValue(range.upperBound)]
        case .string(let choices):
            choices.isEmpty
                ? ["type": "string"] : ["type": "string", "enum": .array(choices.map(TypedValue.string))]
        case .base64: ["type": "string", "contentEncoding": "base64"]
        case .array(let element): ["type": "array", "items": element.json]
        case .oneOrMore(let element): ["oneOf": [element.json, Schema.array(of: element).json]]
        case .map(let element): ["type": "object", "additionalProperties": element.json]
        case .object(let properties):
            [
                "type": "object",
                "properties": .object(
                    Dictionary(properties.map { ($0.name, $0.json) }) { first, _ in first }),
                "required": .array(properties.filter(\.isRequired).map { .string($0.name) }),
                "additionalProperties": false,
            ]
        case .reference(let name): ["$ref": .string("#/components/schemas/\(name)")]
        }
    }

    /// The schema of the same values and null.
    fileprivate var orNull: [String: TypedValue] {
        switch self {
        case .any:
            return members
        case .reference:
            return ["anyOf": [json, ["type": "null"]]]
        default:
            var members = members
            if let type = members["type"] {
                members["type"] = [type, "null"]
            }
            if case .array(let choices)? = members["enum"] {
                members["enum"] = .array(choices + [.null])
            }
            return members
        }
    }
}

extension Schema.Property {
    fileprivate var json: TypedValue {
        var members: [String: TypedValue]
        if isRequired, case .object(let required) = schema.json {
            members = required
        } else {
            members = schema.orNull
        }
        members["description"] = .string(description)
        return .object(members)
    }
}
