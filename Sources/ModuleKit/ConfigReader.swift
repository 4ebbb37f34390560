// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// Takes a configuration apart, key by key: what it is asked for is at the same time what can be there, so a
/// configuration is read and described by the same lines.
///
///     let interval = try config.value("interval", .integer(1...60), default: 10, "seconds between two answers")
///     let peers = try config.value("peers", .list(of: .object(Peer.init)), default: [], "whom to answer")
///
/// Ask for all keys first, and check what they mean together after that. Whoever made the reader calls `finish`, which
/// refuses what was not asked for.
public final class ConfigReader {
    /// Where the object stands in the configuration, as a JSON pointer.
    public let pointer: String
    private let members: [String: TypedValue]
    private let isDescribing: Bool
    private var asked: [String] = []
    /// How many of its keys were asked for.
    private var found = 0
    private(set) var description = ConfigDescription()

    /// - Throws: for what is no object. Nothing is taken for an empty one, as YAML files have it behind `config:`.
    public init(_ value: TypedValue, at pointer: String = "") throws(ConfigError) {
        self.pointer = pointer
        isDescribing = false
        switch value {
        case .object(let members): self.members = members
        case .null: members = [:]
        default: throw .type(pointer, expected: "an object", found: value)
        }
    }

    private init() {
        pointer = ""
        members = [:]
        isDescribing = true
    }

    /// A reader that notes what it is asked for, and answers with values that stand for all.
    static func describing() -> ConfigReader { ConfigReader() }

    /// The value of a key, or what is assumed without it.
    ///
    /// - Parameter text: what the key means, and its unit, for the documentation.
    public func value<Value>(
        _ key: String, _ format: ConfigFormat<Value>, default initial: Value, _ text: String
    ) throws(ConfigError) -> Value {
        try optional(key, format, initial: isDescribing ? jsonValue(initial) : nil, text) ?? initial
    }

    /// The value of a key that may be left out.
    public func optional<Value>(
        _ key: String, _ format: ConfigFormat<Value>, _ text: String
    ) throws(ConfigError) -> Value? {
        try optional(key, format, initial: nil, text)
    }

    /// The value of a key that must be there.
    public func required<Value>(
        _ key: String, _ format: ConfigFormat<Value>, _ text: String
    ) throws(ConfigError) -> Value {
        note(key, format, initial: nil, isRequired: true, text)
        if isDescribing {
            guard let sample = format.sample() else { throw error(key, "there is nothing to show") }
            return sample
        }
        guard let value = member(key) else {
            throw ConfigError(pointer: pointer, "there is no \(key): add it, \(format.name)")
        }
        return try format.read(value, pointer + "/" + key)
    }

    /// An error about a key, or about something deeper inside it (`routes/3`).
    public func error(_ key: String, _ message: String) -> ConfigError {
        ConfigError(pointer: pointer + "/" + key, message)
    }

    /// - Throws: for a key that nobody asked for, with the nearest one that there is.
    public func finish() throws(ConfigError) {
        guard !isDescribing, found < members.count else { return }
        let known = Set(asked)
        guard let unknown = members.keys.filter({ !known.contains($0) }).min() else { return }
        throw error(unknown, "there is no key \(unknown) here: \(suggestion(for: unknown, among: asked))")
    }

    private func optional<Value>(
        _ key: String, _ format: ConfigFormat<Value>, initial: TypedValue?, _ text: String
    ) throws(ConfigError) -> Value? {
        note(key, format, initial: initial, isRequired: false, text)
        if isDescribing { return format.sample() }
        guard let value = member(key) else { return nil }
        return try format.read(value, pointer + "/" + key)
    }

    /// What is there for a key; nothing is as if the key were not there.
    private func member(_ key: String) -> TypedValue? {
        guard let value = members[key] else { return nil }
        found += 1
        if case .null = value { return nil }
        return value
    }

    private func note<Value>(
        _ key: String, _ format: ConfigFormat<Value>, initial: TypedValue?, isRequired: Bool, _ text: String
    ) {
        asked.append(key)
        guard isDescribing else { return }
        description.keys.append(
            .init(
                name: key, type: format.name, initial: initial, isRequired: isRequired, text: text,
                schema: format.schema, members: format.members))
    }

    private func jsonValue(_ initial: some Any) -> TypedValue? {
        switch initial {
        case let number as Int: TypedValue(number)
        case let bool as Bool: .bool(bool)
        case let text as String: .string(text)
        case let choice as any RawRepresentable<String>: .string(choice.rawValue)
        case let value as any CustomStringConvertible where !(initial is any Collection): .string(value.description)
        default: nil
        }
    }
}
