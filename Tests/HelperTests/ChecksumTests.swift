// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A packet, what is done to it, and the packet that is to come out.
struct ChangeFixture: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let program: String
    let arguments: Arguments
    let before: [UInt8]
    let after: [UInt8]
    /// What the helper is to return.
    let returned: Int32

    init(
        _ description: String, _ program: String, _ arguments: Arguments, _ before: [UInt8], _ after: [UInt8],
        returned: Int32 = 0
    ) {
        testDescription = description
        self.program = program
        self.arguments = arguments
        self.before = before
        self.after = after
        self.returned = returned
    }

    func check(_ hook: Hook) throws {
        let outcome = try HelperProgram(name: program, hook: hook).run(before, arguments)
        #expect(outcome.returned == returned)
        #expect(outcome.frame == after)
    }
}

private let address: [UInt8] = [203, 0, 113, 9]
private let address6: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0xff, 0xfe] + [UInt8](repeating: 0xab, count: 10)

/// Every kind of L4 header, and what should become of it under other addresses: nothing but its checksum.
private let segments: [(String, Segment)] = [
    ("TCP", .tcp()), ("TCP with an odd length", .tcp(payload: Segment.text.dropLast())), ("UDP", .udp()),
    ("UDP without a checksum", .udp(hasChecksum: false)), ("SCTP", .sctp()), ("another protocol", .raw(47)),
]

private let addresses: [ChangeFixture] = segments.flatMap { name, segment in
    [
        ChangeFixture(
            "\(name), IPv4 source", "source", Arguments(source: address), frame(IPv4(segment: segment)),
            frame(IPv4(source: address, segment: segment))),
        ChangeFixture(
            "\(name), IPv4 destination", "destination", Arguments(destination: address),
            frame(IPv4(segment: segment)), frame(IPv4(destination: address, segment: segment))),
        ChangeFixture(
            "\(name), IPv6 source", "source", Arguments(source: address6), frame(IPv6(segment: segment)),
            frame(IPv6(source: address6, segment: segment))),
        ChangeFixture(
            "\(name), IPv6 destination", "destination", Arguments(destination: address6),
            frame(IPv6(segment: segment)), frame(IPv6(destination: address6, segment: segment))),
    ]
}

private let moreAddresses: [ChangeFixture] = {
    let tags = [Tag(type: 0x88a8, id: 9, priority: 3), Tag(id: 100)]
    let options = [UInt8](repeating: 1, count: 24)
    let segmentsLeft = (type: UInt8(43), bytes: [0, 2, 4, 1, 0, 0, 0, 0] + address6)
    let noneLeft = (type: UInt8(43), bytes: [0, 2, 4, 0, 0, 0, 0, 0] + address6)
    let other: [UInt8] = [0xfd] + [UInt8](repeating: 3, count: 15)
    func piece(_ source: [UInt8], _ field: UInt16) -> [UInt8] {
        frame(IPv4(source: source, fragment: field, segment: .raw(17, [UInt8](repeating: 0x55, count: 24))))
    }
    return [
        ChangeFixture(
            "ICMP has no addresses under its checksum", "source", Arguments(source: address),
            frame(IPv4(segment: .ping())), frame(IPv4(source: address, segment: .ping()))),
        ChangeFixture(
            "ICMPv6 has", "source", Arguments(source: address6), frame(IPv6(segment: .ping6())),
            frame(IPv6(source: address6, segment: .ping6()))),
        ChangeFixture(
            "IPv4 options", "source", Arguments(source: address), frame(IPv4(options: options, segment: .tcp())),
            frame(IPv4(source: address, options: options, segment: .tcp()))),
        ChangeFixture(
            "QinQ", "destination", Arguments(destination: address), frame(IPv4(segment: .udp()), tags: tags),
            frame(IPv4(destination: address, segment: .udp()), tags: tags)),
        ChangeFixture(
            "padding", "source", Arguments(source: address), frame(IPv4(segment: .udp()), padding: 9),
            frame(IPv4(source: address, segment: .udp()), padding: 9)),
        ChangeFixture(
            "a later fragment has no L4 checksum", "source", Arguments(source: address), piece([10, 0, 0, 1], 0x0010),
            piece(address, 0x0010)),
        ChangeFixture(
            "a routing header has the last destination", "destination", Arguments(destination: other),
            frame(IPv6(extensions: [segmentsLeft], lastDestination: address6, segment: .udp())),
            frame(IPv6(destination: other, extensions: [segmentsLeft], lastDestination: address6, segment: .udp()))),
        ChangeFixture(
            "a routing header has been followed", "destination", Arguments(destination: other),
            frame(IPv6(extensions: [noneLeft], segment: .udp())),
            frame(IPv6(destination: other, extensions: [noneLeft], segment: .udp()))),
    ]
}()

/// UDP whose checksum is 0xffff, as it would be 0, when it comes from `source`.
private func udpWithFullChecksum(_ source: [UInt8], _ destination: [UInt8]) -> Segment {
    var segment = Segment.udp(5000, 53, payload: [0, 0, 1, 2])
    let open = segment.filled(addresses: source + destination)
    // What is missing in the checksum goes into the first word of the payload.
    segment.bytes.replaceSubrange(8..<10, with: open[6..<8])
    return segment
}

private let fields: [ChangeFixture] = {
    let seventeen: [UInt8] = [10, 0, 0, 1]
    let full = udpWithFullChecksum(address, [10, 0, 0, 2])
    let six = udpWithFullChecksum(address6, IPv6(segment: full).destination)
    let mss: [UInt8] = [1, 2, 4, 0x05, 0xb4, 1, 1, 0]
    let less: [UInt8] = [1, 2, 4, 0x02, 0x18, 1, 1, 0]
    var changedText = Segment.text
    changedText.replaceSubrange(4..<8, with: [9, 8, 7, 6])
    return [
        ChangeFixture(
            "a UDP checksum of 0 is sent as 0xffff", "source", Arguments(source: address),
            frame(IPv4(source: seventeen, segment: full)), frame(IPv4(source: address, segment: full))),
        ChangeFixture(
            "and over IPv6", "source", Arguments(source: address6), frame(IPv6(segment: six)),
            frame(IPv6(source: address6, segment: six))),
        ChangeFixture(
            "TCP source port", "source_port", Arguments(sourcePort: 61000), frame(IPv4(segment: .tcp())),
            frame(IPv4(segment: .tcp(61000, 80)))),
        ChangeFixture(
            "TCP destination port", "destination_port", Arguments(destinationPort: 8080),
            frame(IPv6(segment: .tcp())), frame(IPv6(segment: .tcp(40000, 8080)))),
        ChangeFixture(
            "UDP port", "source_port", Arguments(sourcePort: 61000), frame(IPv4(segment: .udp())),
            frame(IPv4(segment: .udp(61000, 53)))),
        ChangeFixture(
            "UDP port without a checksum", "destination_port", Arguments(destinationPort: 5353),
            frame(IPv4(segment: .udp(hasChecksum: false))),
            frame(IPv4(segment: .udp(5000, 5353, hasChecksum: false)))),
        ChangeFixture(
            "SCTP port", "source_port", Arguments(sourcePort: 1), frame(IPv4(segment: .sctp())),
            frame(IPv4(segment: .sctp())), returned: -EOPNOTSUPP),
        ChangeFixture(
            "no ports", "source_port", Arguments(sourcePort: 1), frame(IPv4(segment: .ping())),
            frame(IPv4(segment: .ping())), returned: -EINVAL),
        ChangeFixture(
            "ports in another fragment", "source_port", Arguments(sourcePort: 1),
            frame(IPv4(fragment: 0x0010, segment: .raw(17))), frame(IPv4(fragment: 0x0010, segment: .raw(17))),
            returned: -EINVAL),
        ChangeFixture(
            "ICMP identifier", "icmp_id", Arguments(icmpID: 999), frame(IPv4(segment: .ping())),
            frame(IPv4(segment: .ping(id: 999)))),
        ChangeFixture(
            "ICMPv6 identifier", "icmp_id", Arguments(icmpID: 999), frame(IPv6(segment: .ping6())),
            frame(IPv6(segment: .ping6(id: 999)))),
        ChangeFixture(
            "address and port at once", "translate", Arguments(source: address, sourcePort: 61000),
            frame(IPv4(segment: .tcp())), frame(IPv4(source: address, segment: .tcp(61000, 80)))),
        ChangeFixture(
            "time to live", "ip_byte", Arguments(offset: 22, value: [63]), frame(IPv4(segment: .tcp())),
            frame(IPv4(timeToLive: 63, segment: .tcp()))),
        ChangeFixture(
            "hop limit", "ip_byte", Arguments(offset: 21, value: [63]), frame(IPv6(segment: .tcp())),
            frame(IPv6(hopLimit: 63, segment: .tcp()))),
        ChangeFixture(
            "IPv4 flags", "ip_word", Arguments(offset: 20, value: [0, 0]), frame(IPv4(segment: .tcp())),
            frame(IPv4(fragment: 0, segment: .tcp()))),
        ChangeFixture(
            "a field behind the IP header", "ip_word", Arguments(offset: 34, value: [0, 0]),
            frame(IPv4(segment: .tcp())), frame(IPv4(segment: .tcp())), returned: -EINVAL),
        ChangeFixture(
            "an option at an odd place", "l4_word", Arguments(offset: 34 + 23, value: [0x02, 0x18]),
            frame(IPv4(segment: .tcp(options: mss))), frame(IPv4(segment: .tcp(options: less)))),
        ChangeFixture(
            "TCP flags", "l4_byte", Arguments(offset: 34 + 13, value: [0x12]), frame(IPv4(segment: .tcp())),
            frame(IPv4(segment: .tcp(flags: 0x12)))),
        ChangeFixture(
            "payload", "l4_long", Arguments(offset: 42 + 4, value: [9, 8, 7, 6]), frame(IPv4(segment: .udp())),
            frame(IPv4(segment: .udp(payload: changedText)))),
        ChangeFixture(
            "padding is not under a checksum", "l4_byte", Arguments(offset: 70, value: [1]),
            frame(IPv4(segment: .udp()), padding: 20), frame(IPv4(segment: .udp()), padding: 20), returned: -EINVAL),
    ]
}()

private let quotes: [ChangeFixture] = {
    func error(_ quoted: IPv4, _ count: Int = 100) -> [UInt8] {
        frame(IPv4(segment: .error(quoting: Array(quoted.bytes.prefix(count)))), padding: 5)
    }
    func error6(_ quoted: IPv6) -> [UInt8] { frame(IPv6(segment: .error6(quoting: quoted.bytes))) }
    // Of TCP that is cut before its checksum, the quote says nothing about it.
    func cutTCP(_ source: [UInt8], _ port: UInt16) -> [UInt8] {
        let whole = IPv4(segment: .tcp()).bytes
        let ports = bytes(port) + whole[22..<28]
        let header = IPv4(source: source, segment: .tcp()).bytes.prefix(20)
        return frame(IPv4(segment: .error(quoting: header + ports)))
    }
    return [
        ChangeFixture(
            "source of quoted UDP", "quoted_source", Arguments(source: address), error(IPv4(segment: .udp())),
            error(IPv4(source: address, segment: .udp()))),
        ChangeFixture(
            "destination of quoted TCP", "quoted_destination", Arguments(destination: address),
            error(IPv4(segment: .tcp())), error(IPv4(destination: address, segment: .tcp()))),
        ChangeFixture(
            "port of quoted TCP", "quoted_source_port", Arguments(sourcePort: 61000), error(IPv4(segment: .tcp())),
            error(IPv4(segment: .tcp(61000, 80)))),
        ChangeFixture(
            "port of quoted UDP without a checksum", "quoted_destination_port", Arguments(destinationPort: 5353),
            error(IPv4(segment: .udp(hasChecksum: false))),
            error(IPv4(segment: .udp(5000, 5353, hasChecksum: false)))),
        ChangeFixture(
            "source of quoted TCP that is cut", "quoted_source", Arguments(source: address),
            cutTCP([10, 0, 0, 1], 40000), cutTCP(address, 40000)),
        ChangeFixture(
            "port of quoted TCP that is cut", "quoted_source_port", Arguments(sourcePort: 61000),
            cutTCP([10, 0, 0, 1], 40000), cutTCP([10, 0, 0, 1], 61000)),
        ChangeFixture(
            "source of quoted IPv6", "quoted_source", Arguments(source: address6), error6(IPv6(segment: .udp())),
            error6(IPv6(source: address6, segment: .udp()))),
        ChangeFixture(
            "port of quoted IPv6", "quoted_destination_port", Arguments(destinationPort: 8080),
            error6(IPv6(segment: .tcp())), error6(IPv6(segment: .tcp(40000, 8080)))),
    ]
}()

private let computed: [ChangeFixture] = {
    /// Without its checksum.
    func open(_ segment: Segment) -> Segment {
        var segment = segment
        segment.checksumPlace = nil
        return segment
    }
    func spoilt(_ frame: [UInt8]) -> [UInt8] {
        var frame = frame
        frame.replaceSubrange(24..<26, with: [0xab, 0xcd])
        return frame
    }
    let ping = Segment.error(quoting: IPv4(segment: .udp()).bytes)
    let long = Segment.udp(payload: [UInt8](repeating: 0x5a, count: 1501))
    let full = udpWithFullChecksum([10, 0, 0, 1], [10, 0, 0, 2])
    let options = [UInt8](repeating: 1, count: 40)
    return [
        ChangeFixture(
            "IPv4 header", "compute_ipv4", Arguments(), spoilt(frame(IPv4(segment: .tcp()))),
            frame(IPv4(segment: .tcp()))),
        ChangeFixture(
            "IPv4 header with options", "compute_ipv4", Arguments(),
            spoilt(frame(IPv4(options: options, segment: .tcp()))), frame(IPv4(options: options, segment: .tcp()))),
        ChangeFixture(
            "TCP", "compute_l4", Arguments(), frame(IPv4(segment: open(.tcp()))), frame(IPv4(segment: .tcp()))),
        ChangeFixture(
            "UDP, padded", "compute_l4", Arguments(), frame(IPv6(segment: open(.udp())), padding: 7),
            frame(IPv6(segment: .udp()), padding: 7)),
        ChangeFixture(
            "UDP whose checksum would be 0", "compute_l4", Arguments(), frame(IPv4(segment: open(full))),
            frame(IPv4(segment: full))),
        ChangeFixture(
            "an ICMP error", "compute_l4", Arguments(), frame(IPv4(segment: open(ping))), frame(IPv4(segment: ping))),
        ChangeFixture(
            "an ICMPv6 echo", "compute_l4", Arguments(), frame(IPv6(segment: open(.ping6()))),
            frame(IPv6(segment: .ping6()))),
        ChangeFixture(
            "a full frame", "compute_l4", Arguments(), frame(IPv4(segment: open(long))), frame(IPv4(segment: long))),
        ChangeFixture(
            "more than a full frame", "compute_l4", Arguments(),
            frame(IPv4(segment: .raw(6, [UInt8](repeating: 0x50, count: 1537)))),
            frame(IPv4(segment: .raw(6, [UInt8](repeating: 0x50, count: 1537)))), returned: -E2BIG),
        ChangeFixture(
            "a fragment", "compute_l4", Arguments(), frame(IPv4(fragment: 0x2000, segment: .udp())),
            frame(IPv4(fragment: 0x2000, segment: .udp())), returned: -EINVAL),
        ChangeFixture(
            "SCTP", "compute_l4", Arguments(), frame(IPv4(segment: .sctp())), frame(IPv4(segment: .sctp())),
            returned: -EOPNOTSUPP),
    ]
}()

@Suite struct ChecksumTests {
    @Test(arguments: addresses, Hook.available)
    func `an address is replaced under all checksums`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    @Test(arguments: moreAddresses, Hook.available)
    func `an address is replaced in unusual packets`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    @Test(arguments: fields, Hook.available)
    func `a field is replaced under all checksums`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    @Test(arguments: quotes, Hook.available)
    func `a quoted packet is changed under the checksum of the error`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    @Test(arguments: computed, Hook.available)
    func `a checksum is computed`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    /// BPF_PROG_TEST_RUN lets a test set gso_size and gso_segs, at tc only.
    @Test(arguments: [Hook.tc, .tcTagBeside, .tcFar])
    func `a GSO packet stays one`(hook: Hook) throws {
        let payload = [UInt8](repeating: 0x11, count: 2800)
        let context = gsoContext(size: 1400, segments: 2)
        let outcome = try HelperProgram(name: "translate", hook: hook)
            .run(
                frame(IPv4(segment: .tcp(payload: payload))), Arguments(source: address, sourcePort: 61000),
                context: context)
        #expect(outcome.returned == 0)
        #expect(outcome.frame == frame(IPv4(source: address, segment: .tcp(61000, 80, payload: payload))))
        #expect(gsoSegments(outcome.context) == 2)
    }
}
