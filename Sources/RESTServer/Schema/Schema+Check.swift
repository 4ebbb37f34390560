// SPDX-License-Identifier: Apache-2.0

import TypedValue

extension Schema {
    /// Checks that a value is what the schema says.
    ///
    /// - Throws: the first place where it is not, in the words of a request's author: `ports: expected an integer from
    ///   0 to 1000, found a string`.
    func check(_ value: TypedValue) throws(TypeMismatch) {
        switch (self, value) {
        case (.any, _), (.boolean, .bool), (.base64, .string):
            return
        case (.integer(let range), .unsigned(let number)):
            guard range.contains(Int128(number)) else { throw mismatch("\(number)") }
        case (.integer(let range), .signed(let number)):
            guard range.contains(Int128(number)) else { throw mismatch("\(number)") }
        case (.string(let choices), .string(let text)):
            guard choices.isEmpty || choices.contains(text) else { throw mismatch("\(value)") }
        case (.array(let element), .array(let values)):
            for (index, value) in values.enumerated() {
                try element.check(value, as: "[\(index)]")
            }
        case (.oneOrMore(let element), .array):
            try Schema.array(of: element).check(value)
        case (.oneOrMore(let element), _):
            try element.check(value)
        case (.map(let element), .object(let values)):
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                try element.check(value, as: name)
            }
        case (.object(let properties), .object(let values)):
            try Self.check(values, properties)
        case (.reference(let name), _):
            try Components.schemas[name]?.check(value)
        default:
            throw mismatch(value.kind)
        }
    }

    private static func check(_ values: [String: TypedValue], _ properties: [Property]) throws(TypeMismatch) {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let property = properties.first(where: { $0.name == name }) else {
                let names = properties.map(\.name).joined(separator: ", ")
                throw TypeMismatch(path: name, expected: "one of the members \(names)", found: "this one")
            }
            guard value != .null || property.isRequired else { continue }
            try property.schema.check(value, as: name)
        }
        for property in properties where property.isRequired && values[property.name] == nil {
            throw TypeMismatch(path: property.name, expected: property.schema.expectation, found: "nothing")
        }
    }

    private func check(_ value: TypedValue, as name: String) throws(TypeMismatch) {
        do throws(TypeMismatch) {
            try check(value)
        } catch {
            throw error.inside(name)
        }
    }

    private func mismatch(_ found: String) -> TypeMismatch {
        TypeMismatch(path: "", expected: expectation, found: found)
    }

    private var expectation: String {
        switch self {
        case .any: "a value"
        case .boolean: "true or false"
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .string(let choices) where !choices.isEmpty: choices.joined(separator: " or ")
        case .string: "a string"
        case .base64: "a string of base64"
        case .array: "an array"
        case .oneOrMore: "an object or an array"
        case .map, .object: "an object"
        case .reference(let name): Components.schemas[name]?.expectation ?? name
        }
    }
}

extension TypedValue {
    /// What kind of JSON value it is, for messages.
    fileprivate var kind: String {
        switch self {
        case .null: "null"
        case .bool(let truth): "\(truth)"
        case .signed, .unsigned: "an integer"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
