// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// What can be the value of a key: how it is read, and how it is described.
public struct ConfigFormat<Value>: Sendable {
    /// What can be there, in words that follow "expected".
    let name: String
    let schema: TypedValue
    /// The keys, if it is an object or a list of objects.
    let members: ConfigDescription?
    /// Reads a value that stands at a pointer.
    let read: @Sendable (TypedValue, String) throws(ConfigError) -> Value
    /// A value that stands for all, while a configuration is described.
    let sample: @Sendable () -> Value?

    init(
        _ name: String, schema: TypedValue, members: ConfigDescription? = nil,
        sample: @escaping @Sendable () -> Value?,
        read: @escaping @Sendable (TypedValue, String) throws(ConfigError) -> Value
    ) {
        self.name = name
        self.schema = schema
        self.members = members
        self.sample = sample
        self.read = read
    }

    /// A format of texts that a function understands.
    public static func text(
        _ name: String, schema: TypedValue = ["type": "string"], sample: @escaping @Sendable @autoclosure () -> Value?,
        _ parse: @escaping @Sendable (String) -> Value?
    ) -> ConfigFormat {
        ConfigFormat(name, schema: schema, sample: sample) { (value, pointer) throws(ConfigError) in
            guard case .string(let text) = value else { throw .type(pointer, expected: name, found: value) }
            guard let parsed = parse(text) else {
                throw ConfigError(pointer: pointer, "\"\(text)\" is not \(name)")
            }
            return parsed
        }
    }

    /// The same values, of another type.
    public func map<Mapped>(_ transform: @escaping @Sendable (Value) -> Mapped) -> ConfigFormat<Mapped> {
        ConfigFormat<Mapped>(
            name, schema: schema, members: members, sample: { [sample] in sample().map(transform) }
        ) { [read] (value, pointer) throws(ConfigError) in
            transform(try read(value, pointer))
        }
    }

    /// One of two formats; the first one counts for a value that fits both.
    public static func either<First, Second>(
        _ first: ConfigFormat<First>, _ second: ConfigFormat<Second>,
        _ join: @escaping @Sendable (Either<First, Second>) -> Value
    ) -> ConfigFormat {
        ConfigFormat(
            "\(first.name), or \(second.name)", schema: ["anyOf": .array([first.schema, second.schema])],
            members: first.members ?? second.members, sample: { first.sample().map { join(.first($0)) } }
        ) { (value, pointer) throws(ConfigError) in
            do throws(ConfigError) {
                return join(.first(try first.read(value, pointer)))
            } catch let problem {
                do throws(ConfigError) {
                    return join(.second(try second.read(value, pointer)))
                } catch let other {
                    // Of an object or a list that is nearly right, what is wrong inside says more.
                    if problem.pointer.utf8.count > pointer.utf8.count { throw problem }
                    if other.pointer.utf8.count > pointer.utf8.count { throw other }
                    throw ConfigError(
                        pointer: pointer, "expected \(first.name), or \(second.name); there is \(value.brief)")
                }
            }
        }
    }
}

/// A value of one of two formats.
public enum Either<First, Second> {
    case first(First)
    case second(Second)
}

extension ConfigFormat where Value == Int {
    /// An integer of a range.
    public static func integer(_ range: ClosedRange<Int>) -> ConfigFormat {
        let name = "an integer, \(range.lowerBound) to \(range.upperBound)"
        return ConfigFormat(
            name,
            schema: [
                "type": "integer", "minimum": TypedValue(range.lowerBound), "maximum": TypedValue(range.upperBound),
            ], sample: { range.lowerBound }
        ) { (value, pointer) throws(ConfigError) in
            let number: Int? =
                switch value {
                case .unsigned(let number): Int(exactly: number)
                case .signed(let number): Int(exactly: number)
                default: nil
                }
            guard let number else { throw .type(pointer, expected: name, found: value) }
            guard range.contains(number) else {
                throw ConfigError(
                    pointer: pointer, "\(number) is out of range: it can be \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }
}

extension ConfigFormat where Value == Bool {
    /// True or false.
    public static var bool: ConfigFormat {
        ConfigFormat("true or false", schema: ["type": "boolean"], sample: { false }) {
            (value, pointer) throws(ConfigError) in
            guard case .bool(let bool) = value else { throw .type(pointer, expected: "true or false", found: value) }
            return bool
        }
    }
}

extension ConfigFormat where Value == String {
    /// Any text that is not empty.
    public static var text: ConfigFormat {
        text("a text", schema: ["type": "string", "minLength": 1], sample: "a") { $0.isEmpty ? nil : $0 }
    }
}

extension ConfigFormat where Value: CaseIterable & RawRepresentable & Sendable, Value.RawValue == String {
    /// One of the names of an enumeration.
    public static var choice: ConfigFormat {
        let names = Value.allCases.map(\.rawValue)
        let list = names.joined(separator: ", ")
        return ConfigFormat(
            "one of \(list)", schema: ["type": "string", "enum": .array(names.map { .string($0) })],
            sample: { Value.allCases.first }
        ) { (value, pointer) throws(ConfigError) in
            guard case .string(let text) = value else {
                throw .type(pointer, expected: "one of \(list)", found: value)
            }
            guard let choice = Value(rawValue: text) else {
                throw ConfigError(pointer: pointer, "there is no \"\(text)\": \(suggestion(for: text, among: names))")
            }
            return choice
        }
    }
}

extension ConfigFormat {
    /// A list.
    public static func list<Element>(of format: ConfigFormat<Element>) -> ConfigFormat where Value == [Element] {
        ConfigFormat(
            "a list of: \(format.name)", schema: ["type": "array", "items": format.schema], members: format.members,
            sample: { format.sample().map { [$0] } ?? [] }
        ) { (value, pointer) throws(ConfigError) in
            let values = try value.listElements(at: pointer)
            var elements: [Element] = []
            elements.reserveCapacity(values.count)
            for (index, value) in values.enumerated() {
                elements.append(try format.read(value, "\(pointer)/\(index)"))
            }
            return elements
        }
    }

    /// An object whose keys a function reads.
    public static func object(
        _ read: @escaping @Sendable (ConfigReader) throws(ConfigError) -> Value
    ) -> ConfigFormat {
        let described = ConfigReader.describing()
        _ = try? read(described)
        return ConfigFormat(
            "an object", schema: described.description.schema, members: described.description,
            sample: { try? read(.describing()) }
        ) { (value, pointer) throws(ConfigError) in
            let reader = try ConfigReader(value, at: pointer)
            let object = try read(reader)
            try reader.finish()
            return object
        }
    }
}

extension ConfigError {
    static func type(_ pointer: String, expected: String, found: TypedValue) -> ConfigError {
        ConfigError(pointer: pointer, "expected \(expected); there is \(found.brief)")
    }
}

extension TypedValue {
    /// For messages.
    var brief: String {
        switch self {
        case .null: "nothing"
        case .array: "a list"
        case .object: "an object"
        default: description
        }
    }
}
