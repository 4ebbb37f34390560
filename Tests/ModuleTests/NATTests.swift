// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import ModuleKit
import NATModule
import TestSupport
import Testing
import TypedValue

/// `enum reason` of nat.
enum NATReason: Int, CaseIterable {
    case malformed, noPublicAddress, noPort, sessionsFull, clientLimit, unmatched, notOurs, filtered, noConnection
    case icmpUnrelated, fragmentUnknown, busy, failed
}

extension NATRig {
    func drops(_ reason: NATReason) throws -> UInt64 { try drops(reason.rawValue) }
}

/// What `nat` does with packets of every kind, at both hooks.
@Suite struct NATTests {
    private static let plain: TypedValue = ["public_ip": "192.0.2.1"]

    private func with(
        _ config: TypedValue, _ hook: Hook, _ body: (NATRig) async throws -> Void
    ) async throws {
        try await NATRig.with(NATType(), config, at: hook, body)
    }

    private func with(_ hook: Hook, _ body: (NATRig) async throws -> Void) async throws {
        try await with(Self.plain, hook, body)
    }

    @Test("clients share the public address, and answers find them", arguments: Hook.allCases)
    func masquerade(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            #expect(
                try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53") == "2: udp 192.0.2.1:5000 > 198.51.100.7:53")
            #expect(
                try await nat(2, "udp 198.51.100.7:53 > 192.0.2.1:5000") == "1: udp 198.51.100.7:53 > 10.0.0.2:5000")
            #expect(
                try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 S") == "2: tcp 192.0.2.1:5000 > 198.51.100.7:80")
            #expect(
                try await nat(2, "tcp 198.51.100.7:80 > 192.0.2.1:5000 SA") == "1: tcp 198.51.100.7:80 > 10.0.0.2:5000")
            #expect(try await nat(1, "echo 10.0.0.2:77 > 198.51.100.7") == "2: echo 192.0.2.1:77 > 198.51.100.7")
            #expect(try await nat(2, "reply 198.51.100.7 > 192.0.2.1:77") == "1: reply 198.51.100.7 > 10.0.0.2:77")
            // GRE has no ports.
            #expect(try await nat(1, "47 10.0.0.2 > 198.51.100.7") == "2: 47 192.0.2.1 > 198.51.100.7")
            #expect(try await nat(2, "47 198.51.100.7 > 192.0.2.1") == "1: 47 198.51.100.7 > 10.0.0.2")
            #expect(try nat.sessionCounts() == [4, 4, 0, 0, 0])
            #expect(try nat.size("sessions") == 8)
        }
    }

    @Test("a second client with the same port gets another one, odd or even as its own", arguments: Hook.allCases)
    func collision(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            _ = try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53")
            let second = try await nat(1, "udp 10.0.0.3:5000 > 198.51.100.7:53")
            let port = try #require(Int(second.split(separator: ":")[2].prefix { $0.isNumber }))
            #expect(port != 5000 && port % 2 == 0)
            #expect(
                try await nat(2, "udp 198.51.100.7:53 > 192.0.2.1:\(port)") == "1: udp 198.51.100.7:53 > 10.0.0.3:5000")
        }
    }

    @Test(
        "an inside port is one public port for all remote ends, or one for each",
        arguments: ["endpoint-independent", "address-and-port-dependent"])
    func mapping(kind: String) async throws {
        try await with(["public_ip": "192.0.2.1", "mapping": .string(kind), "port_preservation": false], .tc) {
            nat async throws in
            var ports: Set<Substring> = []
            for host in 1...8 {
                let text = try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.\(host):53")
                ports.insert(text.split(separator: ":")[2].prefix { $0.isNumber })
            }
            #expect((ports.count == 1) == (kind == "endpoint-independent"), "\(ports)")
        }
    }

    @Test(
        "who may send to a mapping",
        arguments: [
            ("endpoint-independent", [true, true, true]), ("address-dependent", [true, true, false]),
            ("address-and-port-dependent", [true, false, false]),
        ])
    func filtering(kind: String, passes: [Bool]) async throws {
        try await with(["public_ip": "192.0.2.1", "filtering": .string(kind)], .tc) { nat async throws in
            _ = try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53")
            // The end itself, another port of its address, another address.
            let ends = ["198.51.100.7:53", "198.51.100.7:99", "198.51.100.8:53"]
            for (end, passes) in zip(ends, passes) {
                let text = try await nat(2, "udp \(end) > 192.0.2.1:5000")
                #expect(text == (passes ? "1: udp \(end) > 10.0.0.2:5000" : "dropped"))
            }
            #expect(try nat.drops(.filtered) == UInt64(passes.filter { !$0 }.count))
            // The router does not get what is for a mapping; a port without one is the router's.
            #expect(try await nat(2, "udp 198.51.100.8:53 > 192.0.2.1:5002").hasPrefix("1: "))
        }
    }

    @Test("ports that are forwarded lead inside, from inside as well", arguments: Hook.allCases)
    func forwards(hook: Hook) async throws {
        let config: TypedValue = [
            "public_ip": "192.0.2.1",
            "forwards": [
                [
                    "protocol": "tcp", "external_port": "8000-8009", "internal_ip": "10.0.0.80",
                    "internal_port": "80-89",
                ],
                ["external_ip": "192.0.2.9", "internal_ip": "10.0.0.99"],
            ],
        ]
        try await with(config, hook) { nat async throws in
            #expect(
                try await nat(2, "tcp 198.51.100.7:4000 > 192.0.2.1:8003 S")
                    == "1: tcp 198.51.100.7:4000 > 10.0.0.80:83")
            #expect(
                try await nat(1, "tcp 10.0.0.80:83 > 198.51.100.7:4000 SA")
                    == "2: tcp 192.0.2.1:8003 > 198.51.100.7:4000")
            #expect(
                try await nat(2, "udp 198.51.100.7:4000 > 192.0.2.9:53") == "1: udp 198.51.100.7:4000 > 10.0.0.99:53")
            #expect(try await nat(2, "echo 198.51.100.7:5 > 192.0.2.9") == "1: echo 198.51.100.7:5 > 10.0.0.99")
            #expect(try await nat(1, "reply 10.0.0.99 > 198.51.100.7:5") == "2: reply 192.0.2.9 > 198.51.100.7:5")
            #expect(try await nat(2, "tcp 198.51.100.7:4000 > 192.0.2.1:8004 A") == "dropped")
            #expect(try nat.drops(.noConnection) == 1)
            // A forwarded port is given to nobody.
            let other = try await nat(1, "tcp 10.0.0.2:8005 > 198.51.100.7:80 S")
            #expect(other.hasPrefix("2: tcp 192.0.2.1:") && !other.contains(":8005"))
            // Hairpin: the same way back, with the stations exchanged.
            let there = try await nat.send(NATPacket.frame("tcp 10.0.0.2:6000 > 192.0.2.1:8000 S"), into: 1)
            #expect(there.text == "1: tcp 192.0.2.1:6000 > 10.0.0.80:80")
            #expect(Array(there.frame[..<12]) == NATPacket.insideMAC + NATPacket.outsideMAC)
            let back = try await nat.send(NATPacket.frame("tcp 10.0.0.80:80 > 192.0.2.1:6000 SA"), into: 1)
            #expect(back.text == "1: tcp 192.0.2.1:8000 > 10.0.0.2:6000")
            #expect(Array(back.frame[..<12]) == NATPacket.insideMAC + NATPacket.outsideMAC)
            // No port 8010 is forwarded.
            #expect(try await nat(1, "tcp 10.0.0.2:6000 > 192.0.2.1:8010 S") == "dropped")
        }
    }

    @Test("ICMP errors are translated with what they quote", arguments: Hook.allCases)
    func errors(hook: Hook) async throws {
        try await with(
            ["public_ip": "192.0.2.1", "port_range": "40000-40000", "port_preservation": false], hook
        ) { nat async throws in
            #expect(
                try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53") == "2: udp 192.0.2.1:40000 > 198.51.100.7:53")
            let sent = NATPacket.datagram("udp 192.0.2.1:40000 > 198.51.100.7:53", payload: [1, 2, 3, 4])
            // From a router on the way.
            var error = NATPacket.error("203.0.113.9 > 192.0.2.1", type: 11, quoting: sent)
            #expect(
                try await nat.text(of: error, into: 2)
                    == "1: error 203.0.113.9 > 10.0.0.2 [udp 10.0.0.2:5000 > 198.51.100.7:53]")
            // An answer that the client does not want any more; its error says nothing of the inside.
            let answer = NATPacket.datagram("udp 198.51.100.7:53 > 10.0.0.2:5000", payload: [1, 2, 3, 4])
            error = NATPacket.error("10.0.0.1 > 198.51.100.7", type: 3, quoting: answer)
            #expect(
                try await nat.text(of: error, into: 1)
                    == "2: error 192.0.2.1 > 198.51.100.7 [udp 198.51.100.7:53 > 192.0.2.1:40000]")
            let ping = try await nat(1, "echo 10.0.0.2:9 > 198.51.100.7")
            #expect(ping.hasPrefix("2: echo 192.0.2.1:"))
            let echo = NATPacket.datagram(String(ping.dropFirst(3)), payload: [])
            #expect(
                try await nat.error("203.0.113.9 > 192.0.2.1", type: 3, quoting: echo, into: 2)
                    == "1: error 203.0.113.9 > 10.0.0.2 [echo 10.0.0.2:9 > 198.51.100.7]")
            // About nothing that is known, from inside.
            let other = NATPacket.datagram("udp 198.51.100.8:53 > 10.0.0.2:5000", payload: [])
            error = NATPacket.error("10.0.0.2 > 198.51.100.8", type: 3, quoting: other)
            #expect(try await nat.text(of: error, into: 1) == "dropped")
            #expect(try nat.drops(.icmpUnrelated) == 1)
        }
    }

    @Test("fragments follow their first one", arguments: Hook.allCases)
    func fragments(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            let frames = NATPacket.fragments("udp 10.0.0.2:5000 > 198.51.100.7:53", payload: 2000, each: 800, id: 9)
            #expect(try await nat.text(of: frames[1], into: 1) == "dropped", "before the first one")
            for (index, frame) in frames.enumerated() {
                let outcome = try await nat.send(frame, into: 1)
                #expect(
                    outcome.text
                        == (index == 0
                            ? "2: udp 192.0.2.1:5000 > 198.51.100.7:53" : "2: fragment 192.0.2.1 > 198.51.100.7"))
            }
            let answers = NATPacket.fragments("udp 198.51.100.7:53 > 192.0.2.1:5000", payload: 2000, each: 800, id: 9)
            for (index, frame) in answers.enumerated() {
                let outcome = try await nat.send(frame, into: 2)
                #expect(
                    outcome.text
                        == (index == 0
                            ? "1: udp 198.51.100.7:53 > 10.0.0.2:5000" : "1: fragment 198.51.100.7 > 10.0.0.2"))
            }
            #expect(try nat.drops(.fragmentUnknown) == 1)
        }
    }

    @Test("options and tags are no hindrance, nonsense is", arguments: Hook.allCases)
    func oddPackets(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            let routerAlert: [UInt8] = [0x94, 4, 0, 0]
            let text = "udp 10.0.0.2:5000 > 198.51.100.7:53"
            #expect(
                try await nat.text(of: NATPacket.frame(text, options: routerAlert), into: 1)
                    == "2: udp 192.0.2.1:5000 > 198.51.100.7:53")
            if hook == .xdp {
                // At tc the kernel would take the tag out.
                #expect(
                    try await nat.text(of: NATPacket.frame(text, tag: 5), into: 1)
                        == "2: tagged udp 192.0.2.1:5000 > 198.51.100.7:53")
            }
            var short = NATPacket.frame(text)
            short[17] = 255
            #expect(try await nat.send(short, into: 1).port == nil)
            #expect(try nat.drops(.malformed) == 1)
            for size in 14..<60 {
                _ = try? nat.run(Array(NATPacket.frame(text).prefix(size)), into: 1)
            }
            let arp: [UInt8] = NATPacket.frame(text)[..<12] + [8, 6] + [UInt8](repeating: 0, count: 46)
            #expect(try await nat.send(arp, into: 1).port == 2)
            #expect(try await nat.send(arp, into: 2).port == 1)
        }
    }

    @Test("what is the router's own passes, and is answered", arguments: Hook.allCases)
    func router(hook: Hook) async throws {
        try await with(["public_ip": "192.0.2.1", "public_port_ip": "192.0.2.254"], hook) { nat async throws in
            #expect(
                try await nat(1, "udp 192.0.2.1:123 > 198.51.100.7:123") == "2: udp 192.0.2.1:123 > 198.51.100.7:123")
            #expect(
                try await nat(2, "udp 198.51.100.7:123 > 192.0.2.1:123") == "1: udp 198.51.100.7:123 > 192.0.2.1:123")
            // A ping from outside is the router's to answer.
            #expect(try await nat(2, "echo 198.51.100.7:4 > 192.0.2.1") == "1: echo 198.51.100.7:4 > 192.0.2.1")
            #expect(try await nat(1, "reply 192.0.2.1 > 198.51.100.7:4") == "2: reply 192.0.2.1 > 198.51.100.7:4")
            #expect(try await nat(1, "echo 192.0.2.254:4 > 198.51.100.7") == "2: echo 192.0.2.254:4 > 198.51.100.7")
            #expect(try await nat(2, "reply 198.51.100.7 > 192.0.2.254:4") == "1: reply 198.51.100.7 > 192.0.2.254:4")
            // A DHCP client.
            #expect(try await nat(1, "udp 0.0.0.0:68 > 255.255.255.255:67").hasPrefix("2: udp 0.0.0.0:68"))
            // Its own errors.
            let unwanted = NATPacket.datagram("udp 198.51.100.7:9 > 192.0.2.1:9999", payload: [1])
            let error = NATPacket.error("192.0.2.1 > 198.51.100.7", type: 3, quoting: unwanted)
            #expect(
                try await nat.text(of: error, into: 1)
                    == "2: error 192.0.2.1 > 198.51.100.7 [udp 198.51.100.7:9 > 192.0.2.1:9999]")
            // The inside is not to be reached past the NAT.
            #expect(try await nat(2, "udp 198.51.100.7:9 > 10.0.0.2:9") == "dropped")
            #expect(try nat.drops(.notOurs) == 1)
        }
        try await with(["public_ip": "192.0.2.1", "unmatched": "drop"], hook) { nat async throws in
            #expect(try await nat(2, "echo 198.51.100.7:4 > 192.0.2.1") == "dropped")
            #expect(try nat.drops(.unmatched) == 1)
        }
    }

    @Test("the router's port goes elsewhere when a client has it", arguments: [Hook.tc])
    func routerSharesPorts(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            _ = try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53")
            let own = try await nat(1, "udp 192.0.2.1:5000 > 198.51.100.7:53")
            let port = try #require(Int(own.split(separator: ":")[2].prefix { $0.isNumber }))
            #expect(port != 5000)
            #expect(
                try await nat(2, "udp 198.51.100.7:53 > 192.0.2.1:\(port)") == "1: udp 198.51.100.7:53 > 192.0.2.1:5000"
            )
        }
    }

    @Test("the public address is learned at run time", arguments: Hook.allCases)
    func learned(hook: Hook) async throws {
        try await with([:], hook) { nat async throws in
            #expect(try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53") == "dropped")
            #expect(try nat.drops(.noPublicAddress) == 1)
            #expect(
                try await nat(2, "udp 192.0.2.254:67 > 192.0.2.1:68").hasPrefix("1: "), "what a DHCP client waits for")
            try nat.map("public_address").set([192, 0, 2, 1], for: [0, 0, 0, 0])
            #expect(
                try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53") == "2: udp 192.0.2.1:5000 > 198.51.100.7:53")
            // Another address: the sessions of the old one end.
            try nat.map("public_address").set([192, 0, 2, 9], for: [0, 0, 0, 0])
            try await wait(for: "the old session to go") { try nat.sessionCounts()[0] == 0 }
            #expect(
                try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53") == "2: udp 192.0.2.9:5000 > 198.51.100.7:53")
        }
    }

    @Test("pools, by the inside prefix")
    func pools() async throws {
        let config: TypedValue = [
            "public_ip": "192.0.2.1",
            "pools": [
                ["inside": "10.1.0.0/16", "addresses": ["203.0.113.0/30", "203.0.113.9-203.0.113.10"]],
                ["inside": "10.1.2.0/24", "addresses": ["203.0.113.77"]],
            ],
            "untranslated": ["10.2.0.0/16"],
        ]
        try await with(config, .tc) { nat async throws in
            var used: Set<Substring> = []
            for host in 1...40 {
                let texts = [
                    try await nat(1, "udp 10.1.0.\(host):5000 > 198.51.100.7:53"),
                    try await nat(1, "udp 10.1.0.\(host):5000 > 198.51.100.8:53"),
                ]
                let addresses = Set(texts.map { $0.split(separator: " ")[2].split(separator: ":")[0] })
                #expect(addresses.count == 1, "a client always has the same")
                used.formUnion(addresses)
            }
            #expect(
                used == ["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.9", "203.0.113.10"])
            #expect(
                try await nat(1, "udp 10.1.2.3:5000 > 198.51.100.7:53") == "2: udp 203.0.113.77:5000 > 198.51.100.7:53")
            #expect(
                try await nat(2, "udp 198.51.100.7:53 > 203.0.113.77:5000") == "1: udp 198.51.100.7:53 > 10.1.2.3:5000")
            #expect(try await nat(1, "udp 10.9.0.1:5000 > 198.51.100.7:53").hasPrefix("2: udp 192.0.2.1:"))
            #expect(try await nat(1, "udp 10.2.0.1:5000 > 198.51.100.7:53") == "2: udp 10.2.0.1:5000 > 198.51.100.7:53")
            #expect(try await nat(2, "udp 198.51.100.7:53 > 10.2.0.1:5000") == "1: udp 198.51.100.7:53 > 10.2.0.1:5000")
            // Nobody has this port, and no router has this address.
            #expect(try await nat(2, "udp 198.51.100.7:53 > 203.0.113.77:5001") == "dropped")
        }
    }

    @Test("a full table and a client's limit refuse, and say so", arguments: Hook.allCases)
    func limits(hook: Hook) async throws {
        try await with(["public_ip": "192.0.2.1", "sessions": 64], hook) { nat async throws in
            for port in 1...80 {
                _ = try await nat(1, "udp 10.0.0.2:\(2000 + port) > 198.51.100.7:53")
            }
            #expect(try nat.sessionCounts() == [64, 64, 0, 0, 16])
            #expect(try nat.drops(.sessionsFull) == 16)
            #expect(try nat.size("mappings") == 128, "none is left behind")
            #expect(
                try await nat(1, "udp 10.0.0.2:2001 > 198.51.100.7:53") == "2: udp 192.0.2.1:2001 > 198.51.100.7:53")
        }
        try await with(["public_ip": "192.0.2.1", "sessions_per_client": 5], hook) { nat async throws in
            for client in 1...2 {
                for port in 1...8 {
                    _ = try await nat(1, "udp 10.0.0.\(client):\(2000 + port) > 198.51.100.7:53")
                }
            }
            #expect(try nat.sessionCounts()[0] == 10)
            #expect(try nat.drops(.clientLimit) == 6)
            #expect(try nat.size("mappings") == 20)
            #expect(try nat.size("sessions") == 20)
            #expect(try nat.size("clients") == 2)
        }
    }

    @Test("when all ports are taken nothing is left behind")
    func exhaustion() async throws {
        for mapping in ["endpoint-independent", "address-and-port-dependent"] {
            let config: TypedValue = ["public_ip": "192.0.2.1", "port_range": "5000-5009", "mapping": .string(mapping)]
            try await with(config, .tc) { nat async throws in
                for client in 1...12 {
                    _ = try await nat(1, "udp 10.0.0.\(client):5000 > 198.51.100.7:53")
                }
                #expect(try nat.sessionCounts()[0] == 10, "odd ones serve when the even ones are gone")
                #expect(try nat.drops(.noPort) == 2)
                #expect(try nat.size("sessions") == 20)
                #expect(try nat.size("clients") == 10)
            }
        }
    }

    @Test("sessions end with their time, and take all with them", arguments: Hook.allCases)
    func ageing(hook: Hook) async throws {
        let config: TypedValue = [
            "public_ip": "192.0.2.1", "filtering": "address-dependent",
            "timeouts": ["udp": 100, "udp_unreplied": 12, "icmp": 12, "tcp_transitory": 12],
        ]
        try await with(config, hook) { nat async throws in
            _ = try await nat(1, "udp 10.0.0.2:5000 > 198.51.100.7:53")
            _ = try await nat(1, "udp 10.0.0.3:5001 > 198.51.100.7:53")
            _ = try await nat(2, "udp 198.51.100.7:53 > 192.0.2.1:5001")
            _ = try await nat(1, "echo 10.0.0.2:9 > 198.51.100.7")
            _ = try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 S")
            // Open on both sides.
            _ = try await nat(1, "tcp 10.0.0.4:5004 > 198.51.100.7:80 S")
            _ = try await nat(2, "tcp 198.51.100.7:80 > 192.0.2.1:5004 SA")
            _ = try await nat(1, "tcp 10.0.0.4:5004 > 198.51.100.7:80 A")
            #expect(try nat.sessionCounts()[0] == 5)
            try await wait(for: "three sessions to end", atMost: .seconds(60)) {
                try nat.sessionCounts() == [2, 5, 3, 0, 0]
            }
            #expect(try nat.size("sessions") == 4)
            #expect(try nat.size("clients") == 2)
            #expect(try nat.size("mappings") == 6, "two for each end, and a contact")
            #expect(
                try await nat(2, "tcp 198.51.100.7:80 > 192.0.2.1:5004 A") == "1: tcp 198.51.100.7:80 > 10.0.0.4:5004")
            // Both sides close.
            _ = try await nat(1, "tcp 10.0.0.4:5004 > 198.51.100.7:80 FA")
            _ = try await nat(2, "tcp 198.51.100.7:80 > 192.0.2.1:5004 FA")
            try await wait(for: "the connection to end", atMost: .seconds(60)) { try nat.sessionCounts()[0] == 1 }
        }
    }

    @Test("a session whose entry user space deletes goes as a whole", arguments: [1, 2] as [UInt8])
    func kill(side: UInt8) async throws {
        try await with(.tc) { nat async throws in
            _ = try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 S")
            let key = try #require(try nat.map("sessions").entries(limit: 10).map(\.key).first { $0[13] == side })
            #expect(try nat.map("sessions").remove(key))
            try await wait(for: "the other half to go") { try nat.sessionCounts() == [0, 1, 0, 1, 0] }
            #expect(try nat.size("sessions") == 0)
            #expect(try nat.size("mappings") == 0)
            #expect(try nat.size("clients") == 0)
            #expect(try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 A") == "dropped")
            #expect(
                try await nat(1, "tcp 10.0.0.3:5000 > 198.51.100.7:80 S") == "2: tcp 192.0.2.1:5000 > 198.51.100.7:80")
        }
    }

    @Test("TCP begins with a SYN, or in mid-stream if it may")
    func midstream() async throws {
        try await with(.tc) { nat async throws in
            #expect(try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 A") == "dropped")
            #expect(try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 SA") == "dropped")
            #expect(try nat.drops(.noConnection) == 2)
        }
        try await with(["public_ip": "192.0.2.1", "tcp_loose": true], .tc) { nat async throws in
            #expect(
                try await nat(1, "tcp 10.0.0.2:5000 > 198.51.100.7:80 A") == "2: tcp 192.0.2.1:5000 > 198.51.100.7:80")
        }
    }

    @Test("UDP without a checksum stays so", arguments: Hook.allCases)
    func noChecksum(hook: Hook) async throws {
        try await with(hook) { nat async throws in
            var frame = NATPacket.frame("udp 10.0.0.2:5000 > 198.51.100.7:53")
            frame.replaceSubrange(40..<42, with: [0, 0])
            for _ in 0..<2 {
                let outcome = try await nat.send(frame, into: 1)
                #expect(outcome.text == "2: udp 192.0.2.1:5000 > 198.51.100.7:53")
                #expect(Array(outcome.frame[40..<42]) == [0, 0])
            }
        }
    }

    @Test(
        "many CPUs at once never give a port twice", arguments: ["endpoint-independent", "address-and-port-dependent"])
    func race(mapping: String) async throws {
        let config: TypedValue = ["public_ip": "192.0.2.1", "mapping": .string(mapping), "sessions": 20_000]
        try await with(config, .tc) { nat async throws in
            // All clients want the same port, and each is asked for on two CPUs at once.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for client in 0..<2_500 {
                            let packet = "udp 10.0.\(client / 250).\(client % 250):5000 > 198.51.100.7:53"
                            _ = try nat.run(NATPacket.frame(packet), into: 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let counts = try nat.sessionCounts()
            #expect(counts[0] == 2_500 && counts[1] == 2_500)
            #expect(try nat.size("sessions") == 5_000)
            #expect(try nat.size("clients") == 2_500)
            let ports = try nat.map("sessions").entries(limit: .max).filter { $0.key[13] == 2 }.map {
                Array($0.key[10..<12])
            }
            #expect(Set(ports).count == 2_500, "as many public ports")
        }
    }
}
