// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HoverAPI
import Testing

@testable import RESTServer

/// Packets as JSON.
@Suite struct PacketTests {
    @Test(arguments: [
        (0 as Int64, 0 as UInt64, "1970-01-01T00:00:00.000000000Z"),
        (1_767_225_600_000_000_000, 1, "2026-01-01T00:00:00.000000001Z"),
        (1_767_225_599_000_000_000, 999_999_999, "2025-12-31T23:59:59.999999999Z"),
        (951_782_400_000_000_000, 120_000_000_000, "2000-02-29T00:02:00.000000000Z"),
    ])
    func timesAreOfTheDay(start: Int64, monotonic: UInt64, text: String) {
        #expect(WallClock(start: start).text(of: monotonic) == text)
    }

    @Test func onePacketOrMore() throws {
        let one = #"{"port":1,"direction":"in","bytes":"AAAA"}"#
        #expect(try Call(body: Data(one.utf8)).decodeOneOrMore(PacketRequest.self).count == 1)
        #expect(try Call(body: Data("[\(one),\(one)]".utf8)).decodeOneOrMore(PacketRequest.self).count == 2)
        #expect(try Call(body: Data("[]".utf8)).decodeOneOrMore(PacketRequest.self).isEmpty)
    }

    @Test(arguments: [
        (#"[{"port":1,"direction":"up","bytes":""}]"#, #"[0].direction: expected in or out, found "up""#),
        (#"{"port":0,"direction":"in","bytes":""}"#, "port: expected an integer from 1 to 1000, found 0"),
        (#"{"direction":"in","bytes":""}"#, "port: expected an integer from 1 to 1000, found nothing"),
        (#"[1]"#, "[0]: expected an object, found an integer"),
        (#"1"#, "the body: expected an object, found an integer"),
    ])
    func bodiesThatDoNotFit(body: String, message: String) {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(body.utf8)).decodeOneOrMore(PacketRequest.self)
        }
        #expect(error?.message == message)
    }

    @Test func bytesThatAreNotBase64() {
        let error = #expect(throws: HoverError.self) {
            _ = try PacketOutRequest(PacketRequest(port: 1, direction: .in, bytes: "%"))
        }
        #expect(error?.message == "bytes: expected base64, found other characters or a wrong length")
    }

    @Test func theLimitsAreThoseOfTheDataPlane() {
        #expect(throws: (any Error).self) { try Schema.reference("SlowPathUpdate").check(["rate": 0]) }
        #expect(throws: (any Error).self) { try Schema.reference("SlowPathUpdate").check(["snap_length": 13]) }
        #expect(throws: Never.self) { try Schema.reference("SlowPathUpdate").check(["snap_length": 14, "rate": 1]) }
    }
}
