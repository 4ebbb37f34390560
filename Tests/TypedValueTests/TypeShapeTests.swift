// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import TypedValue

private let u8 = TypeShape.integer(size: 1, signed: false)
private let u16 = TypeShape.integer(size: 2, signed: false)
private let u32 = TypeShape.integer(size: 4, signed: false)
private let color = TypeShape.enumeration(
    size: 4, signed: true, names: [.init(name: "RED", value: 1), .init(name: "NONE", value: -1)])

/// `struct key { u8 a; be32 ip; enum color c; }` without padding after `c`.
private let key = TypeShape.structure(
    name: "key", size: 12, isUnion: false,
    members: [
        .init(name: "a", offset: 0, shape: u8),
        .init(name: "ip", offset: 4, shape: .formatted(.ipv4)),
        .init(name: "c", offset: 8, shape: color),
    ])

@Suite struct TypeShapeTests {
    /// A shape, memory of it, the value and the text that stand for it.
    struct Case: Sendable, CustomTestStringConvertible {
        let shape: TypeShape
        let bytes: [UInt8]
        let value: TypedValue
        let text: String
        var testDescription: String { text }

        init(_ shape: TypeShape, _ bytes: [UInt8], _ value: TypedValue, _ text: String) {
            self.shape = shape
            self.bytes = bytes
            self.value = value
            self.text = text
        }
    }

    static let cases: [Case] = [
        Case(u8, [255], 255, "255"),
        Case(.integer(size: 1, signed: true), [0xff], -1, "-1"),
        Case(u32, [1, 2, 0, 0], 513, "513"),
        Case(.integer(size: 8, signed: true), [0, 0, 0, 0, 0, 0, 0, 0x80], .signed(.min), "-9223372036854775808"),
        Case(.integer(size: 8, signed: false), Array(repeating: 255, count: 8), .unsigned(.max), "\(UInt64.max)"),
        Case(
            .integer(size: 16, signed: false), Array(repeating: 255, count: 16), TypedValue(UInt128.max),
            "\(UInt128.max)"),
        Case(.integer(size: 16, signed: true), Array(repeating: 255, count: 16), -1, "-1"),
        Case(.boolean, [1], true, "true"),
        Case(color, [1, 0, 0, 0], "RED", "RED"),
        Case(color, [255, 255, 255, 255], "NONE", "NONE"),
        Case(color, [7, 0, 0, 0], 7, "7"),
        Case(.characters(count: 4), [97, 98, 0, 0], "ab", "ab"),
        Case(.characters(count: 2), [97, 98], "ab", "ab"),
        Case(.characters(count: 2), [0, 0], "", ""),
        Case(.characters(count: 3), [97, 0, 98], [97, 0, 98], "[97,0,98]"),
        Case(.characters(count: 2), [0xff, 0], [255, 0], "[255,0]"),
        Case(.characters(count: 4), Array("\"a\"".utf8) + [0], "\"a\"", "\"\\\"a\\\"\""),
        Case(.bytes(count: 2), [10, 11], "0a0b", "0a0b"),
        Case(.formatted(.bigEndian(size: 2)), [1, 2], 258, "258"),
        Case(.formatted(.ipv4), [10, 0, 0, 1], "10.0.0.1", "10.0.0.1"),
        Case(.formatted(.mac), [2, 0, 0, 0, 0, 0xab], "02:00:00:00:00:ab", "02:00:00:00:00:ab"),
        Case(.formatted(.prefix4), [8, 0, 0, 0, 10, 0, 0, 0], "10.0.0.0/8", "10.0.0.0/8"),
        Case(.formatted(.prefix4), [0, 0, 0, 0, 10, 0, 0, 1], "10.0.0.1/0", "10.0.0.1/0"),
        Case(
            .formatted(.prefix6), [128, 0, 0, 0, 0x20, 1] + [UInt8](repeating: 0, count: 13) + [1], "2001::1/128",
            "2001::1/128"),
        Case(.array(of: u16, count: 2), [1, 0, 2, 0], [1, 2], "[1,2]"),
        Case(
            key, [5, 0, 0, 0, 10, 0, 0, 1, 1, 0, 0, 0], ["a": 5, "ip": "10.0.0.1", "c": "RED"],
            #"{"a":5,"c":"RED","ip":"10.0.0.1"}"#),
    ]

    @Test(arguments: cases)
    func memoryValueAndTextAgree(_ sample: Case) throws {
        #expect(sample.shape.size == sample.bytes.count)
        #expect(try sample.shape.decode(sample.bytes) == sample.value)
        #expect(try sample.shape.encode(sample.value) == sample.bytes)
        #expect(sample.shape.text(of: sample.value) == sample.text)
        #expect(try sample.shape.parse(text: sample.text) == sample.value)
        let json = try JSONEncoder().encode(sample.shape)
        #expect(try JSONDecoder().decode(TypeShape.self, from: json) == sample.shape)
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("::1:2", "::1:2"), ("fe80::", "fe80::"),
    ])
    func ipv6(_ written: String, _ canonical: String) throws {
        #expect(try TypeShape.formatted(.ipv6).parse(text: written) == .string(canonical))
    }

    @Test func othersWaysToWriteTheSame() throws {
        #expect(try u32.parse(text: "0x10") == 16)
        #expect(try u32.encode("16") == [16, 0, 0, 0])
        #expect(try color.parse(text: "1") == "RED")
        #expect(try TypeShape.bytes(count: 2).encode([10, 11]) == [10, 11])
        #expect(try TypeShape.bytes(count: 2).parse(text: "0x0A0B") == "0a0b")
        #expect(try TypeShape.boolean.encode(1) == [1])
        #expect(try TypeShape.formatted(.mac).parse(text: "AA-BB-CC-DD-EE-FF") == "aa:bb:cc:dd:ee:ff")
        #expect(try TypeShape.characters(count: 4).parse(text: "\"ab\"") == "ab")
        #expect(try TypeShape.formatted(.bigEndian(size: 2)).encode("0x0102") == [1, 2])
    }

    @Test(
        arguments: [
            (u8, 256, "expected an integer from 0 to 255, found 256"),
            (u8, -1, "expected an integer from 0 to 255, found -1"),
            (u8, "x", "expected an integer from 0 to 255, found \"x\""),
            (.integer(size: 1, signed: true), -129, "expected an integer from -128 to 127, found -129"),
            (.boolean, 2, "expected true or false, found 2"),
            (color, "BLUE", "expected a number or one of RED, NONE, found \"BLUE\""),
            (.characters(count: 2), "abc", "expected text of at most 2 bytes, or 2 numbers, found \"abc\""),
            (.bytes(count: 2), "0a0", "expected 4 hexadecimal digits, or 2 numbers, found \"0a0\""),
            (.formatted(.ipv4), "10.0.0", "expected an IPv4 address, found \"10.0.0\""),
            (.formatted(.ipv4), "010.0.0.1", "expected an IPv4 address, found \"010.0.0.1\""),
            (.formatted(.mac), "aa:bb:cc:dd:ee:f", "expected a MAC address, found \"aa:bb:cc:dd:ee:f\""),
            (
                .formatted(.prefix4), "10.0.0.0/33",
                "expected an IPv4 prefix, such as 10.0.0.0/8, found \"10.0.0.0/33\""
            ),
            (.formatted(.prefix4), "10.0.0.0", "expected an IPv4 prefix, such as 10.0.0.0/8, found \"10.0.0.0\""),
            (
                .formatted(.prefix6), "2001::/+8", "expected an IPv6 prefix, such as 2001:db8::/32, found \"2001::/+8\""
            ),
            (.array(of: u8, count: 2), [1], "expected an array of 2, found an array of 1"),
            (.array(of: u8, count: 2), [1, 256], "[1]: expected an integer from 0 to 255, found 256"),
            (key, ["a": 1, "ip": "1.2.3.4"], "c: expected a number or one of RED, NONE, found nothing"),
            (key, ["b": 1], "expected an object with a, ip, c, found a member \"b\""),
            (key, 5, "expected an object with a, ip, c, found 5"),
            (key, ["a": 1, "ip": "1.2.3", "c": 1], "ip: expected an IPv4 address, found \"1.2.3\""),
        ] as [(TypeShape, TypedValue, String)])
    func whatDoesNotFit(_ shape: TypeShape, _ value: TypedValue, _ message: String) {
        let error = #expect(throws: TypeMismatch.self) { try shape.encode(value) }
        #expect(error?.description == message)
    }

    @Test func memoryOfAnotherSize() {
        let error = #expect(throws: TypeMismatch.self) { try key.decode([1, 2]) }
        #expect(error?.description == "expected 12 bytes, found 2")
    }

    @Test func hostileShapes() throws {
        let beyond = TypeShape.structure(
            name: "s", size: 1, isUnion: false, members: [.init(name: "m", offset: 1, shape: u8)])
        #expect(throws: TypeMismatch.self) { try beyond.decode([0]) }
        #expect(throws: TypeMismatch.self) { try beyond.encode(["m": 1]) }
        let huge = TypeShape.array(of: .array(of: .array(of: u8, count: .max), count: .max), count: 2)
        #expect(throws: TypeMismatch.self) { try huge.decode([]) }
        let holdsHuge = TypeShape.structure(
            name: "s", size: 1, isUnion: false, members: [.init(name: "m", offset: 0, shape: huge)])
        #expect(throws: TypeMismatch.self) { try holdsHuge.encode([:]) }
        for json in [#"{"type":"integer","size":3,"signed":true}"#, #"{"type":"bytes","count":-1}"#, #"{"type":"x"}"#] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(TypeShape.self, from: Data(json.utf8)) }
        }
    }

    @Test func schemaIsReadable() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        #expect(
            String(decoding: try encoder.encode(key), as: UTF8.self) == """
                {"members":[{"name":"a","offset":0,"type":{"signed":false,"size":1,"type":"integer"}},\
                {"name":"ip","offset":4,"type":{"type":"ipv4"}},\
                {"name":"c","offset":8,"type":{"names":[{"name":"RED","value":1},{"name":"NONE","value":-1}],\
                "signed":true,"size":4,"type":"enumeration"}}],"name":"key","size":12,"type":"structure"}
                """)
    }
}

@Suite struct StructureTests {
    /// `struct { u32 low : 3; s32 middle : 7; u32 : 2; u64 wide : 33; }`, the last across nine bits of a byte's edge.
    private let fields = TypeShape.structure(
        name: "f", size: 8, isUnion: false,
        members: [
            .init(name: "low", offset: 0, bitOffset: 0, bitSize: 3, shape: u32),
            .init(name: "middle", offset: 0, bitOffset: 3, bitSize: 7, shape: .integer(size: 4, signed: true)),
            .init(name: "wide", offset: 1, bitOffset: 4, bitSize: 33, shape: .integer(size: 8, signed: false)),
        ])

    @Test func bitFields() throws {
        let value: TypedValue = ["low": 5, "middle": -64, "wide": 0x1_8000_0001]
        let bytes = try fields.encode(value)
        #expect(bytes == [0b00000_101, 0b0001_00_10, 0, 0, 0, 0b0001_1000, 0, 0])
        #expect(try fields.decode(bytes) == value)
    }

    @Test(
        arguments: [
            (["low": 8, "middle": 0, "wide": 0], "low: expected an integer from 0 to 7, found 8"),
            (["low": 0, "middle": 64, "wide": 0], "middle: expected an integer from -64 to 63, found 64"),
            (["low": 0, "middle": -65, "wide": 0], "middle: expected an integer from -64 to 63, found -65"),
        ] as [(TypedValue, String)])
    func bitFieldsAreChecked(_ value: TypedValue, _ message: String) {
        let error = #expect(throws: TypeMismatch.self) { try fields.encode(value) }
        #expect(error?.description == message)
    }

    private let either = TypeShape.structure(
        name: "u", size: 4, isUnion: true,
        members: [
            .init(name: "word", offset: 0, shape: u32),
            .init(
                name: "pair", offset: 0,
                shape: .structure(
                    name: "", size: 4, isUnion: false,
                    members: [.init(name: "x", offset: 0, shape: u8), .init(name: "y", offset: 2, shape: u16)])),
        ])

    @Test func unions() throws {
        #expect(try either.decode([1, 9, 2, 0]) == ["word": 0x20901, "pair": ["x": 1, "y": 2]])
        #expect(try either.encode(["pair": ["x": 1, "y": 2]]) == [1, 0, 2, 0])
        #expect(try either.encode(["word": 7]) == [7, 0, 0, 0])
        // What was read can be written, although `pair` does not know the byte of its padding.
        #expect(try either.encode(either.decode([1, 9, 2, 0])) == [1, 9, 2, 0])
        let error = #expect(throws: TypeMismatch.self) { try either.encode(["word": 7, "pair": ["x": 1, "y": 2]]) }
        #expect(error?.path == "pair")
    }

    /// `struct { union { u32 word; u8 first; }; u8 last; }`
    @Test func membersOfAnAnonymousUnion() throws {
        let shape = TypeShape.structure(
            name: "s", size: 8, isUnion: false,
            members: [
                .init(name: "word", offset: 0, shape: u32), .init(name: "first", offset: 0, shape: u8),
                .init(name: "last", offset: 4, shape: u8),
            ])
        #expect(try shape.encode(["first": 1, "last": 2]) == [1, 0, 0, 0, 2, 0, 0, 0])
        #expect(try shape.encode(["word": 258, "last": 2]) == [2, 1, 0, 0, 2, 0, 0, 0])
        let error = #expect(throws: TypeMismatch.self) { try shape.encode(["last": 2]) }
        #expect(error?.path == "word")
    }
}
