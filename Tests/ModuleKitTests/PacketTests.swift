// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
private func mac(_ text: String) throws -> MACAddress { try #require(MACAddress(text)) }

/// Packets are built and read as other implementations have them on the wire.
@Suite("Packets")
struct PacketTests {
    // RFC 1071, section 3, and an odd length.
    @Test func checksumIsTheRFCs() {
        #expect(~InternetChecksum.of([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]) == 0xddf2)
        #expect(InternetChecksum.of([0xab]) == ~0xab00)
        #expect(InternetChecksum.of([]) == 0xffff)
    }

    // An example known from many books: header 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
    @Test func ipv4HeaderHasItsChecksum() throws {
        var packet = IPv4Packet(
            protocol: IPProtocol.udp, source: try address("192.168.0.1"), destination: try address("192.168.0.199"),
            payload: [UInt8](repeating: 0, count: 0x73 - 20))
        packet.dontFragment = true
        let header: [UInt8] = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8,
            0x00, 0xc7,
        ]
        #expect(Array(packet.bytes.prefix(20)) == header)
        #expect(IPv4Packet(bytes: packet.bytes + [1, 2, 3]) == packet, "padding is left out")
        for index in 0..<20 {
            var broken = packet.bytes
            broken[index] ^= 1
            #expect(IPv4Packet(bytes: broken) == nil, "byte \(index)")
        }
        #expect(IPv4Packet(bytes: packet.bytes.dropLast()) == nil)
        #expect(IPv4Packet(quoted: packet.bytes.prefix(28))?.payload.count == 8)
    }

    @Test func ipv4OptionsAreKeptAndCopiedAsTheySay() throws {
        var packet = IPv4Packet(
            protocol: 6, source: try address("10.0.0.1"), destination: try address("10.0.0.2"),
            payload: [UInt8](repeating: 7, count: 100))
        // Record route (not copied), then router alert (copied).
        packet.options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0]
        #expect(IPv4Packet(bytes: packet.bytes) == packet)
        let pieces = try #require(packet.fragments(mtu: 80))
        #expect(pieces.map(\.options.count) == [12, 4])
        #expect(pieces.map(\.fragmentOffset) == [0, 48])
        #expect(pieces.map(\.moreFragments) == [true, false])
        #expect(pieces.flatMap(\.payload) == packet.payload)
        #expect(pieces.allSatisfy { $0.bytes.count <= 80 })
        #expect(packet.fragments(mtu: 39) == nil)
    }

    @Test func fragmentsOfAFragmentStayInTheirPlace() throws {
        var packet = IPv4Packet(
            protocol: 17, source: try address("10.0.0.1"), destination: try address("10.0.0.2"),
            payload: [UInt8](repeating: 7, count: 1480))
        packet.fragmentOffset = 1480
        packet.moreFragments = true
        let pieces = try #require(packet.fragments(mtu: 1000))
        #expect(pieces.map(\.fragmentOffset) == [1480, 2456])
        #expect(pieces.map(\.moreFragments) == [true, true])
    }

    @Test func udpIsSummedWithItsAddresses() throws {
        let source = try address("10.0.0.1")
        let destination = try address("10.0.0.2")
        let datagram = UDPDatagram(sourcePort: 68, destinationPort: 67, payload: [1, 2, 3])
        let bytes = datagram.bytes(source: source, destination: destination)
        #expect(UDPDatagram(bytes: bytes, source: source, destination: destination) == datagram)
        #expect(UDPDatagram(bytes: bytes, source: source, destination: try address("10.0.0.3")) == nil)
        var unsummed = bytes
        unsummed.replaceSubrange(6..<8, with: [0, 0])
        #expect(UDPDatagram(bytes: unsummed, source: source, destination: destination) == datagram)
        let six = try address("fe80::1")
        #expect(UDPDatagram(bytes: unsummed, source: six, destination: six) == nil, "IPv6 wants a checksum")
        #expect(UDPDatagram(bytes: bytes.dropLast(), source: source, destination: destination) == nil)
    }

    // A request of 10.0.0.1 for 10.0.0.2.
    @Test func arpIsReadAndWritten() throws {
        let packet = ARPPacket(
            .request, senderMAC: try mac("02:00:00:00:00:01"), sender: try address("10.0.0.1"),
            target: try address("10.0.0.2"))
        let bytes: [UInt8] = [
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
        ]
        #expect(packet.bytes == bytes)
        #expect(ARPPacket(bytes: bytes + [UInt8](repeating: 0, count: 18)) == packet)
        #expect(ARPPacket(bytes: bytes.dropLast()) == nil)
        var other = bytes
        other[7] = 3
        #expect(ARPPacket(bytes: other) == nil)
    }

    @Test func neighbourMessagesAreReadAndWritten() throws {
        let source = try address("fe80::1")
        let target = try address("2001:db8::2")
        let group = try #require(target.solicitedNodeGroup)
        let asker = try mac("02:00:00:00:00:01")
        let asked = NeighbourMessage.solicitation(target: target, source: asker)
        let packet = IPv6Packet(
            nextHeader: IPProtocol.icmpv6, source: source, destination: group,
            payload: asked.message.bytes(source: source, destination: group))
        #expect(IPv6Packet(bytes: packet.bytes) == packet)
        let read = try #require(ICMPMessage(bytes: packet.payload, source: source, destination: group))
        #expect(NeighbourMessage(read) == asked)
        let answer = NeighbourMessage.advertisement(
            target: target, address: asker, isRouter: true, isSolicited: true, overrides: false)
        #expect(NeighbourMessage(answer.message) == answer)
        #expect(answer.message.word == 0xc000_0000)
        // An option without length makes the message void.
        var void = answer.message
        void.body[17] = 0
        #expect(NeighbourMessage(void) == nil)
    }

    @Test func icmpErrorsOfBothFamilies() throws {
        let message = ICMPMessage(type: 3, code: 4, word: 1280, body: [1, 2, 3, 4, 5])
        #expect(ICMPMessage(bytes: message.bytes) == message)
        var broken = message.bytes
        broken[9] ^= 1
        #expect(ICMPMessage(bytes: broken) == nil)
        #expect(ICMPMessage(bytes: [0, 0, 0xff]) == nil)
    }

    @Test func anythingCutOffIsRefusedWithoutHarm() throws {
        for count in 0..<60 {
            let bytes = [UInt8](repeating: 0x45, count: count)
            _ = IPv4Packet(bytes: bytes)
            _ = IPv4Packet(quoted: bytes)
            _ = IPv6Packet(bytes: bytes)
            _ = ARPPacket(bytes: bytes)
            _ = DiscoveryOption.split(bytes)
            #expect((EthernetFrame(bytes: bytes) == nil) == (count < 14))
        }
    }
}
