// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import TypedValue

@Suite struct TypedValueTests {
    @Test func integersAreEqualByValue() {
        #expect(TypedValue.signed(5) == .unsigned(5))
        #expect(TypedValue.signed(5).hashValue == TypedValue.unsigned(5).hashValue)
        #expect(TypedValue.signed(-1) != .unsigned(.max))
        #expect(TypedValue(Int8(-3)) == .signed(-3))
        #expect(TypedValue(UInt128.max) == "340282366920938463463374607431768211455")
    }

    @Test(arguments: [
        "null", "true", "-9223372036854775808", "18446744073709551615", "\"a\\\"\\\\\\n\\u0001é😀\"", "[1,[],{}]",
        "{\"a\":{\"b\":[false,-1]},\"z\":\"\"}",
    ])
    func jsonComesBackAsItWas(_ json: String) throws {
        let value = try TypedValue(json: json)
        #expect(value.description == json)
        let encoded = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(TypedValue.self, from: encoded) == value)
    }

    @Test func integersAreNormalised() throws {
        guard case .array(let elements) = try TypedValue(json: "[5,-5]") else {
            Issue.record("no array")
            return
        }
        guard case .unsigned(5) = elements[0], case .signed(-5) = elements[1] else {
            Issue.record("\(elements)")
            return
        }
    }

    @Test(arguments: ["1.5", "[1,2.5]", "{\"a\":{\"b\":1e-3}}", "18446744073709551616", "{", "", "nan"])
    func otherNumbersAreRefused(_ json: String) {
        #expect(throws: DecodingError.self) { try TypedValue(json: json) }
    }

    @Test func errorNamesTheNestedPlace() {
        do {
            _ = try TypedValue(json: "{\"a\":[1,2.5]}")
            Issue.record("accepted")
        } catch DecodingError.dataCorrupted(let context) {
            #expect(context.codingPath.first?.stringValue == "a")
            #expect(context.codingPath.last?.intValue == 1)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func literals() {
        let value: TypedValue = ["n": 1, "list": [true, "x", -2]]
        #expect(value.description == "{\"list\":[true,\"x\",-2],\"n\":1}")
    }

    @Test func mismatchPath() {
        let mismatch = TypeMismatch(path: "", expected: "an IPv4 address", found: "\"10.0.0\"")
        #expect(mismatch.description == "expected an IPv4 address, found \"10.0.0\"")
        #expect(
            mismatch.inside("src").inside("[2]").inside("value").description
                == "value[2].src: expected an IPv4 address, found \"10.0.0\"")
    }
}
