// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import RouterModule

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// What senders are told, and when they are not.
@Suite("Router: ICMP errors")
struct RouterErrorTests {
    private let mac = MACAddress("02:00:00:00:00:01")
    private let own = MACAddress("02:00:00:00:00:02")

    private func sources() throws -> ICMPErrors.Sources {
        ICMPErrors.Sources(
            addresses: [try address("10.0.0.1"), try address("2001:db8::1")], others: [try address("10.0.1.1")],
            linkLocal: try address("fe80::1"))
    }

    private func told(
        _ payload: [UInt8], _ type: UInt16 = EtherType.ipv4, _ error: PacketError = .timeExceeded, mtu: Int = 0,
        to destination: MACAddress? = nil
    ) throws -> [UInt8]? {
        let frame = EthernetFrame(
            destination: try destination ?? #require(own), source: try #require(mac), etherType: type, payload: payload)
        return ICMPErrors.packet(about: frame, error, mtu: mtu, from: try sources())
    }

    private func udp4(from: String = "10.0.0.9", to: String = "10.9.0.9", size: Int = 100) throws -> IPv4Packet {
        let source = try address(from)
        let destination = try address(to)
        let datagram = UDPDatagram(
            sourcePort: 1, destinationPort: 2, payload: [UInt8](repeating: 7, count: size)
        ).bytes(source: source, destination: destination)
        return IPv4Packet(protocol: IPProtocol.udp, source: source, destination: destination, payload: datagram)
    }

    @Test func anErrorQuotesWhatItIsAbout() throws {
        let bytes = try udp4().bytes
        let told = try #require(try told(bytes + [0, 0, 0]))
        let answer = try #require(IPv4Packet(bytes: told))
        #expect(answer.source == (try address("10.0.0.1")))
        #expect(answer.destination == (try address("10.0.0.9")))
        let message = try #require(ICMPMessage(bytes: answer.payload))
        #expect(message.type == 11 && message.code == 0)
        #expect(message.body == bytes, "without padding")
        let long = try #require(try self.told(try udp4(size: 1400).bytes))
        #expect(long.count == 576, "RFC 1812, 4.3.2.3")
    }

    @Test(
        arguments: [
            (.timeExceeded, 11, 0, 3, 0), (.noRoute, 3, 0, 1, 0), (.hostUnreachable, 3, 1, 1, 3),
            (.protocolUnreachable, 3, 2, 4, 1), (.portUnreachable, 3, 3, 1, 4), (.tooBig, 3, 4, 2, 0),
            (.prohibited, 3, 13, 1, 1),
        ] as [(PacketError, UInt8, UInt8, UInt8, UInt8)])
    func eachErrorHasItsNumbers(_ error: PacketError, _ type: UInt8, _ code: UInt8, _ type6: UInt8, _ code6: UInt8)
        throws
    {
        let bytes4 = try #require(try told(try udp4().bytes, EtherType.ipv4, error, mtu: 1280))
        let four = try #require(IPv4Packet(bytes: bytes4))
        let message = try #require(ICMPMessage(bytes: four.payload))
        #expect(message.type == type && message.code == code)
        #expect(message.word == (error == .tooBig ? 1280 : 0))
        let source = try address("2001:db8::9")
        let destination = try address("2001:db8:9::9")
        let packet = IPv6Packet(
            nextHeader: 17, source: source, destination: destination, payload: [1, 2, 3, 4, 5, 6, 7, 8])
        let bytes6 = try #require(try told(packet.bytes, EtherType.ipv6, error, mtu: 1280))
        let six = try #require(IPv6Packet(bytes: bytes6))
        #expect(six.source == (try address("2001:db8::1")))
        let message6 = try #require(ICMPMessage(bytes: six.payload, source: six.source, destination: six.destination))
        #expect(message6.type == type6 && message6.code == code6)
        #expect(message6.word == (error == .tooBig ? 1280 : error == .protocolUnreachable ? 6 : 0))
    }

    // RFC 1812, section 4.3.2.7.
    @Test func nobodyIsToldAboutThese() throws {
        var fragment = try udp4()
        fragment.fragmentOffset = 8
        #expect(try told(fragment.bytes) == nil)
        #expect(try told(try udp4(from: "0.0.0.0").bytes) == nil)
        #expect(try told(try udp4(from: "224.0.0.1").bytes) == nil)
        #expect(try told(try udp4(from: "127.0.0.1").bytes) == nil)
        #expect(try told(try udp4(from: "255.255.255.255").bytes) == nil)
        #expect(try told(try udp4(to: "224.0.0.9").bytes) == nil)
        #expect(try told(try udp4().bytes, to: .broadcast) == nil)
        #expect(try told(try udp4(from: "10.0.0.1").bytes) == nil, "itself")
        for type in [3, 4, 5, 11, 12, 30] as [UInt8] {
            let error = IPv4Packet(
                protocol: IPProtocol.icmp, source: try address("10.0.0.9"), destination: try address("10.9.0.9"),
                payload: ICMPMessage(type: type).bytes)
            #expect(try told(error.bytes) == nil, "type \(type)")
        }
        let echo = IPv4Packet(
            protocol: IPProtocol.icmp, source: try address("10.0.0.9"), destination: try address("10.9.0.9"),
            payload: ICMPMessage(type: 8).bytes)
        #expect(try told(echo.bytes) != nil)
    }

    // RFC 4443, section 2.4 (e).
    @Test func nobodyIsToldAboutTheseOfIPv6() throws {
        func packet(_ next: UInt8, _ payload: [UInt8], from: String = "2001:db8::9", to: String = "2001:db8:9::9")
            throws
            -> [UInt8]
        {
            IPv6Packet(nextHeader: next, source: try address(from), destination: try address(to), payload: payload)
                .bytes
        }
        let body: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try told(try packet(17, body), EtherType.ipv6) != nil)
        #expect(try told(try packet(17, body, from: "::"), EtherType.ipv6) == nil)
        #expect(try told(try packet(17, body, from: "ff02::1"), EtherType.ipv6) == nil)
        #expect(try told(try packet(17, body, to: "ff02::1"), EtherType.ipv6) == nil)
        #expect(try told(try packet(58, [1] + body), EtherType.ipv6) == nil)
        #expect(try told(try packet(58, [137] + body), EtherType.ipv6) == nil)
        #expect(try told(try packet(58, [128] + body), EtherType.ipv6) != nil)
        #expect(try told(try packet(60, [58, 0, 1, 4, 0, 0, 0, 0, 1] + body), EtherType.ipv6) == nil, "behind options")
        #expect(try told(try packet(44, [17, 0, 0, 8, 0, 0, 0, 1]), EtherType.ipv6) == nil, "a later fragment")
        #expect(try told(try packet(44, [17, 0, 0, 1, 0, 0, 0, 1] + body), EtherType.ipv6) != nil)
        let answer = try #require(try told(try packet(17, body, from: "fe80::9", to: "2001:db8::1"), EtherType.ipv6))
        #expect(IPv6Packet(bytes: answer)?.source == (try address("fe80::1")))
        let long = try #require(try told(try packet(17, [UInt8](repeating: 0, count: 1400)), EtherType.ipv6))
        #expect(long.count == 1280)
    }

    @Test func hostileBytesAreHarmless() throws {
        for count in 0..<80 {
            for first in [0x45, 0x4f, 0x60, 0xff] as [UInt8] {
                let bytes = [first] + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
                _ = try told(bytes)
                _ = try told(bytes, EtherType.ipv6)
            }
        }
    }
}
