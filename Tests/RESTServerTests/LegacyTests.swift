// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import Testing
import TypedValue

@testable import RESTServer

/// The original Hover's forms of keys, values and answers.
@Suite struct LegacyTests {
    private static let u8 = TypeShape.integer(size: 1, signed: false)
    private static let u16 = TypeShape.integer(size: 2, signed: false)
    private static let u32 = TypeShape.integer(size: 4, signed: false)
    private static let s32 = TypeShape.integer(size: 4, signed: true)

    /// `struct match { u32 src; u16 port; u8 pad[2]; struct { u32 a; } inner; }`
    private static let structure = TypeShape.structure(
        name: "match", size: 12, isUnion: false,
        members: [
            .init(name: "src", offset: 0, shape: u32), .init(name: "port", offset: 4, shape: u16),
            .init(name: "pad", offset: 6, shape: .bytes(count: 2)),
            .init(
                name: "inner", offset: 8,
                shape: .structure(
                    name: "", size: 4, isUnion: false, members: [.init(name: "a", offset: 0, shape: u32)])),
        ])

    /// `struct { u32 low: 4; u32 high: 12; u32 value; }`
    private static let fields = TypeShape.structure(
        name: "fields", size: 8, isUnion: false,
        members: [
            .init(name: "low", offset: 0, bitOffset: 0, bitSize: 4, shape: u32),
            .init(name: "high", offset: 0, bitOffset: 4, bitSize: 12, shape: u32),
            .init(name: "value", offset: 4, shape: u32),
        ])

    @Test(
        arguments: [
            (u32, [5, 0, 0, 0], "0x5"), (u32, [0, 0, 0, 0], "0x0"), (s32, [0xff, 0xff, 0xff, 0xff], "0xffffffff"),
            (TypeShape.integer(size: 8, signed: false), [1, 0, 0, 0, 0, 0, 0, 0x80], "0x8000000000000001"),
            (.formatted(.ipv4), [127, 0, 0, 1], "0x100007f"), (.formatted(.bigEndian(size: 2)), [0, 80], "0x5000"),
            (.formatted(.mac), [2, 0, 0, 0, 0, 1], "[ 0x2 0x0 0x0 0x0 0x0 0x1 ]"), (.boolean, [1], "0x1"),
            (.formatted(.prefix4), [8, 0, 0, 0, 10, 0, 0, 0], "{ 0x8 0xa }"),
            (.array(of: u16, count: 2), [1, 0, 2, 0], "[ 0x1 0x2 ]"), (.characters(count: 2), [65, 0], "[ 0x41 0x0 ]"),
            (structure, [1, 0, 0, 0, 2, 0, 0, 3, 4, 0, 0, 0], "{ 0x1 0x2 [ 0x0 0x3 ] { 0x4 } }"),
            (fields, [0x31, 0x02, 0, 0, 7, 0, 0, 0], "{ 0x1 0x23 0x7 }"),
            (.array(of: .array(of: u8, count: 2), count: 2), [1, 2, 3, 4], "[ [ 0x1 0x2 ] [ 0x3 0x4 ] ]"),
        ] as [(TypeShape, [UInt8], String)])
    func valuesAreWrittenAndRead(shape: TypeShape, bytes: [UInt8], text: String) {
        #expect(LegacyValues.text(of: bytes, shape) == text)
        #expect(LegacyValues.bytes(of: text, shape) == bytes)
    }

    @Test(
        arguments: [
            (u32, "5", [5, 0, 0, 0]), (u32, " 010", [8, 0, 0, 0]), (u32, "-1", [0xff, 0xff, 0xff, 0xff]),
            (s32, "0xFFFFFFFF", [0xff, 0xff, 0xff, 0xff]), (u32, "7 and more", [7, 0, 0, 0]),
            (structure, "{ 1 2 [0 3] {4}}", [1, 0, 0, 0, 2, 0, 0, 3, 4, 0, 0, 0]),
            (.characters(count: 4), "\"eth\"", [101, 116, 104, 0]),
        ] as [(TypeShape, String, [UInt8])])
    func otherFormsAreRead(shape: TypeShape, text: String, bytes: [UInt8]) {
        #expect(LegacyValues.bytes(of: text, shape) == bytes)
    }

    @Test(
        arguments: [
            (u32, ""), (u32, "x"), (u32, "0x"), (u32, "-"), (u32, "0x100000000"), (u32, "-2147483649"), (u32, "089"),
            (structure, "{ 1 2 }"), (structure, "1 2 [0 0] { 4 }"), (structure, "{ 1 0x10000 [ 0 0 ] { 4 } }"),
            (fields, "{ 0x10 0x0 0x0 }"), (.characters(count: 2), "\"eth\""), (.array(of: u8, count: 2), "[ 1 ]"),
            (.array(of: u8, count: 2), "[ 1 2 3 ]"),
            (u32, "999999999999999999999999999999999999999999999"),
        ] as [(TypeShape, String)])
    func whatDoesNotFitIsNotRead(shape: TypeShape, text: String) {
        #expect(LegacyValues.bytes(of: text, shape) == nil)
    }

    @Test func unionsAreTheirLargestMember() {
        let union = TypeShape.structure(
            name: "u", size: 4, isUnion: true,
            members: [.init(name: "a", offset: 0, shape: Self.u8), .init(name: "b", offset: 0, shape: Self.u32)])
        #expect(LegacyValues.text(of: [1, 2, 0, 0], union) == "{ 0x201 }")
        #expect(LegacyValues.bytes(of: "{ 0x201 }", union) == [1, 2, 0, 0])
    }

    @Test(
        arguments: [
            (u32, "\"unsigned int\""), (s32, "\"int\""), (TypeShape.formatted(.ipv4), "\"unsigned int\""),
            (
                structure,
                #"["match",[["src","unsigned int"],["port","unsigned short"],["pad","unsigned char",[2]],"#
                    + #"["inner",["",[["a","unsigned int"]],"struct"]]],"struct"]"#
            ),
            (
                fields,
                #"["fields",[["low","unsigned int",4],["high","unsigned int",12],["value","unsigned int"]],"struct"]"#
            ),
        ] as [(TypeShape, String)])
    func layoutsAreDescribedAsBCCDid(shape: TypeShape, text: String) {
        #expect(LegacyValues.layout(of: shape) == text)
    }

    @Test func nodePaths() throws {
        #expect(try LegacyLinks.node("i:eth1") == "i:eth1")
        #expect(try LegacyLinks.node("external_interfaces:eth1") == "i:eth1")
        #expect(try LegacyLinks.node("m:12:3") == "m:12:3")
        #expect(try LegacyLinks.node("modules:12") == "m:12")
        #expect(try LegacyLinks.node("modules:m:12") == "m:12")
        for (path, message) in [
            ("eth1", "Malformed node path \"eth1\""), ("b:br0", "Unknown node path prefix \"b\""),
        ] {
            let error = #expect(throws: HoverError.self) { try LegacyLinks.node(path) }
            #expect(error?.message == message)
        }
    }

    @Test func bodiesAreReadAsGoDid() throws {
        let body = try LegacyBody(
            Call(body: Data(#"{"display_name":"a","tags":null,"more":1,"config":{"Code":"int x;"}}"#.utf8)))
        #expect(try body.text("display_name") == "a")
        #expect(try body.text("module_type") == "")
        #expect(try body.texts("tags") == [])
        let config = try body.object("config")
        #expect(try config.text(config.name(like: "code")) == "int x;")
        for wrong in [#"{"tags":"a"}"#, #"{"tags":[1]}"#] {
            #expect(throws: HoverError.self) { try LegacyBody(Call(body: Data(wrong.utf8))).texts("tags") }
        }
        for wrong in ["", "[]", "{", #"{"config":1}"#] {
            #expect(throws: HoverError.self) { try LegacyBody(Call(body: Data(wrong.utf8))).object("config") }
        }
    }

    @Test func errorsAreText() {
        let answer = LegacyAnswer.response(to: HoverError(.compile, "the source does not compile", log: "m.c:1:2: no"))
        #expect(answer.status == .badRequest)
        #expect(answer.headers[.contentType] == "text/plain; charset=utf-8")
        #expect(answer.headers[.accessControlAllowOrigin] == "*")
        for kind in HoverError.Kind.allCases {
            let status = LegacyAnswer.response(to: HoverError(kind, "")).status
            #expect(status == (kind == .notFound ? .notFound : .badRequest))
        }
    }
}
