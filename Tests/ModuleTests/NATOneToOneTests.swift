// SPDX-License-Identifier: Apache-2.0

import Dataplane
import OneToOneNATModule
import Testing
import TypedValue

/// What `onetoonenat` does with packets, at both hooks.
@Suite struct NATOneToOneTests {
    private static let config: TypedValue = [
        "nat_entries": [
            ["internal_ip": "10.0.1.1", "external_ip": "130.192.1.1"],
            ["internal_ip": "10.0.1.2", "external_ip": "130.192.1.2"],
        ],
        "prefixes": [
            ["internal": "10.1.0.0/16", "external": "198.18.0.0/16"],
            ["internal": "fd01:203:405::/48", "external": "2001:db8:1::/48"],
            ["internal": "fd00:0:0:8::/64", "external": "2001:db8:0:9::/64"],
        ],
    ]

    @Test(arguments: Hook.allCases)
    func addresses(hook: Hook) async throws {
        try await NATRig.with(OneToOneNATType(), Self.config, at: hook) { nat async throws in
            let cases = [
                (1, "udp 10.0.1.1:5 > 198.51.100.7:53", "2: udp 130.192.1.1:5 > 198.51.100.7:53"),
                (2, "tcp 198.51.100.7:80 > 130.192.1.1:5", "1: tcp 198.51.100.7:80 > 10.0.1.1:5"),
                (2, "echo 198.51.100.7:9 > 130.192.1.2", "1: echo 198.51.100.7:9 > 10.0.1.2"),
                (1, "47 10.0.1.2 > 198.51.100.7", "2: 47 130.192.1.2 > 198.51.100.7"),
                (1, "tcp 10.1.2.3:5 > 198.51.100.7:80", "2: tcp 198.18.2.3:5 > 198.51.100.7:80"),
                (2, "tcp 198.51.100.7:80 > 198.18.2.3:5", "1: tcp 198.51.100.7:80 > 10.1.2.3:5"),
                // Nothing stands for these.
                (1, "udp 10.0.1.3:5 > 198.51.100.7:53", "2: udp 10.0.1.3:5 > 198.51.100.7:53"),
                (2, "udp 198.51.100.7:53 > 130.192.1.3:5", "1: udp 198.51.100.7:53 > 130.192.1.3:5"),
                // From one inside to another by its outside address.
                (1, "udp 10.0.1.1:5 > 130.192.1.2:53", "1: udp 130.192.1.1:5 > 10.0.1.2:53"),
                (1, "udp 10.0.1.3:5 > 130.192.1.2:53", "1: udp 10.0.1.3:5 > 10.0.1.2:53"),
            ]
            for (port, from, to) in cases {
                #expect(try await nat(port, from) == to)
            }
            let options: [UInt8] = [0x94, 4, 0, 0]
            #expect(
                try await nat.text(of: NATPacket.frame("udp 10.0.1.1:5 > 198.51.100.7:53", options: options), into: 1)
                    == "2: udp 130.192.1.1:5 > 198.51.100.7:53")
            let back = try await nat.send(NATPacket.frame("udp 10.0.1.1:5 > 130.192.1.2:53"), into: 1)
            #expect(Array(back.frame[..<12]) == NATPacket.insideMAC + NATPacket.outsideMAC)
            for frame in NATPacket.fragments("udp 10.0.1.1:5 > 198.51.100.7:53", payload: 900, each: 400, id: 1) {
                #expect(try await nat.text(of: frame, into: 1).contains(" 130.192.1.1"))
            }
        }
    }

    @Test(arguments: Hook.allCases)
    func errors(hook: Hook) async throws {
        try await NATRig.with(OneToOneNATType(), Self.config, at: hook) { nat async throws in
            let sent = NATPacket.datagram("udp 130.192.1.1:5 > 198.51.100.7:53", payload: [1, 2])
            #expect(
                try await nat.error("203.0.113.1 > 130.192.1.1", type: 11, quoting: sent, into: 2)
                    == "1: error 203.0.113.1 > 10.0.1.1 [udp 10.0.1.1:5 > 198.51.100.7:53]")
            let received = NATPacket.datagram("udp 198.51.100.7:53 > 10.0.1.1:5", payload: [1, 2])
            #expect(
                try await nat.error("10.0.1.1 > 198.51.100.7", type: 3, quoting: received, into: 1)
                    == "2: error 130.192.1.1 > 198.51.100.7 [udp 198.51.100.7:53 > 130.192.1.1:5]")
        }
    }

    @Test("nothing stands for it, and it may not pass")
    func unmatched() async throws {
        let config: TypedValue = [
            "nat_entries": [["internal_ip": "10.0.1.1", "external_ip": "130.192.1.1"]], "unmatched": "drop",
        ]
        try await NATRig.with(OneToOneNATType(), config) { nat async throws in
            #expect(try await nat(1, "udp 10.0.1.3:5 > 198.51.100.7:53") == "dropped")
            #expect(try await nat(1, "udp 10.0.1.1:5 > 198.51.100.7:53") == "2: udp 130.192.1.1:5 > 198.51.100.7:53")
            #expect(try nat.drops(1) == 1)
            let arp: [UInt8] = NATPacket.outsideMAC + NATPacket.insideMAC + [8, 6] + [UInt8](repeating: 0, count: 46)
            #expect(try await nat.send(arp, into: 1).port == 2)
        }
    }

    /// A frame of IPv6 whose payload says nothing about addresses.
    private static func frame(_ source: String, _ destination: String, next: UInt8 = 17, _ payload: [UInt8] = [])
        -> [UInt8]
    {
        let data = payload + [UInt8](repeating: 7, count: 24)
        let ends = [source, destination].flatMap { IPAddress($0)?.bytes ?? [] }
        return NATPacket.outsideMAC + NATPacket.insideMAC + [0x86, 0xdd, 0x60, 0, 0, 0, 0, UInt8(data.count), next, 64]
            + ends + data
    }

    /// `2: fd00::1 > 2001:db8::1`, and whether all but the addresses is as it was.
    private static func text(_ outcome: NATRig.Outcome, of frame: [UInt8]) -> String {
        guard let port = outcome.port else { return "dropped" }
        let ends = [22..<38, 38..<54].map { IPAddress(bytes: outcome.frame[$0]).map { "\($0)" } ?? "" }
        let rest = outcome.frame[12..<22] == frame[12..<22] && outcome.frame[54...] == frame[54...]
        return "\(port): \(ends[0]) > \(ends[1])" + (rest ? "" : " changed")
    }

    /// Of 16-bit words, in one's complement.
    private static func sum(_ bytes: ArraySlice<UInt8>) -> Int {
        let bytes = Array(bytes)
        return stride(from: 0, to: bytes.count, by: 2).reduce(0) { $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1]) }
            % 65_535
    }

    @Test(arguments: Hook.allCases)
    func prefixesOfIPv6(hook: Hook) async throws {
        try await NATRig.with(OneToOneNATType(), Self.config, at: hook) { nat async throws in
            let other = "2001:db8:ff::1"
            let cases = [
                // RFC 6296, section 3.1.
                (1, "fd01:203:405:1::1234", other, "2: 2001:db8:1:d550::1234 > \(other)"),
                (2, other, "2001:db8:1:d550::1234", "1: \(other) > fd01:203:405:1::1234"),
                // Longer than 48 bits: the interface identifier makes up for it.
                (1, "fd00:0:0:8:ffff::5", other, nil),
                (1, "fd01:203:405:1::1234", "2001:db8:1:d551::77", "1: 2001:db8:1:d550::1234 > fd01:203:405:2::77"),
                (1, "fe80::1", other, "2: fe80::1 > \(other)"),
                // There is no such subnet outside.
                (1, "fd01:203:405:ffff::1234", other, "dropped"),
                (1, "fd00:0:0:8:ffff:ffff:ffff:ffff", other, "dropped"),
            ]
            for (port, source, destination, expected) in cases {
                let frame = Self.frame(source, destination)
                let outcome = try await nat.send(frame, into: port)
                let text = Self.text(outcome, of: frame)
                if let expected {
                    #expect(text == expected)
                } else {
                    #expect(text.hasPrefix("2: 2001:db8:0:9:ffff:"))
                }
                if outcome.port != nil {
                    #expect(Self.sum(outcome.frame[22..<54]) == Self.sum(frame[22..<54]), "\(text)")
                }
            }
            #expect(try nat.drops(2) == 2)
        }
    }

    @Test("errors of IPv6 are translated with what they quote; neighbour discovery is not", arguments: Hook.allCases)
    func messagesOfIPv6(hook: Hook) async throws {
        try await NATRig.with(OneToOneNATType(), Self.config, at: hook) { nat async throws in
            let quoted = Self.frame("2001:db8:1:d550::1234", "2001:db8:ff::1")[14...]
            let error = Self.frame(
                "2001:db8:ff::9", "2001:db8:1:d550::1234", next: 58, [3, 0, 0, 0, 0, 0, 0, 0] + quoted)
            let outcome = try await nat.send(error, into: 2)
            #expect(IPAddress(bytes: outcome.frame[38..<54]) == IPAddress("fd01:203:405:1::1234"))
            #expect(IPAddress(bytes: outcome.frame[70..<86]) == IPAddress("fd01:203:405:1::1234"))
            #expect(Self.sum(outcome.frame[14...]) == Self.sum(error[14...]))
            let question = Self.frame("fd01:203:405:1::1234", "ff02::1:ff00:1", next: 58, [135, 0, 0, 0])
            #expect(
                Self.text(try await nat.send(question, into: 1), of: question)
                    == "2: fd01:203:405:1::1234 > ff02::1:ff00:1")
        }
    }
}
