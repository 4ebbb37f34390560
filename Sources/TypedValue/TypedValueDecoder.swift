// SPDX-License-Identifier: Apache-2.0

import Foundation

extension TypedValue {
    /// Makes a type of a value that was read already. What it says of errors is little: `JSONDecoder` says more.
    public func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try TypedValueDecoder(value: self, codingPath: []).decode(type)
    }
}

/// Decodes what a `TypedValue` says.
struct TypedValueDecoder: Decoder {
    let value: TypedValue
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = value else { throw mismatch([String: TypedValue].self) }
        return KeyedDecodingContainer(Keyed(decoder: self, members: members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw mismatch([TypedValue].self) }
        return Unkeyed(decoder: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(decoder: self) }

    fileprivate func mismatch(_ type: Any.Type) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "there is \(value)"))
    }

    fileprivate func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        // Types that `JSONDecoder` has a form of its own for.
        guard type != Data.self, type != Date.self, type != URL.self, type != Decimal.self else {
            throw mismatch(type)
        }
        return try (value as? Value) ?? Value(from: self)
    }

    fileprivate func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        let number: Value? =
            switch value {
            case .unsigned(let number): Value(exactly: number)
            case .signed(let number): Value(exactly: number)
            default: nil
            }
        guard let number else { throw mismatch(type) }
        return number
    }

    fileprivate func at(_ key: any CodingKey, _ value: TypedValue) -> TypedValueDecoder {
        TypedValueDecoder(value: value, codingPath: codingPath + [key])
    }
}

extension TypedValueDecoder {
    fileprivate struct Index: CodingKey {
        let intValue: Int?
        var stringValue: String { "\(intValue ?? 0)" }

        init(intValue: Int) { self.intValue = intValue }
        init?(stringValue: String) { nil }
    }

    fileprivate struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let decoder: TypedValueDecoder
        let members: [String: TypedValue]
        var codingPath: [any CodingKey] { decoder.codingPath }
        var allKeys: [Key] { members.keys.compactMap { Key(stringValue: $0) } }

        func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

        private func value(_ key: Key) throws -> TypedValueDecoder {
            guard let value = members[key.stringValue] else {
                throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: ""))
            }
            return decoder.at(key, value)
        }

        func decodeNil(forKey key: Key) throws -> Bool { try value(key).value == .null }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            try value(key).decode(type)
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> {
            try value(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try value(key).unkeyedContainer()
        }

        func superDecoder() throws -> any Decoder { decoder }
        func superDecoder(forKey key: Key) throws -> any Decoder { try value(key) }
    }

    fileprivate struct Unkeyed: UnkeyedDecodingContainer {
        let decoder: TypedValueDecoder
        let elements: [TypedValue]
        var currentIndex = 0
        var codingPath: [any CodingKey] { decoder.codingPath }
        var count: Int? { elements.count }
        var isAtEnd: Bool { currentIndex >= elements.count }

        private mutating func next() throws -> TypedValueDecoder {
            guard !isAtEnd else { throw decoder.mismatch(TypedValue.self) }
            defer { currentIndex += 1 }
            return decoder.at(Index(intValue: currentIndex), elements[currentIndex])
        }

        mutating func decodeNil() throws -> Bool {
            guard !isAtEnd, elements[currentIndex] == .null else { return false }
            currentIndex += 1
            return true
        }

        mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().decode(type) }

        mutating func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type
        ) throws -> KeyedDecodingContainer<Nested> {
            try next().container(keyedBy: type)
        }

        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
        mutating func superDecoder() throws -> any Decoder { try next() }
    }

    fileprivate struct Single: SingleValueDecodingContainer {
        let decoder: TypedValueDecoder
        var codingPath: [any CodingKey] { decoder.codingPath }

        func decodeNil() -> Bool { decoder.value == .null }

        func decode(_ type: Bool.Type) throws -> Bool {
            guard case .bool(let value) = decoder.value else { throw decoder.mismatch(type) }
            return value
        }

        func decode(_ type: String.Type) throws -> String {
            guard case .string(let value) = decoder.value else { throw decoder.mismatch(type) }
            return value
        }

        // Numbers with a fraction are left to `JSONDecoder`.
        func decode(_ type: Double.Type) throws -> Double { throw decoder.mismatch(type) }
        func decode(_ type: Float.Type) throws -> Float { throw decoder.mismatch(type) }
        func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
        func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
        func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
        func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
        func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
        func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
        func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
        func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
        func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
        func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.decode(type) }
    }
}
