// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import TypedValue

/// The quick way to read JSON beside Foundation's.
@Suite struct JSONReaderTests {
    @Test(arguments: [
        "", " ", "{", "{\"a\":1,\"a\":2}", "01", "-0", "-1", "1.5", "1.0", "1e3", "[1,]", "{\"a\" 1}", "tru", "null",
        "\"\\u00e9\"", "\"\\x\"", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
        "-9223372036854775807", "[1 2]", "nulll", "\"a\u{1}\"", " { \"a\" : [ true , false ] } ", "-", "[[[[]]]]",
        "\"é\\n\\/\\\"\"", "\"", "[", "{\"a\"}", "1 2", String(repeating: "[", count: 1000),
    ])
    func readsNothingOtherwise(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard let read = bytes.withUnsafeBufferPointer({ JSONReader.value(of: $0) }) else { return }
        #expect(try JSONDecoder().decode(TypedValue.self, from: Data(bytes)) == read)
    }

    @Test func readsWhatIsUsual() throws {
        let text = #"{"a": [1, -2, "x\ty", null, true, {"b": {}}, [], 18446744073709551615]}"#
        let read = Array(text.utf8).withUnsafeBufferPointer { JSONReader.value(of: $0) }
        #expect(read == ["a": [1, -2, "x\ty", .null, true, ["b": [:]], [], 18_446_744_073_709_551_615]])
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

    @Test func encodesAsFoundationDoes() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var value = Everything()
        value.set = [7]
        value.config["text"] = "a/b \"é\"\n"
        #expect(try encodeJSON(value) == encoder.encode(value), "what is unusual is left to it")
        (value.data, value.fraction) = (nil, nil)
        #expect(try encodeJSON(value) == encoder.encode(value))
        #expect(
            try TypedValueEncoder.encode(value).description == String(decoding: encoder.encode(value), as: UTF8.self))
        #expect(try encodeJSON([String?.none, "x"]) == encoder.encode([String?.none, "x"]))
        #expect(try encodeJSON(5) == encoder.encode(5))
    }

    @Test func decodesWhatWasEncoded() throws {
        let value = Everything()
        let data = try JSONEncoder().encode(value)
        #expect(try decodeJSON(Everything.self, from: data) == value)
        let simple = ["a": TypedValue.array([1, "x"]), "b": ["c": .null]]
        #expect(try TypedValue.object(simple).decode([String: TypedValue].self) == simple)
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
