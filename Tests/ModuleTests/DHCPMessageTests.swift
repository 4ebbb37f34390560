// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// The fixed part of a message of a client with a cookie, and then options as they are.
private func message(file: [UInt8] = [], serverName: [UInt8] = [], options: [UInt8]) -> [UInt8] {
    func padded(_ bytes: [UInt8], _ size: Int) -> [UInt8] { bytes + [UInt8](repeating: 0, count: size - bytes.count) }
    return [1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 3, 0x80, 0] + [UInt8](repeating: 0, count: 16)
        + padded([2, 0, 0, 0, 0, 1], 16) + padded(serverName, 64) + padded(file, 128) + [99, 130, 83, 99] + options
}

@Suite struct DHCPMessageTests {
    @Test func readsAllFieldsOfADiscover() throws {
        let parsed = try DHCPMessage(
            message(options: [53, 1, 1, 0, 61, 3, 1, 2, 3, 12, 2, 0x70, 0x63, 55, 2, 1, 3, 255, 12, 1, 0x61]))
        #expect(parsed.operation == .request)
        #expect(parsed.kind == .discover)
        #expect(parsed.transaction == 0xdead_beef)
        #expect(parsed.seconds == 3)
        #expect(parsed.wantsBroadcast)
        #expect(parsed.mac?.description == "02:00:00:00:00:01")
        #expect(parsed.options.text(.hostname) == "pc")
        #expect(parsed.options[.clientIdentifier] == [1, 2, 3])
        #expect(parsed.options.codes == [.messageType, .clientIdentifier, .hostname, .parameterRequestList])
    }

    @Test func isReadAsItWasWritten() throws {
        var message = DHCPMessage(.reply, transaction: 7, hardwareAddress: [2, 0, 0, 0, 0, 9])
        message.kind = .ack
        message.hops = 2
        message.seconds = 77
        message.wantsBroadcast = true
        message.clientAddress = try address("10.0.0.1")
        message.yourAddress = try address("10.0.0.2")
        message.nextServer = try address("10.0.0.3")
        message.relay = try address("10.0.0.4")
        message.bootFile = Array("pxelinux.0".utf8)
        message.serverName = Array("server".utf8)
        message.options.set(.dns, [try address("1.1.1.1"), try address("9.9.9.9")])
        message.options.set(.leaseTime, UInt32(3600))
        message.options.set(.mtu, UInt16(1492))
        let read = try DHCPMessage(message.bytes())
        #expect(read == message)
        #expect(read.options.addresses(.dns).map(\.description) == ["1.1.1.1", "9.9.9.9"])
        #expect(read.options.number(.leaseTime) == UInt32(3600))
        #expect(read.options.number(.mtu) == UInt16(1492))
    }

    @Test func repliesHaveTheSizeThatRelaysExpect() {
        #expect(DHCPMessage(.reply, transaction: 1, hardwareAddress: []).bytes().count == 300)
    }

    @Test func optionsGoOnInFileAndServerName() throws {
        let parsed = try DHCPMessage(
            message(
                file: [15, 3, 0x61, 0x2e, 0x62, 255], serverName: [12, 2, 0x70, 0x63, 52, 1, 3, 255],
                options: [53, 1, 3, 52, 1, 3, 255]))
        #expect(parsed.kind == .request)
        #expect(parsed.options.text(.domain) == "a.b")
        #expect(parsed.options.text(.hostname) == "pc")
        #expect(parsed.options[.overload] == nil)
        #expect(parsed.bootFile.isEmpty)
    }

    /// Option 52 within `file` would say that `file` holds options, without an end.
    @Test func overloadWithinOverloadDoesNotCount() throws {
        let parsed = try DHCPMessage(
            message(
                file: [52, 1, 3, 255], serverName: [12, 2, 0x70, 0x63, 255], options: [53, 1, 1, 52, 1, 1, 255]))
        #expect(parsed.options[.hostname] == nil)
        #expect(parsed.serverName.count == 5)
    }

    /// RFC 3396.
    @Test func anOptionThatComesAgainGoesOn() throws {
        let parsed = try DHCPMessage(
            message(options: [53, 1, 1, 15, 2, 0x61, 0x62, 12, 1, 0x78, 15, 3, 0x2e, 0x63, 0x64, 255]))
        #expect(parsed.options.text(.domain) == "ab.cd")
        // A second message type makes none of both.
        #expect(try DHCPMessage(message(options: [53, 1, 1, 53, 1, 3, 255])).kind == nil)
    }

    @Test func whatIsTooLongForOneOptionIsSplit() throws {
        var long = DHCPMessage(.reply, transaction: 1, hardwareAddress: [1])
        let value = (0..<600).map { UInt8($0 & 0xff) }
        long.options[.relayAgent] = value
        #expect(try DHCPMessage(long.bytes(atMost: 1472)).options[.relayAgent] == value)
    }

    @Test func whatDoesNotFitGoesToFileAndServerName() throws {
        var full = DHCPMessage(.reply, transaction: 1, hardwareAddress: [1])
        full.kind = .offer
        full.options[.dns] = [UInt8](repeating: 1, count: 200)
        full.options[.ntp] = [UInt8](repeating: 2, count: 120)
        full.options[.domain] = [UInt8](repeating: 3, count: 60)
        full.options[.hostname] = [UInt8](repeating: 4, count: 60)
        let bytes = full.bytes(atMost: 548)
        #expect(bytes.count <= 548)
        #expect(bytes.count > 300)
        #expect(try DHCPMessage(bytes).options.codes.count == full.options.codes.count)
        let same = try DHCPMessage(bytes)
        for code in full.options.codes {
            #expect(same.options[code] == full.options[code])
        }
    }

    /// Whatever the sizes are, the message is not longer than it may be, and what is in it is whole.
    @Test func noFieldIsFilledBeyondItsEnd() throws {
        for size in 1...255 {
            var full = DHCPMessage(.reply, transaction: 1, hardwareAddress: [1])
            full.kind = .offer
            full.options[.dns] = [UInt8](repeating: 1, count: size)
            full.options[.ntp] = [UInt8](repeating: 2, count: 255 - size + size % 7)
            full.options[.domain] = [UInt8](repeating: 3, count: 100 + size % 31)
            full.options[.hostname] = [UInt8](repeating: 4, count: 40 + size % 29)
            full.options[.relayAgent] = [UInt8](repeating: 5, count: size % 50 + 1)
            let bytes = full.bytes(atMost: 548)
            #expect(bytes.count <= 548)
            let read = try DHCPMessage(bytes)
            #expect(read.options.codes.count >= 3)
            for code in read.options.codes {
                #expect(read.options[code] == full.options[code])
            }
        }
    }

    @Test func whatFitsNowhereIsLeftOutFromTheEnd() throws {
        var full = DHCPMessage(.reply, transaction: 1, hardwareAddress: [1])
        full.kind = .offer
        full.bootFile = [1]
        full.serverName = [1]
        full.options[.dns] = [UInt8](repeating: 1, count: 252)
        full.options[.ntp] = [UInt8](repeating: 2, count: 252)
        full.options.set(.leaseTime, UInt32(60))
        let read = try DHCPMessage(full.bytes(atMost: 548))
        #expect(read.options.codes == [.messageType, .dns, .leaseTime])
    }

    @Test(
        arguments: [
            ([], DHCPMessageError.tooShort(0)),
            ([UInt8](repeating: 1, count: 239), .tooShort(239)),
            ([3] + message(options: [255]).dropFirst(), .unknownOperation(3)),
            ([1, 1, 17] + message(options: [255]).dropFirst(3), .hardwareAddressTooLong(17)),
            (Array(message(options: []).dropLast()) + [98], .noCookie),
            (message(options: [53]), .truncatedOption(53)),
            (message(options: [53, 2, 1]), .truncatedOption(53)),
            (message(options: [12, 255, 1, 2, 255]), .truncatedOption(12)),
            (message(file: [12, 200], options: [52, 1, 1, 255]), .truncatedOption(12)),
        ] as [([UInt8], DHCPMessageError)])
    func refusesWhatIsNone(_ bytes: [UInt8], _ expected: DHCPMessageError) {
        #expect(throws: expected) { try DHCPMessage(bytes) }
    }

    @Test func valuesOfTheWrongFormAreNotThere() throws {
        let parsed = try DHCPMessage(
            message(options: [51, 3, 1, 2, 3, 50, 0, 6, 5, 1, 2, 3, 4, 5, 12, 3, 0x61, 0x0a, 0x62, 61, 0, 255]))
        #expect((parsed.options.number(.leaseTime) as UInt32?) == nil)
        #expect(parsed.options.address(.requestedAddress) == nil)
        #expect(parsed.options.addresses(.dns).isEmpty)
        #expect(parsed.options.text(.hostname) == nil)
        #expect(parsed.options[.clientIdentifier] == [])
    }

    @Test func routesHaveTheFormOfRFC3442() throws {
        var options = DHCPOptions()
        let routes = try [("10.0.0.0/8", "192.0.2.1"), ("0.0.0.0/0", "192.0.2.2"), ("10.17.2.128/25", "192.0.2.3")]
            .map { DHCPRoute(try #require(IPPrefix($0)), via: try address($1)) }
        options.set(.routes, routes: routes)
        #expect(
            options[.routes] == [8, 10, 192, 0, 2, 1, 0, 192, 0, 2, 2, 25, 10, 17, 2, 128, 192, 0, 2, 3])
        #expect(options.routes == routes)
        options[.routes] = [8, 10, 192, 0, 2, 1, 33, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        #expect(options.routes.count == 1)
    }

    @Test func namesAreReadWithAndWithoutPointers() throws {
        let names = try ["eng.apple.com", "marketing.apple.com"].map { try #require(DNSName($0)) }
        // The example of RFC 3397, section 2.
        let compressed: [UInt8] =
            [3] + Array("eng".utf8) + [5] + Array("apple".utf8) + [3] + Array("com".utf8) + [0]
            + [9] + Array("marketing".utf8) + [0xc0, 0x04]
        #expect(DNSName.list(compressed) == names)
        #expect(DNSName.list(names.flatMap(\.bytes)) == names)
        // Pointers to themselves, to each other, ahead, and behind the end.
        for hostile: [UInt8] in [
            [0xc0, 0], [1, 0x61, 0xc0, 0], [0xc0, 2, 0xc0, 0], [0xc0, 9], [63, 1], [0xc0], [0x80, 0],
        ] {
            #expect(DNSName.list(hostile).isEmpty)
        }
    }

    @Test(arguments: ["", ".", "a..b", "-a", "a-", "a b", "ä", String(repeating: "a", count: 64)])
    func refusesWhatIsNoName(_ text: String) {
        #expect(DNSName(text) == nil)
    }

    /// Nothing that comes makes it crash, and what it makes of it can be written and read again.
    @Test func standsAnyBytes() throws {
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            var bytes = message(
                options: (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255, using: &random) })
            if round % 3 == 0 {
                // Few codes, so that options come again, and overload is met.
                bytes += [52, 1, 3] + (0..<40).map { _ in UInt8.random(in: 50...62, using: &random) }
            }
            for _ in 0..<Int.random(in: 0...4) {
                bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...min(4, bytes.count)))
            guard let parsed = try? DHCPMessage(bytes) else { continue }
            _ = parsed.options.routes
            _ = DNSName.list(parsed.options[.domainSearch] ?? [])
            let written = parsed.bytes(atMost: 1472)
            #expect(written.count <= 1472)
            #expect(throws: Never.self) { try DHCPMessage(written) }
        }
    }
}

@Suite struct DHCPDatagramTests {
    private static func datagram(_ source: String, _ destination: String) throws -> DHCPDatagram {
        DHCPDatagram(
            stations: (try #require(MACAddress("02:00:00:00:00:01")), .broadcast), source: try address(source),
            destination: try address(destination), ports: (67, 68), payload: [1, 2, 3])
    }

    @Test(arguments: [("10.0.0.1", "255.255.255.255"), ("fe80::1", "ff02::1:2")])
    func isReadAsItWasWritten(_ source: String, _ destination: String) throws {
        let datagram = try Self.datagram(source, destination)
        var frame = datagram.frame
        // Short frames are padded.
        frame.payload += [0, 0, 0]
        let read = try #require(DHCPDatagram(frame))
        #expect(read.frame == datagram.frame)
        #expect(read.payload == [1, 2, 3])
        #expect(read.ports == (67, 68))
    }

    @Test func fragmentsAreNone() throws {
        var frame = try Self.datagram("10.0.0.1", "10.0.0.2").frame
        var packet = try #require(IPv4Packet(bytes: frame.payload))
        packet.moreFragments = true
        frame.payload = packet.bytes
        #expect(DHCPDatagram(frame) == nil)
    }

    @Test func standsAnyBytes() throws {
        for source in ["10.0.0.1", "fe80::1"] {
            let whole = try Self.datagram(source, source).frame
            for _ in 0..<5000 {
                var frame = whole
                frame.payload.removeLast(Int.random(in: 0...frame.payload.count))
                for index in frame.payload.indices where Int.random(in: 0..<10) == 0 {
                    frame.payload[index] = UInt8.random(in: 0...255)
                }
                _ = DHCPDatagram(frame)
            }
        }
    }
}

@Suite struct DHCPv6MessageTests {
    @Test func isReadAsItWasWritten() throws {
        var message = DHCPv6Message(.informationRequest, transaction: 0xff12_3456)
        message.append(.client, [0, 3, 0, 1, 2, 0, 0, 0, 0, 1])
        message.append(.optionRequest, [0, 23, 0, 24, 9])
        #expect(message.bytes.prefix(4) == [11, 0x12, 0x34, 0x56])
        let read = try DHCPv6Message(message.bytes)
        #expect(read == message)
        #expect(read.requested == [.dns, .domainSearch])
    }

    @Test(
        arguments: [
            ([], DHCPv6MessageError.tooShort(0)), ([11, 0, 0], .tooShort(3)), ([14, 0, 0, 1], .unknownKind(14)),
            ([12, 0, 0, 1], .relayed), ([11, 0, 0, 1, 0], .truncatedOption),
            ([11, 0, 0, 1, 0, 1, 0, 2, 1], .truncatedOption),
        ] as [([UInt8], DHCPv6MessageError)])
    func refusesWhatIsNone(_ bytes: [UInt8], _ expected: DHCPv6MessageError) {
        #expect(throws: expected) { try DHCPv6Message(bytes) }
    }

    @Test func standsAnyBytes() {
        for _ in 0..<10_000 {
            let bytes = [11] + (0..<Int.random(in: 0...60)).map { _ in UInt8.random(in: 0...(Bool.random() ? 255 : 8)) }
            if let parsed = try? DHCPv6Message(bytes) {
                #expect(parsed.bytes == bytes)
            }
        }
    }
}
