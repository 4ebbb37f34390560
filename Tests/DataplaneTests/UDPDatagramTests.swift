// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Dataplane

/// What a UDP GSO packet becomes where the kernel takes none from a packet socket.
@Suite struct UDPDatagramTests {
    private static let ethernet: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    /// For 2500 bytes in UDP, with a VLAN tag, an option in its header, and identifications that wrap.
    private static let ipv4: [UInt8] =
        ethernet + [0x81, 0, 0, 7, 8, 0] + [
            0x46, 0, 0x09, 0xe4, 0xff, 0xff, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ]
        + [1, 1, 1, 0]
    private static let ipv6: [UInt8] =
        ethernet + [0x86, 0xdd] + [0x60, 0, 0, 0, 0x09, 0xcc, 17, 64]
        + (1...32).map { UInt8($0) }
    /// Ports 1000 and 9; length and checksum are the packet's, whatever they are.
    private static let udp: [UInt8] = [3, 0xe8, 0, 9, 0xaa, 0xaa, 0xbb, 0xbb]
    private static let payload = (0..<2500).map { UInt8(truncatingIfNeeded: $0 * 7) }

    private func word(_ bytes: [UInt8], _ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    /// RFC 1071.
    private func sum(_ bytes: [UInt8]) -> Int {
        var sum = 0
        for offset in stride(from: 0, to: bytes.count, by: 2) {
            sum += Int(bytes[offset]) << 8 | (offset + 1 < bytes.count ? Int(bytes[offset + 1]) : 0)
            sum = sum & 0xffff + sum >> 16
        }
        return sum
    }

    @Test func eachDatagramOfIPv4IsAPacketOfItsOwn() throws {
        let packet = PacketOut(Self.ipv4 + Self.udp + Self.payload, segmentSize: 1000)
        let datagrams = try #require(packet.datagrams)
        #expect(datagrams.map { word($0.bytes, 20) } == [1032, 1032, 532])
        #expect(datagrams.map { word($0.bytes, 22) } == [0xffff, 0, 1])
        for datagram in datagrams {
            #expect(Array(datagram.bytes.prefix(18)) == Array(Self.ipv4.prefix(18)))
            #expect(sum(Array(datagram.bytes[18..<42])) == 0xffff)
            // Its checksum as a socket leaves it: of the pseudo-header alone (RFC 768).
            let length = datagram.bytes[46..<48]
            #expect(word(datagram.bytes, 48) == sum(Array(datagram.bytes[30..<38] + [0, 17] + length)))
        }
        try check(datagrams, headersEnd: 50)
    }

    @Test func eachDatagramOfIPv6HasItsLengths() throws {
        let packet = PacketOut(Self.ipv6 + Self.udp + Self.payload, segmentSize: 1000)
        let datagrams = try #require(packet.datagrams)
        #expect(datagrams.map { word($0.bytes, 18) } == [1008, 1008, 508])
        for datagram in datagrams {
            // RFC 8200, 8.1.
            let length = datagram.bytes[58..<60]
            #expect(word(datagram.bytes, 60) == sum(Array(datagram.bytes[22..<54] + [0, 17] + length)))
        }
        try check(datagrams, headersEnd: 62)
    }

    private func check(_ datagrams: [PacketOut], headersEnd: Int) throws {
        #expect(datagrams.flatMap { $0.bytes.dropFirst(headersEnd) } == Self.payload)
        for datagram in datagrams {
            #expect(datagram.segmentSize == 0)
            #expect(Array(datagram.bytes[headersEnd - 8..<headersEnd - 4]) == Array(Self.udp.prefix(4)))
            #expect(word(datagram.bytes, headersEnd - 4) == datagram.bytes.count - headersEnd + 8)
            #expect(try #require(TransportHeader(of: datagram.bytes)).isPartial(in: datagram.bytes))
        }
    }

    @Test func whatIsNoUDPOfFewSegmentsIsNotCut() {
        #expect(PacketOut(Self.ipv4 + Self.udp + Self.payload).datagrams == nil)
        #expect(PacketOut(Self.ipv4 + Self.udp + Self.payload, segmentSize: 19).datagrams == nil)
        #expect(PacketOut(Self.ipv4 + Self.udp + Self.payload, segmentSize: 20).datagrams?.count == 125)
        var tcp = Self.ipv6
        tcp[20] = 6
        #expect(PacketOut(tcp + [UInt8](repeating: 0, count: 2000), segmentSize: 1000).datagrams == nil)
        #expect(PacketOut([UInt8](repeating: 0xff, count: 2000), segmentSize: 1000).datagrams == nil)
    }
}
