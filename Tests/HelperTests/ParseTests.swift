// SPDX-License-Identifier: Apache-2.0

import Testing

/// A packet, and what `pkt_parse` is to find.
struct ParseFixture: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let frame: [UInt8]
    let result: ParseResult
    /// nil: whatever was found before.
    let headers: Headers?

    init(_ description: String, _ frame: [UInt8], _ result: ParseResult = .ok, _ headers: Headers? = nil) {
        testDescription = description
        self.frame = frame
        self.result = result
        self.headers = headers
    }
}

extension Headers {
    /// Of a packet without options, fragments, or tags.
    static func ipv4(_ type: UInt8, length: Int, l3: UInt16 = 14) -> Headers {
        Headers(
            totalLength: UInt32(length), ethertype: 0x0800, l3Offset: l3, l4Offset: l3 + 20, payloadOffset: l3 + 28,
            version: 4, l4Protocol: type)
    }

    static func ipv6(_ type: UInt8, length: Int, l4: UInt16 = 54) -> Headers {
        Headers(
            totalLength: UInt32(length), ethertype: 0x86dd, l3Offset: 14, l4Offset: l4, payloadOffset: l4 + 8,
            version: 6, l4Protocol: type)
    }

    func with(_ change: (inout Headers) -> Void) -> Headers {
        var headers = self
        change(&headers)
        return headers
    }

    func ports(_ source: UInt16, _ destination: UInt16) -> Headers {
        with { ($0.sourcePort, $0.destinationPort) = (source, destination) }
    }
}

private let valid: [ParseFixture] = {
    let udp = IPv4(segment: .udp())
    let udp6 = IPv6(segment: .udp())
    let foundUDP = Headers.ipv4(17, length: 53).ports(5000, 53)
    return [
        ParseFixture("IPv4 and UDP", frame(udp), .ok, foundUDP),
        ParseFixture("a frame that is padded", frame(udp, padding: 20), .ok, foundUDP),
        ParseFixture(
            "TCP with options", frame(IPv4(segment: .tcp(flags: 0x12, options: [2, 4, 5, 0xb4]))), .ok,
            Headers.ipv4(6, length: 69).ports(40000, 80).with { ($0.payloadOffset, $0.tcpFlags) = (58, 0x12) }),
        ParseFixture(
            "IPv4 with the most options", frame(IPv4(options: [UInt8](repeating: 1, count: 40), segment: .udp())), .ok,
            foundUDP.with { ($0.totalLength, $0.l4Offset, $0.payloadOffset) = (93, 74, 82) }),
        ParseFixture(
            "an echo", frame(IPv4(segment: .ping(id: 500))), .ok, Headers.ipv4(1, length: 53).ports(0x0800, 500)),
        ParseFixture(
            "SCTP", frame(IPv4(segment: .sctp())), .ok,
            Headers.ipv4(132, length: 57).ports(7000, 3868).with { $0.payloadOffset = 46 }),
        ParseFixture(
            "a protocol without ports", frame(IPv4(segment: .raw(47))), .ok,
            Headers.ipv4(47, length: 45).with { $0.payloadOffset = 34 }),
        ParseFixture(
            "ICMPv6's number over IPv4", frame(IPv4(segment: .raw(58))), .ok,
            Headers.ipv4(58, length: 45).with { $0.payloadOffset = 34 }),
        ParseFixture("IPv6 and UDP", frame(udp6), .ok, Headers.ipv6(17, length: 73).ports(5000, 53)),
        ParseFixture(
            "an ICMPv6 echo", frame(IPv6(segment: .ping6(id: 7))), .ok,
            Headers.ipv6(58, length: 73).ports(0x8000, 7)),
        ParseFixture(
            "no next header", frame(IPv6(segment: .raw(59, []))), .ok,
            Headers.ipv6(59, length: 40).with { $0.payloadOffset = 54 }),
        ParseFixture(
            "one tag", frame(udp, tags: [Tag(id: 100, priority: 5)]), .ok,
            foundUDP.with { ($0.l3Offset, $0.l4Offset, $0.payloadOffset, $0.tags) = (18, 38, 46, [0xa064]) }),
        ParseFixture(
            "QinQ", frame(udp, tags: [Tag(type: 0x88a8, id: 7), Tag(id: 100)]), .ok,
            foundUDP.with { ($0.l3Offset, $0.l4Offset, $0.payloadOffset, $0.tags) = (22, 42, 50, [7, 100]) }),
        ParseFixture(
            "ARP", frame(0x0806, arpRequest), .notIP, Headers(ethertype: 0x0806, l3Offset: 14)),
        ParseFixture(
            "ARP with a tag", frame(0x0806, arpRequest, tags: [Tag(id: 3)]), .notIP,
            Headers(ethertype: 0x0806, tags: [3], l3Offset: 18)),
        ParseFixture(
            "another EtherType", frame(0x88cc, Segment.text), .notIP, Headers(ethertype: 0x88cc, l3Offset: 14)),
        ParseFixture(
            "a third tag", frame(udp, tags: [Tag(id: 1), Tag(id: 2), Tag(id: 3)]), .notIP,
            Headers(ethertype: 0x8100, tags: [1, 2], l3Offset: 22)),
    ]
}()

private let extensionHeaders: [ParseFixture] = {
    let hop = (type: UInt8(0), bytes: [0, 0, 1, 4, 0, 0, 0, 0] as [UInt8])
    let options = (type: UInt8(60), bytes: [0, 1] + [UInt8](repeating: 0, count: 14))
    let passed = (type: UInt8(43), bytes: [0, 0, 4, 0, 0, 0, 0, 0] as [UInt8])
    let pending = (type: UInt8(43), bytes: [0, 2, 4, 1] + [UInt8](repeating: 9, count: 20))
    let authentication = (type: UInt8(51), bytes: [0, 4] + [UInt8](repeating: 7, count: 22))
    let atomic = (type: UInt8(44), bytes: [0, 0, 0, 0, 1, 2, 3, 4] as [UInt8])
    func udp(_ headers: [(type: UInt8, bytes: [UInt8])]) -> [UInt8] {
        frame(IPv6(extensions: headers, segment: .udp()))
    }
    func found(_ size: UInt16) -> Headers {
        Headers.ipv6(17, length: 73 + Int(size), l4: 54 + size).ports(5000, 53)
    }
    return [
        ParseFixture("hop-by-hop options", udp([hop]), .ok, found(8)),
        ParseFixture("all kinds", udp([hop, options, passed, authentication, options]), .ok, found(72)),
        ParseFixture("a routing header on its way", udp([pending]), .ok, found(24).with { $0.isRerouted = true }),
        ParseFixture("an atomic fragment", udp([atomic]), .ok, found(8)),
        ParseFixture("eight headers", udp([hop] + Array(repeating: options, count: 7)), .ok, found(120)),
        ParseFixture("nine headers", udp([hop] + Array(repeating: options, count: 8)), .malformed),
        ParseFixture("hop-by-hop options that are not first", udp([options, hop]), .malformed),
        ParseFixture(
            "an authentication header that is too short", udp([(51, [0, 0] + [UInt8](repeating: 7, count: 6))]),
            .malformed),
        ParseFixture("a header longer than the packet", udp([(60, [0, 200, 0, 0, 0, 0, 0, 0])]), .malformed),
    ]
}()

private let fragments: [ParseFixture] = {
    func ipv4(_ field: UInt16) -> [UInt8] { frame(IPv4(fragment: field, segment: .udp())) }
    func ipv6(_ field: UInt16) -> [UInt8] {
        frame(IPv6(extensions: [(44, [0, 0] + bytes(field) + [1, 2, 3, 4])], segment: .udp()))
    }
    let first = Headers.ipv4(17, length: 53).ports(5000, 53).with { $0.fragmentID = 0x1234_0000 }
    let later = Headers.ipv4(17, length: 53).with {
        ($0.fragmentID, $0.l4Offset, $0.payloadOffset) = (0x1234_0000, 0, 0)
    }
    let first6 = Headers.ipv6(17, length: 81, l4: 62).ports(5000, 53).with { $0.fragmentID = 0x0102_0304 }
    let later6 = Headers.ipv6(17, length: 81).with {
        ($0.fragmentID, $0.l4Offset, $0.payloadOffset) = (0x0102_0304, 0, 0)
    }
    return [
        ParseFixture("the first fragment", ipv4(0x2000), .ok, first.with { $0.fragment = .first }),
        ParseFixture("a fragment between", ipv4(0x2010), .ok, later.with { $0.fragment = .middle }),
        ParseFixture("the last fragment", ipv4(0x0010), .ok, later.with { $0.fragment = .last }),
        ParseFixture("the first fragment, IPv6", ipv6(0x0001), .ok, first6.with { $0.fragment = .first }),
        ParseFixture("a fragment between, IPv6", ipv6(0x0101), .ok, later6.with { $0.fragment = .middle }),
        ParseFixture("the last fragment, IPv6", ipv6(0x0100), .ok, later6.with { $0.fragment = .last }),
        ParseFixture(
            "a first fragment that cuts the TCP header",
            frame(IPv4(fragment: 0x2000, segment: .raw(6, [UInt8](repeating: 0, count: 16)))), .malformed),
        ParseFixture(
            "a fragment in a fragment",
            frame(
                IPv6(
                    extensions: [(44, [0, 0, 0, 1, 0, 0, 0, 1]), (44, [0, 0, 0, 1, 0, 0, 0, 1])], segment: .udp())),
            .malformed),
    ]
}()

private let broken: [ParseFixture] = {
    func changed(_ frame: [UInt8], _ place: Int, _ byte: UInt8) -> [UInt8] {
        var frame = frame
        frame[place] = byte
        return frame
    }
    let udp = frame(IPv4(segment: .udp()))
    let tcp = frame(IPv4(segment: .tcp()))
    let udp6 = frame(IPv6(segment: .udp()))
    return [
        ParseFixture("nothing behind the EtherType of a tag", frame(0x8100, [0, 1]), .truncated, Headers()),
        ParseFixture("IPv4 longer than the frame", Array(udp.dropLast()), .truncated),
        ParseFixture("IPv6 longer than the frame", Array(udp6.dropLast()), .truncated),
        ParseFixture("ARP longer than the frame", frame(0x0806, Array(arpRequest.dropLast())), .truncated),
        ParseFixture("ARP for other addresses", frame(0x0806, changed(arpRequest, 5, 16)), .malformed),
        ParseFixture("IPv4 with version 6", changed(udp, 14, 0x65), .malformed),
        ParseFixture("IPv6 with version 4", changed(udp6, 14, 0x40), .malformed),
        ParseFixture("a header of 16 bytes", changed(udp, 14, 0x44), .malformed),
        ParseFixture("a header longer than the datagram", frame(IPv4(length: 20, segment: .udp())), .malformed),
        ParseFixture("options longer than the datagram", changed(udp, 14, 0x4f), .malformed),
        ParseFixture("a length of 0", frame(IPv4(length: 0, segment: .udp())), .malformed),
        ParseFixture(
            "UDP that is there only as padding", frame(IPv4(length: 24, segment: .udp())), .malformed),
        ParseFixture("UDP shorter than its header", changed(udp, 39, 7), .malformed),
        ParseFixture("UDP longer than the datagram", changed(udp, 39, 34), .malformed),
        ParseFixture("a TCP header of 16 bytes", changed(tcp, 46, 0x40), .malformed),
        ParseFixture("TCP options longer than the datagram", changed(tcp, 46, 0xf0), .malformed),
        ParseFixture("SCTP that is cut", frame(IPv4(segment: .raw(132, [1, 2, 3, 4, 5, 6, 7, 8]))), .malformed),
        ParseFixture("ICMP that is cut", frame(IPv4(segment: .raw(1, [8, 0, 0, 0]))), .malformed),
    ]
}()

@Suite struct ParseTests {
    private func check(_ fixture: ParseFixture, _ hook: Hook) throws {
        let outcome = try HelperProgram(name: "parse", hook: hook).run(fixture.frame)
        #expect(outcome.parsed == fixture.result)
        if let headers = fixture.headers {
            #expect(outcome.headers == headers)
        }
        if fixture.result != .ok {
            #expect(outcome.headers.l4Offset == 0)
        }
    }

    @Test(arguments: valid, Hook.available)
    func `headers are found`(fixture: ParseFixture, hook: Hook) throws {
        try check(fixture, hook)
    }

    @Test(arguments: extensionHeaders, Hook.available)
    func `extension headers are followed`(fixture: ParseFixture, hook: Hook) throws {
        try check(fixture, hook)
    }

    @Test(arguments: fragments, Hook.available)
    func `fragments are told apart`(fixture: ParseFixture, hook: Hook) throws {
        try check(fixture, hook)
    }

    @Test(arguments: broken, Hook.available)
    func `what contradicts itself is refused`(fixture: ParseFixture, hook: Hook) throws {
        try check(fixture, hook)
    }

    /// At tc BPF_PROG_TEST_RUN refuses frames that end within an IP header, unless there is a tag before it.
    @Test(arguments: [14, 15, 17, 18, 30, 37, 46], Hook.available)
    func `a frame that ends within a header is truncated`(size: Int, hook: Hook) throws {
        let whole = frame(IPv6(segment: .udp()), tags: [Tag(id: 5)])
        let outcome = try HelperProgram(name: "parse", hook: hook).run(Array(whole.prefix(size)))
        #expect(outcome.parsed == .truncated)
    }

    @Test(arguments: Hook.available)
    func `an error tells which packet it is about`(hook: Hook) throws {
        let quoted = IPv4(source: [10, 0, 0, 2], destination: [10, 0, 0, 1], segment: .tcp(80, 40000)).bytes
        let packet = frame(IPv4(segment: .error(quoting: Array(quoted.prefix(28)))), padding: 10)
        let outcome = try HelperProgram(name: "parse_quoted", hook: hook).run(packet)
        #expect(outcome.parsed == .ok)
        #expect(
            outcome.quoted
                == Headers.ipv4(6, length: 28, l3: 42).ports(80, 40000).with { $0.icmpOffset = 34 })
    }

    @Test(arguments: Hook.available)
    func `an ICMPv6 error tells which packet it is about`(hook: Hook) throws {
        let options = (type: UInt8(60), bytes: [0, 0, 1, 4, 0, 0, 0, 0] as [UInt8])
        let quoted = IPv6(extensions: [options], segment: .udp(53, 5000)).bytes
        let packet = frame(IPv6(segment: .error6(type: 2, quoting: quoted)))
        let outcome = try HelperProgram(name: "parse_quoted", hook: hook).run(packet)
        #expect(outcome.parsed == .ok)
        let expected = Headers.ipv6(17, length: 81).ports(53, 5000).with {
            ($0.l3Offset, $0.l4Offset, $0.payloadOffset, $0.icmpOffset) = (62, 110, 118, 54)
        }
        #expect(outcome.quoted == expected)
    }

    @Test(arguments: Hook.available)
    func `nothing is quoted but by errors, and padding is no part of it`(hook: Hook) throws {
        let program = HelperProgram(name: "parse_quoted", hook: hook)
        #expect(try program.run(frame(IPv4(segment: .ping()))).parsed == .notIP)
        #expect(try program.run(frame(IPv4(segment: .udp()))).parsed == .notIP)
        let quoted = IPv4(segment: .udp()).bytes
        let cut = frame(IPv4(segment: .error(quoting: Array(quoted.prefix(27)))), padding: 20)
        #expect(try program.run(cut).parsed == .truncated)
        // The options of the quoted header are cut, where a fragment has nothing more to be checked.
        let options = [UInt8](repeating: 1, count: 40)
        let fragment = IPv4(options: options, fragment: 0x0010, segment: .udp()).bytes
        let cutOptions = frame(IPv4(segment: .error(quoting: Array(fragment.prefix(50)))))
        #expect(try program.run(cutOptions).parsed == .truncated)
    }

    @Test(arguments: Hook.available)
    func `a packet in a tunnel is parsed where it begins`(hook: Hook) throws {
        let inner = IPv6(segment: .tcp()).bytes
        let outer = frame(IPv4(segment: .raw(41, inner)))
        let arguments = Arguments(offset: 34, value: [0x86, 0xdd])
        let outcome = try HelperProgram(name: "parse_at", hook: hook).run(outer, arguments)
        #expect(outcome.parsed == .ok)
        let expected = Headers.ipv6(6, length: 85).ports(40000, 80).with {
            ($0.l3Offset, $0.l4Offset, $0.payloadOffset, $0.tcpFlags) = (34, 74, 94, 0x10)
        }
        #expect(outcome.headers == expected)
    }
}
