// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes JSON as `JSONEncoder` does, compact, with sorted keys and slashes as they are, in a third of the time where it
/// is mostly `TypedValue`s. What is unusual is left to that one.
public func encodeJSON(_ value: some Encodable) throws -> Data {
    if let encoded = try? TypedValueEncoder.encode(value) {
        return Data(encoded.description.utf8)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}

/// Makes a `TypedValue` of what encodes itself.
final class TypedValueEncoder: Encoder {
    let codingPath: [any CodingKey] = []
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    /// Where what is encoded goes.
    private let node = Node()

    static func encode(_ value: some Encodable) throws -> TypedValue {
        let encoder = TypedValueEncoder()
        try encoder.node.set(value)
        return try encoder.node.value
    }

    func set(_ value: TypedValue) { node.content = .value(value) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> { node.keyed() }
    func unkeyedContainer() -> any UnkeyedEncodingContainer { node.unkeyed() }
    func singleValueContainer() -> any SingleValueEncodingContainer { Single(node: node) }
}

extension TypedValueEncoder {
    /// A value that is being made.
    fileprivate final class Node {
        enum Content {
            case nothing
            case value(TypedValue)
            case object([String: Node])
            case array([Node])
        }

        var content = Content.nothing
        private var isUnusual = false

        /// - Throws: for what encoded nothing, which `JSONEncoder` has a rule for.
        var value: TypedValue {
            get throws {
                guard !isUnusual else { throw Unusual() }
                switch content {
                case .nothing: throw Unusual()
                case .value(let value): return value
                case .object(let members): return .object(try members.mapValues { try $0.value })
                case .array(let elements): return .array(try elements.map { try $0.value })
                }
            }
        }

        func set(_ value: some Encodable) throws {
            switch value {
            case let value as TypedValue: content = .value(value)
            // Types that `JSONEncoder` has a form of its own for, and keys that are no texts.
            case is Data, is Date, is URL, is Decimal, is Double, is Float: throw Unusual()
            default:
                let encoder = TypedValueEncoder()
                try value.encode(to: encoder)
                content = encoder.node.content
                isUnusual = encoder.node.isUnusual
            }
        }

        /// For classes that encode what they inherit: none of Hover's does.
        func leaveToFoundation() -> any Encoder {
            isUnusual = true
            return TypedValueEncoder()
        }

        func keyed<Key: CodingKey>() -> KeyedEncodingContainer<Key> {
            if case .object = content {} else { content = .object([:]) }
            return KeyedEncodingContainer(Keyed<Key>(node: self))
        }

        func unkeyed() -> Unkeyed {
            if case .array = content {} else { content = .array([]) }
            return Unkeyed(node: self)
        }

        func member(_ key: any CodingKey) -> Node {
            let member = Node()
            if case .object(var members) = content {
                content = .nothing
                members[key.stringValue] = member
                content = .object(members)
            }
            return member
        }

        func element() -> Node {
            let element = Node()
            if case .array(var elements) = content {
                content = .nothing
                elements.append(element)
                content = .array(elements)
            }
            return element
        }
    }

    fileprivate struct Unusual: Error {}

    fileprivate struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let node: Node
        var codingPath: [any CodingKey] { [] }

        mutating func encodeNil(forKey key: Key) throws { node.member(key).content = .value(.null) }
        mutating func encode(_ value: some Encodable, forKey key: Key) throws { try node.member(key).set(value) }

        mutating func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Nested> { node.member(key).keyed() }

        mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            node.member(key).unkeyed()
        }

        mutating func superEncoder() -> any Encoder { node.leaveToFoundation() }
        mutating func superEncoder(forKey key: Key) -> any Encoder { node.leaveToFoundation() }
    }

    fileprivate struct Unkeyed: UnkeyedEncodingContainer {
        let node: Node
        var codingPath: [any CodingKey] { [] }
        var count: Int { if case .array(let elements) = node.content { elements.count } else { 0 } }

        mutating func encodeNil() throws { node.element().content = .value(.null) }
        mutating func encode(_ value: some Encodable) throws { try node.element().set(value) }

        mutating func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type
        ) -> KeyedEncodingContainer<Nested> { node.element().keyed() }

        mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { node.element().unkeyed() }
        mutating func superEncoder() -> any Encoder { node.leaveToFoundation() }
    }

    fileprivate struct Single: SingleValueEncodingContainer {
        let node: Node
        var codingPath: [any CodingKey] { [] }

        mutating func encodeNil() throws { node.content = .value(.null) }
        mutating func encode(_ value: Bool) throws { node.content = .value(.bool(value)) }
        mutating func encode(_ value: String) throws { node.content = .value(.string(value)) }
        mutating func encode(_ value: Double) throws { throw Unusual() }
        mutating func encode(_ value: Float) throws { throw Unusual() }
        mutating func encode(_ value: Int) throws { set(value) }
        mutating func encode(_ value: Int8) throws { set(value) }
        mutating func encode(_ value: Int16) throws { set(value) }
        mutating func encode(_ value: Int32) throws { set(value) }
        mutating func encode(_ value: Int64) throws { set(value) }
        mutating func encode(_ value: UInt) throws { set(value) }
        mutating func encode(_ value: UInt8) throws { set(value) }
        mutating func encode(_ value: UInt16) throws { set(value) }
        mutating func encode(_ value: UInt32) throws { set(value) }
        mutating func encode(_ value: UInt64) throws { set(value) }
        mutating func encode(_ value: some Encodable) throws { try node.set(value) }

        private func set(_ value: some FixedWidthInteger) { node.content = .value(TypedValue(value)) }
    }
}
