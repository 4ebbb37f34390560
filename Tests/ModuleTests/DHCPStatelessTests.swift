// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

@Suite struct DHCPStatelessTests {
    private static func server() throws -> StatelessServer {
        let config = try DHCPRig.config(
            #"""
            "ipv6": {"dns": ["2001:db8::53", "fd00::1"], "domain_search": "home.example", "ntp": "2001:db8::123",
                     "refresh_time": 3600}
            """#)
        return StatelessServer(config: try #require(config.ipv6), mac: config.mac)
    }

    private static func request(_ options: [UInt8] = [0, 23, 0, 24, 0, 31, 0, 32, 0, 56]) -> DHCPv6Message {
        var message = DHCPv6Message(.informationRequest, transaction: 0x123456)
        message.append(.client, [0, 3, 0, 1, 2, 0, 0, 0, 0, 1])
        message.append(.optionRequest, options)
        return message
    }

    @Test func tellsWhatIsAskedFor() throws {
        let server = try Self.server()
        let (reply, event) = server.answer(Self.request(), isMulticast: true)
        let bytes = try #require(reply).bytes
        let read = try DHCPv6Message(bytes)
        #expect(event == .informationRequest)
        #expect(read.kind == .reply)
        #expect(read.transaction == 0x123456)
        #expect(read[.client] == [0, 3, 0, 1, 2, 0, 0, 0, 0, 1])
        #expect(read[.server] == [0, 3, 0, 1, 0xb6, 0x87, 0xf8, 0x5a, 0x40, 0x23])
        #expect(read[.dns] == (IPAddress("2001:db8::53")?.bytes ?? []) + (IPAddress("fd00::1")?.bytes ?? []))
        #expect(read[.domainSearch] == [4] + Array("home".utf8) + [7] + Array("example".utf8) + [0])
        #expect(read[.sntp] == IPAddress("2001:db8::123")?.bytes)
        #expect(read[.ntp] == [0, 1, 0, 16] + (IPAddress("2001:db8::123")?.bytes ?? []))
        #expect(read[.informationRefreshTime] == [0, 0, 14, 16])
    }

    @Test func leavesOutWhatIsNotAskedFor() throws {
        let (reply, _) = try Self.server().answer(Self.request([0, 23]), isMulticast: true)
        #expect(reply?.options.map(\.code) == [.server, .client, .dns])
    }

    @Test func answersOnlyWhatIsForIt() throws {
        let server = try Self.server()
        #expect(server.answer(Self.request(), isMulticast: false).reply == nil)
        var addressed = Self.request()
        addressed.append(.server, server.identifier)
        #expect(server.answer(addressed, isMulticast: true).reply != nil)
        var other = Self.request()
        other.append(.server, [0, 3, 0, 1, 1, 1, 1, 1, 1, 1])
        #expect(server.answer(other, isMulticast: true).event == .otherServer)
        // RFC 8415, section 16.12.
        var withAddresses = Self.request()
        withAddresses.append(.nonTemporaryAddresses, [UInt8](repeating: 0, count: 12))
        #expect(server.answer(withAddresses, isMulticast: true).event == .malformed)
        for kind in DHCPv6Message.Kind.allCases where kind != .informationRequest {
            #expect(server.answer(DHCPv6Message(kind, transaction: 1), isMulticast: true).reply == nil)
        }
        #expect(server.answer(DHCPv6Message(.solicit, transaction: 1), isMulticast: true).event == .noAddresses)
    }
}
