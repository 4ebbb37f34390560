// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import TypedValue

/// JSON as all of Hover reads and writes it, beside `JSONDecoder` and `JSONEncoder`.
@Suite struct JSONTests {
    @Test(arguments: [
        "", " ", "{", "01", "-0", "-1", "1.5", "1.0", "1e3", "{\"a\" 1}", "tru", "null", "\"\\u00e9\"", "\"\\x\"",
        "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "[1 2]",
        "nulll", " { \"a\" : [ true , false ] } ", "-", "[1,]", "\"a\u{1}\"", "[[[[]]]]", "\"é\\n\\/\\\"\"", "\"", "[",
        "{\"a\"}", "1 2",
        "[0, 1, true, false]", String(repeating: "[", count: 1000),
    ])
    func readsNothingOtherwise(_ text: String) throws {
        let data = Data(text.utf8)
        #expect((try? TypedValue(json: data)) == (try? JSONDecoder().decode(TypedValue.self, from: data)))
    }

    @Test func readsAllKindsOfValues() throws {
        let value = try TypedValue(json: #"{"a": [1, -2, "x\ty", null, true, {"b": {}}, [], 18446744073709551615]}"#)
        #expect(value == ["a": [1, -2, "x\ty", .null, true, ["b": [:]], [], 18_446_744_073_709_551_615]])
    }

    @Test func ofMembersOfOneNameOneCounts() throws {
        #expect(try TypedValue(json: #"{"a": 1, "a": 2}"#) == ["a": 2])
    }

    private struct Everything: Codable, Hashable {
        enum Kind: String, Codable { case one, two }
        enum Case: Codable, Hashable { case number(Int8, at: String), text(String) }
        var kind = Kind.two
        var cases: [Case] = [.number(-3, at: "x"), .text("y")]
        var absent: Int?
        var config: [String: TypedValue] = ["a": [1, "b", .null], "c": -5]
        var numbered: [Int: Bool] = [7: true]
        var set: Set<UInt16> = [1, 65535]
        var data: Data? = Data([1, 2, 255])
        var fraction: Double? = 0.5
    }

    @Test func decodesWhatWasEncoded() throws {
        var value = Everything()
        #expect(
            try decodeJSON(Everything.self, from: encodeJSON(value)) == value, "what is unusual is left to Foundation")
        (value.data, value.fraction) = (nil, nil)
        let read = try TypedValue(json: encodeJSON(value))
        #expect(try read.decode(Everything.self) == value)
    }

    @Test(arguments: [#"{"kind": "three"}"#, #"{"kind": 5}"#, "[]", "{"])
    func saysWhatFoundationSays(_ text: String) {
        let ours = #expect(throws: DecodingError.self) { try decodeJSON(Everything.self, from: Data(text.utf8)) }
        let theirs = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Everything.self, from: Data(text.utf8))
        }
        #expect("\(String(describing: ours))" == "\(String(describing: theirs))")
    }
}
