// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The keys that a configuration can have, as its reader asks for them.
public struct ConfigDescription: Sendable, Hashable {
    /// One key.
    public struct Key: Sendable, Hashable {
        public var name: String
        /// What can be there, in words: `an integer, 1 to 4094`.
        public var type: String
        /// What is assumed without the key, as JSON; nil when there is nothing then.
        public var initial: TypedValue?
        public var isRequired: Bool
        /// What it means, and its unit.
        public var text: String
        /// JSON Schema of the value.
        public var schema: TypedValue
        /// The keys of the object, or of the objects in the list, that is there.
        public var members: ConfigDescription?
    }

    public internal(set) var keys: [Key] = []

    /// JSON Schema (2020-12) of a configuration.
    public var schema: TypedValue {
        var properties: [String: TypedValue] = [:]
        for key in keys {
            guard case .object(var schema) = key.schema else { continue }
            schema["description"] = .string(key.text)
            schema["default"] = key.initial
            properties[key.name] = .object(schema)
        }
        var schema: [String: TypedValue] = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        let required = keys.filter(\.isRequired).map { TypedValue.string($0.name) }
        if !required.isEmpty {
            schema["required"] = .array(required)
        }
        return .object(schema)
    }
}
