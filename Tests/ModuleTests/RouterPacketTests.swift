// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import ModuleKit
import TestSupport
import Testing
import TypedValue

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// A packet from `left` (10.0.1.2), as it comes in by port 1.
private func udp(
    from: String = "10.0.1.2", to: String = "10.0.2.2", ttl: UInt8 = 64, options: [UInt8] = []
) throws -> IPv4Packet {
    let source = try address(from)
    let destination = try address(to)
    var packet = IPv4Packet(
        protocol: IPProtocol.udp, source: source, destination: destination,
        payload: UDPDatagram(sourcePort: 1000, destinationPort: 9, payload: [UInt8](repeating: 1, count: 32))
            .bytes(source: source, destination: destination))
    packet.timeToLive = ttl
    packet.options = options
    return packet
}

private func udp6(
    from: String = "2001:db8:1::2", to: String = "2001:db8:2::2", hopLimit: UInt8 = 64, next: UInt8 = IPProtocol.udp,
    payload: [UInt8]? = nil
) throws -> IPv6Packet {
    let source = try address(from)
    let destination = try address(to)
    var packet = IPv6Packet(
        nextHeader: next, source: source, destination: destination,
        payload: payload
            ?? UDPDatagram(sourcePort: 1000, destinationPort: 9, payload: [UInt8](repeating: 1, count: 32))
            .bytes(source: source, destination: destination))
    packet.hopLimit = hopLimit
    return packet
}

/// Frames made by hand: what the router does with each, without a device.
@Suite("Router: packets", .serialized) struct RouterPacketTests {
    private static let sender = MACAddress("02:00:00:00:0a:01") ?? .broadcast

    private static func frame(
        _ payload: [UInt8], to mac: MACAddress, type: UInt16 = EtherType.ipv4, from: MACAddress = sender
    ) -> [UInt8] {
        EthernetFrame(destination: mac, source: from, etherType: type, payload: payload).bytes
    }

    /// Changes a byte, and makes the IPv4 header checksum right again.
    private static func changed(_ bytes: [UInt8], at index: Int, to value: UInt8) -> [UInt8] {
        var bytes = bytes
        bytes[index] = value
        bytes.replaceSubrange(10..<12, with: [0, 0])
        let sum = InternetChecksum.of(bytes.prefix(20))
        bytes.replaceSubrange(10..<12, with: [UInt8(sum >> 8), UInt8(sum & 0xff)])
        return bytes
    }

    @Test func eachBadPacketIsCountedOnceForItsReason() async throws {
        try await RouterRig.with("      routes:\n        - {prefix: 10.7.0.0/16, type: blackhole}") { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            #expect(try await rig.left.pings("2001:db8:2::2", wait: "5"))
            let mac = try #require(try await rig.mac(port: 1))
            // What hosts send by themselves, as for groups that they join, would be counted too.
            for host in [rig.left, rig.right] { try await host.run("ip", "link", "set", "eth0", "down") }
            func four(_ packet: IPv4Packet) -> [UInt8] { Self.frame(packet.bytes, to: mac) }
            func six(_ packet: IPv6Packet) -> [UInt8] { Self.frame(packet.bytes, to: mac, type: EtherType.ipv6) }
            let good = try udp().bytes
            var sum = good
            sum[10] ^= 1
            var long = try udp6().bytes
            long[4] = 1
            let arp = ARPPacket(
                .request, senderMAC: Self.sender, sender: try address("10.0.1.2"), target: try address("10.0.1.1"))
            var other = arp
            other.target = try address("10.0.1.7")
            var ours = arp
            ours.sender = try address("10.0.1.1")
            var reply = arp
            reply.operation = .reply
            reply.sender = try address("10.0.1.77")
            var wrong = arp.bytes
            wrong[4] = 5
            var fragment = try udp(to: "10.0.1.1")
            fragment.fragmentOffset = 8
            let echo = ICMPMessage(type: 0, body: [1, 2, 3, 4])
            let igmp = IPv4Packet(
                protocol: IPProtocol.icmp, source: try address("10.0.1.2"), destination: try address("10.0.1.1"),
                payload: echo.bytes)
            let bad: [(String, [UInt8])] = [
                ("not_ip", Self.frame([UInt8](repeating: 0, count: 46), to: mac, type: 0x88b5)),
                ("tagged", Self.frame([0, 5, 8, 0] + good, to: mac, type: 0x8100)),
                ("not_for_us", Self.frame(good, to: Self.sender)),
                ("multicast", Self.frame(try udp(to: "224.0.0.5").bytes, to: .multicast(try address("224.0.0.5")))),
                ("multicast", four(try udp(to: "239.1.1.1"))),
                ("broadcast", Self.frame(good, to: .broadcast)),
                ("broadcast", four(try udp(to: "10.0.2.255"))),
                ("broadcast", four(try udp(to: "255.255.255.255"))),
                ("bad_header", Self.frame(Self.changed(good, at: 0, to: 0x44), to: mac)),
                ("bad_header", Self.frame(Self.changed(good, at: 0, to: 0x55), to: mac)),
                ("truncated", Self.frame(Self.changed(good, at: 2, to: 4), to: mac)),
                ("truncated", Self.frame(long, to: mac, type: EtherType.ipv6)),
                ("bad_checksum", Self.frame(sum, to: mac)),
                ("martian_source", four(try udp(from: "127.0.0.1"))),
                ("martian_source", four(try udp(from: "0.0.0.0"))),
                ("martian_source", four(try udp(from: "224.0.0.1"))),
                ("martian_source", four(try udp(from: "255.255.255.255"))),
                ("martian_source", Self.frame(good, to: mac, from: .broadcast)),
                ("martian_source", four(try udp(from: "10.0.2.1", to: "10.0.1.1"))),
                ("martian_source", six(try udp6(from: "::"))),
                ("martian_source", six(try udp6(from: "::1"))),
                ("martian_source", six(try udp6(from: "::ffff:10.0.1.2"))),
                ("martian_source", six(try udp6(from: "ff02::1"))),
                ("martian_destination", four(try udp(to: "127.0.0.1"))),
                ("martian_destination", four(try udp(to: "0.1.2.3"))),
                ("martian_destination", four(try udp(to: "241.0.0.1"))),
                ("martian_destination", six(try udp6(to: "::1"))),
                ("land", four(try udp(from: "10.0.2.2"))),
                ("land", six(try udp6(from: "2001:db8:2::2"))),
                ("link_local", four(try udp(from: "169.254.1.1"))),
                ("link_local", four(try udp(to: "169.254.1.1"))),
                ("link_local", six(try udp6(from: "fe80::2"))),
                ("link_local", six(try udp6(to: "fe80::2"))),
                ("source_route", four(try udp(options: [131, 7, 4, 10, 0, 2, 9, 0]))),
                ("source_route", four(try udp(options: [1, 137, 7, 4, 10, 0, 2, 9]))),
                ("bad_header", four(try udp(options: [7, 1, 0, 0]))),
                ("bad_header", four(try udp(options: [7, 9, 4, 0]))),
                ("ttl_exceeded", four(try udp(ttl: 1))),
                ("ttl_exceeded", four(try udp(ttl: 0))),
                ("ttl_exceeded", six(try udp6(hopLimit: 1))),
                ("ttl_exceeded", six(try udp6(hopLimit: 0))),
                ("no_route", four(try udp(to: "172.16.0.1"))),
                ("no_route", six(try udp6(to: "2001:db8:ffff::1"))),
                ("blackhole", four(try udp(to: "10.7.0.1"))),
                ("arp_invalid", Self.frame(wrong, to: .broadcast, type: EtherType.arp)),
                ("arp_not_for_us", Self.frame(other.bytes, to: .broadcast, type: EtherType.arp)),
                ("arp_unsolicited", Self.frame(reply.bytes, to: mac, type: EtherType.arp)),
                ("address_conflict", Self.frame(ours.bytes, to: .broadcast, type: EtherType.arp)),
                ("fragment_for_us", four(fragment)),
                ("no_listener", four(try udp(to: "10.0.1.1"))),
                ("no_listener", six(try udp6(to: "2001:db8:1::1"))),
                ("ignored", four(igmp)),
                ("nd_invalid", six(try discovery(hopLimit: 64, target: "2001:db8:1::1"))),
                ("nd_not_for_us", six(try discovery(hopLimit: 255, target: "2001:db8:1::77"))),
            ]
            for (reason, frame) in bad {
                let before = try await rig.drops()
                let run = try await rig.receive(frame)
                let after = try await rig.drops()
                let counted = after.filter { before[$0.key, default: 0] != $0.value }
                #expect(
                    counted == [reason: before[reason, default: 0] + 1],
                    "\(reason): \(frame.map { String($0, radix: 16) })")
                #expect(run.returnValue == 2, "\(reason): dropped")
            }
        }
    }

    private func discovery(hopLimit: UInt8, target: String) throws -> IPv6Packet {
        let source = try address("2001:db8:1::2")
        let target = try address(target)
        let message = NeighbourMessage.solicitation(target: target, source: Self.sender).message
        return try udp6(
            to: "2001:db8:1::1", hopLimit: hopLimit, next: IPProtocol.icmpv6,
            payload: message.bytes(source: source, destination: try address("2001:db8:1::1")))
    }

    @Test func goodPacketsLeaveAsTheyShould() async throws {
        try await RouterRig.with { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            #expect(try await rig.left.pings("2001:db8:2::2", wait: "5"))
            let mac = try #require(try await rig.mac(port: 1))
            let out = try #require(try await rig.mac(port: 2))
            // Record route and router alert pass untouched.
            for options in [[], [7, 7, 4, 0, 0, 0, 0, 1], [148, 4, 0, 0]] as [[UInt8]] {
                // The first one by the route, the second one by the cache.
                for _ in 1...2 {
                    let sent = try udp(options: options)
                    let run = try await rig.receive(Self.frame(sent.bytes, to: mac))
                    let frame = try #require(EthernetFrame(bytes: run.data))
                    #expect(frame.source == out)
                    let packet = try #require(IPv4Packet(bytes: frame.payload), "with the right checksum")
                    var expected = sent
                    expected.timeToLive = 63
                    #expect(packet == expected)
                    #expect(run.returnValue == 7, "TC_ACT_REDIRECT")
                }
            }
            let extensions: [(UInt8, [UInt8])] = [
                (IPProtocol.udp, [1, 2, 3, 4, 0, 8, 0, 0]),
                (0, [IPProtocol.udp, 0, 5, 2, 0, 0, 1, 0, 1, 2, 3, 4, 0, 8, 0, 0]),
                (60, [IPProtocol.udp, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4, 0, 8, 0, 0]),
                (44, [IPProtocol.udp, 0, 0, 8, 0, 0, 0, 1, 1, 2, 3, 4, 0, 8, 0, 0]),
                (253, [1]),
            ]
            for (next, payload) in extensions {
                for _ in 1...2 {
                    let sent = try udp6(next: next, payload: payload)
                    let run = try await rig.receive(Self.frame(sent.bytes, to: mac, type: EtherType.ipv6))
                    let frame = try #require(EthernetFrame(bytes: run.data))
                    var expected = sent
                    expected.hopLimit = 63
                    #expect(IPv6Packet(bytes: frame.payload) == expected)
                    #expect(frame.source == out)
                    #expect(run.returnValue == 7)
                }
            }
        }
    }

    // The header checksum of every packet must come out right, whatever it was.
    @Test func checksumsAreRightForAllValues() async throws {
        try await RouterRig.with { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            let mac = try #require(try await rig.mac(port: 1))
            for id in stride(from: 0, through: 65_535, by: 257) {
                var sent = try udp(ttl: UInt8(2 + id % 250))
                sent.identification = UInt16(id)
                let run = try await rig.receive(Self.frame(sent.bytes, to: mac))
                let packet = EthernetFrame(bytes: run.data).flatMap { IPv4Packet(bytes: $0.payload) }
                #expect(packet?.timeToLive == sent.timeToLive - 1, "\(id)")
            }
        }
    }

    @Test func whoAsksIsAnsweredAndLearned() async throws {
        try await RouterRig.with { rig in
            let mac = try #require(try await rig.mac(port: 1))
            let asker = try #require(MACAddress("02:00:00:00:0a:07"))
            let request = ARPPacket(
                .request, senderMAC: asker, sender: try address("10.0.1.7"), target: try address("10.0.1.1"))
            let run = try await rig.receive(Self.frame(request.bytes, to: .broadcast, type: EtherType.arp, from: asker))
            let frame = try #require(EthernetFrame(bytes: run.data))
            #expect(frame.destination == asker && frame.source == mac)
            let answer = ARPPacket(
                .reply, senderMAC: mac, sender: try address("10.0.1.1"), targetMAC: asker,
                target: try address("10.0.1.7"))
            #expect(ARPPacket(bytes: frame.payload) == answer)
            #expect(try await rig.neighbour("10.0.1.7") == "stale")
            // Who is of another subnet is answered, but not learned.
            var stranger = request
            stranger.sender = try address("192.0.2.9")
            _ = try await rig.receive(Self.frame(stranger.bytes, to: .broadcast, type: EtherType.arp, from: asker))
            #expect(try await rig.neighbour("192.0.2.9") == nil)

            let source = try address("fe80::7")
            let target = try address("2001:db8:1::1")
            let group = try #require(target.solicitedNodeGroup)
            var question = IPv6Packet(
                nextHeader: IPProtocol.icmpv6, source: source, destination: group,
                payload: NeighbourMessage.solicitation(target: target, source: asker).message
                    .bytes(source: source, destination: group))
            question.hopLimit = 255
            let six = try await rig.receive(
                Self.frame(question.bytes, to: .multicast(group), type: EtherType.ipv6, from: asker))
            let told = try #require(EthernetFrame(bytes: six.data))
            #expect(told.destination == asker && told.source == mac)
            let packet = try #require(IPv6Packet(bytes: told.payload))
            #expect(packet.hopLimit == 255 && packet.source == target && packet.destination == source)
            let message = try #require(ICMPMessage(bytes: packet.payload, source: target, destination: source))
            #expect(
                NeighbourMessage(message)
                    == .advertisement(target: target, address: mac, isRouter: true, isSolicited: true, overrides: true))
            #expect(try await rig.neighbour("fe80::7") == "stale")
        }
    }

    /// A router advertisement, or something like it.
    private static func advertisement(
        from source: String, lifetime: UInt32 = 1800, hopLimit: UInt8 = 255, code: UInt8 = 0, options: [UInt8] = []
    ) throws -> [UInt8] {
        let source = try address(source)
        let group = try address("ff02::1")
        let message = ICMPMessage(
            type: 134, code: code, word: lifetime, body: [UInt8](repeating: 0, count: 8) + options)
        var packet = IPv6Packet(
            nextHeader: IPProtocol.icmpv6, source: source, destination: group,
            payload: message.bytes(source: source, destination: group))
        packet.hopLimit = hopLimit
        return frame(packet.bytes, to: .multicast(group), type: EtherType.ipv6)
    }

    @Test func advertisementsOfAProviderGiveADefaultRoute() async throws {
        try await RouterRig.with(interface: ", prefix_delegation: true") { rig in
            func gateways() async throws -> [TypedValue] {
                try await rig.list("routes").filter { $0["prefix"] == "::/0" }.compactMap { $0["via"] }
            }
            for bad in [
                try Self.advertisement(from: "2001:db8:1::66"), try Self.advertisement(from: "fe80::61", hopLimit: 64),
                try Self.advertisement(from: "fe80::62", code: 1),
                try Self.advertisement(from: "fe80::63", lifetime: 0),
                try Self.advertisement(from: "fe80::64", options: [1, 0, 0, 0, 0, 0, 0, 0]),
                try Self.advertisement(from: "fe80::65", options: [3, 4, 0, 0, 0, 0, 0, 0]),
            ] {
                _ = try await rig.receive(bad)
            }
            // The other port has no provider.
            _ = try await rig.receive(try Self.advertisement(from: "fe80::67"), port: 2)
            // They are taken one after the other: had one of those been heeded, it would be kept.
            _ = try await rig.receive(try Self.advertisement(from: "fe80::77"))
            try await wait(for: "a default route") { try await gateways() == [["fe80::77%left"]] }
            _ = try await rig.receive(try Self.advertisement(from: "fe80::78"))
            _ = try await rig.receive(try Self.advertisement(from: "fe80::77", lifetime: 0))
            try await wait(for: "the other one") { try await gateways() == [["fe80::78%left"]] }
            _ = try await rig.receive(try Self.advertisement(from: "fe80::78", lifetime: 1))
            try await wait(for: "its end") { try await gateways().isEmpty }
            #expect(try await rig.drops()["nd_invalid"] == 2)
        }
    }

    /// Port 546 is a client's where there is one.
    @Test func messagesOfDHCPv6AreForPortsWithAProvider() async throws {
        try await RouterRig.with(interface: ", prefix_delegation: true") { rig in
            for port in [1, 2] {
                let mac = try #require(try await rig.mac(port: port))
                let to = IPAddress.linkLocal(of: mac)
                for (destination, count) in [(to, port == 1 ? 0 : 1), (try address("2001:db8:\(port)::1"), 1)] {
                    let before = try await rig.drops()["no_listener"] ?? 0
                    let source = try address("fe80::77")
                    let payload = UDPDatagram(sourcePort: 547, destinationPort: 546, payload: [7, 0, 0, 1])
                        .bytes(source: source, destination: destination)
                    let packet = IPv6Packet(
                        nextHeader: IPProtocol.udp, source: source, destination: destination, payload: payload)
                    _ = try await rig.receive(Self.frame(packet.bytes, to: mac, type: EtherType.ipv6), port: port)
                    let counted = try await (rig.drops()["no_listener"] ?? 0) - before
                    #expect(counted == UInt64(count), "\(port) \(destination)")
                }
            }
        }
    }

    @Test func aConfirmedNeighbourIsNotPoisoned() async throws {
        try await RouterRig.with { rig in
            #expect(try await rig.left.pings("10.0.2.2", wait: "5"))
            #expect(try await rig.neighbour("10.0.1.2") != nil)
            let liar = try #require(MACAddress("02:00:00:00:0b:ad"))
            func mac(of address: String) async throws -> TypedValue? {
                try await rig.list("neighbours").first { $0["address"] == .string(address) }?["mac"]
            }
            let before = try await mac(of: "10.0.2.2")
            #expect(try await rig.neighbour("10.0.2.2") == "reachable")
            let claim = ARPPacket(
                .request, senderMAC: liar, sender: try address("10.0.2.2"), target: try address("10.0.2.1"))
            _ = try await rig.receive(Self.frame(claim.bytes, to: .broadcast, type: EtherType.arp, from: liar), port: 2)
            #expect(try await mac(of: "10.0.2.2") == before)
            try await wait(for: "the true one to answer") { try await rig.neighbour("10.0.2.2") == "reachable" }
            #expect(try await mac(of: "10.0.2.2") == before)
        }
    }

    @Test(arguments: ["loose", "strict"])
    func sourcesWithoutAWayBackAreDropped(_ mode: String) async throws {
        try await RouterRig.with(interface: ", reverse_path_filter: \(mode)") { rig in
            #expect(try await rig.left.pings("10.0.2.2", count: 3, wait: "5"))
            #expect(try await rig.left.pings("2001:db8:2::2", count: 3, wait: "5"))
            let mac = try #require(try await rig.mac(port: 1))
            for _ in 1...2 {
                let spoofed = try await rig.receive(Self.frame(try udp(from: "172.16.0.1").bytes, to: mac))
                #expect(spoofed.returnValue == 2)
                let other = try await rig.receive(Self.frame(try udp(from: "10.0.2.77").bytes, to: mac))
                #expect(other.returnValue == (mode == "strict" ? 2 : 7), "of the other port's subnet")
                let own = try await rig.receive(Self.frame(try udp(from: "10.0.2.1").bytes, to: mac))
                #expect(own.returnValue == 2, "the router's own address")
                let six = try await rig.receive(
                    Self.frame(try udp6(from: "2001:db8:ffff::1").bytes, to: mac, type: EtherType.ipv6))
                #expect(six.returnValue == 2)
            }
            #expect(try await rig.drops()["reverse_path"] == (mode == "strict" ? 8 : 6))
        }
    }

    @Test func errorsAreLimited() async throws {
        try await RouterRig.with("      icmp_error_rate: 1\n      icmp_error_burst: 3") { rig in
            #expect(try await rig.left.pings("10.0.1.1", wait: "5"))
            let flood = try await rig.left.attempts(
                "ping", "-c", "50", "-i", "0.002", "-W", "1", "172.16.0.1")
            let errors = flood.output.split(separator: "\n").filter { $0.contains("Net Unreachable") }.count
            #expect((3...5).contains(errors), "\(flood.output)")
            #expect(try await rig.drops()["no_route"] == 50, "each counted all the same")
        }
    }
}
