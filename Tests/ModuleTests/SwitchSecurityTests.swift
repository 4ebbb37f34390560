// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import TypedValue

/// What ports are kept from: storms, each other, and stations that are not allowed.
@Suite struct SwitchSecurityTests {
    @Test func isolatedPortsReachOthersOnly() async throws {
        let configuration: TypedValue = ["ports": [["port": 1, "isolated": true], ["port": 2, "isolated": true]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(station(1), to: everybody), from: 1) == [3, 4])
            #expect(try await rig.ports(thatGet: frame(station(3), to: everybody), from: 3) == [1, 2, 4])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 1), from: 3) == [1])
            #expect(try await rig.reasons(configuration) == ["isolated": 1])
        }
    }

    @Test(arguments: [("broadcast", everybody), ("multicast", someGroup), ("unknown", station(9))])
    func aStormIsHeldBack(_ kind: String, _ destination: [UInt8]) async throws {
        let limits: TypedValue = [kind: 1, "burst": 5]
        let configuration: TypedValue = ["ports": [["port": 1, "storm_control": limits]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            for _ in 0..<20 {
                try rig.receive(frame(station(1), to: destination), on: 1)
                try rig.receive(frame(station(2), to: destination), on: 2)
            }
            let passed = try await rig.counts(configuration)[kind] ?? 0
            let dropped = try await rig.reasons(configuration)["storm_" + kind] ?? 0
            #expect(passed + dropped == 40)
            #expect((25...30).contains(passed), "20 of port 2, and at least the burst of port 1: \(passed)")
            #expect(try await rig.drops() == dropped)
            // Other kinds are free.
            let other = kind == "broadcast" ? someGroup : everybody
            #expect(try await rig.ports(thatGet: frame(station(1), to: other), from: 1) == [2, 3, 4])
        }
    }

    @Test func aRateOfNoneBlocks() async throws {
        let configuration: TypedValue = ["ports": [["port": 1, "storm_control": ["unknown": 0]]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1).isEmpty)
            try rig.receive(frame(from: 9, to: 1), on: 2)
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1) == [2])
        }
    }

    @Test func onlyAllowedStationsSend() async throws {
        let configuration: TypedValue = ["ports": [["port": 1, "allowed_macs": ["02:00:00:00:00:01"]]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1) == [2, 3, 4])
            #expect(try await rig.ports(thatGet: frame(from: 5, to: 9), from: 1).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 5, to: 9), from: 2) == [1, 3, 4])
            #expect(try await rig.reasons(configuration) == ["mac_not_allowed": 1])
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 5), from: 3) == [2], "it was not learned at port 1")
        }
    }

    @Test func aPortHasItsMostStations() async throws {
        let configuration: TypedValue = ["ports": [["port": 1, "max_macs": 2]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            for number in 1...2 as ClosedRange<UInt8> {
                #expect(try await rig.ports(thatGet: frame(from: number, to: 9), from: 1) == [2, 3, 4])
            }
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 9), from: 1).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1) == [2, 3, 4], "who is in stays in")
            #expect(try await rig.reasons(configuration) == ["mac_limit": 1])
            // Elsewhere the third may be, and one of the first two may go.
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 9), from: 2) == [1, 3, 4])
            try rig.receive(frame(from: 1, to: 9), on: 2)
            try await wait(for: "a place to be free") {
                try await rig.ports(thatGet: frame(from: 4, to: 9), from: 1) == [2, 3, 4]
            }
        }
    }

    @Test func silentStationsGiveTheirPlacesBack() async throws {
        let configuration: TypedValue = ["ageing_time": 1, "ports": [["port": 1, "max_macs": 1]]]
        try await SwitchRig.with(configuration) { rig in
            try rig.receive(frame(from: 1, to: 9), on: 1)
            try await wait(for: "the place to be free") {
                try await rig.ports(thatGet: frame(from: 2, to: 9), from: 1) == [2, 3, 4]
            }
            #expect(try await rig.counts(configuration)["learned"] == 2)
        }
    }

    private static let addresses: TypedValue = [
        "ports": [["port": 1, "allowed_addresses": ["10.0.0.1", "10.1.0.0/16", "2001:db8::1", "fe80::/10"]]]
    ]
    private static let allowed6: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
    private static let other6: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [2]
    private static let linkLocal: [UInt8] = [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
    private static let none6 = [UInt8](repeating: 0, count: 16)

    @Test func onlyAllowedAddressesAreSentFrom() async throws {
        let mac = station(1)
        let none: [UInt8] = [0, 0, 0, 0]
        let allowed: [(String, [UInt8])] = [
            ("the address", ipv4(mac, from: [10, 0, 0, 1])), ("one of the prefix", ipv4(mac, from: [10, 1, 255, 3])),
            ("a tagged one", ipv4(mac, from: [10, 0, 0, 1], tag: 5)),
            ("DHCP", ipv4(mac, from: none, ports: (68, 67))),
            ("ARP", arp(mac, sender: mac, [10, 0, 0, 1], target: [10, 0, 0, 9])),
            ("an ARP probe", arp(mac, sender: mac, none, target: [10, 0, 0, 1])),
            ("IPv6", icmp6(mac, from: Self.allowed6, type: 128, target: Self.other6)),
            ("a solicitation", icmp6(mac, from: Self.linkLocal, type: 135, target: Self.other6)),
            ("detection of duplicates", icmp6(mac, from: Self.none6, type: 135, target: Self.allowed6)),
            ("an advertisement", icmp6(mac, from: Self.linkLocal, type: 136, target: Self.allowed6)),
            ("a router solicitation", icmp6(mac, from: Self.none6, type: 133, target: Self.none6)),
            ("what is not IP", frame(mac, to: station(9))),
        ]
        try await SwitchRig.with(Self.addresses) { (rig: SwitchRig) async throws -> Void in
            for (what, frame) in allowed {
                #expect(try await rig.ports(thatGet: frame, from: 1) == [2, 3, 4], "\(what)")
            }
            #expect(try await rig.reasons(Self.addresses).isEmpty)
        }
    }

    @Test func otherAddressesAreNot() async throws {
        let mac = station(1)
        let none: [UInt8] = [0, 0, 0, 0]
        let forbidden: [(String, [UInt8])] = [
            ("another address", ipv4(mac, from: [10, 0, 0, 2])),
            ("a tagged one", ipv4(mac, from: [10, 0, 0, 2], tag: 5)),
            ("none", ipv4(mac, from: none)), ("ARP", arp(mac, sender: mac, [10, 0, 0, 2], target: [10, 0, 0, 9])),
            ("ARP for another station", arp(mac, sender: station(2), [10, 0, 0, 1], target: [10, 0, 0, 9])),
            ("an ARP probe", arp(mac, sender: mac, none, target: [10, 0, 0, 2])),
            ("IPv6", icmp6(mac, from: Self.other6, type: 128, target: Self.allowed6)),
            ("an advertisement", icmp6(mac, from: Self.linkLocal, type: 136, target: Self.other6)),
            ("detection of duplicates", icmp6(mac, from: Self.none6, type: 135, target: Self.other6)),
            ("IPv6 from nowhere", icmp6(mac, from: Self.none6, type: 128, target: Self.none6)),
            ("half an IPv4 header", frame(mac, to: everybody, type: 0x0800, [0x45, 0, 0])),
        ]
        try await SwitchRig.with(Self.addresses) { (rig: SwitchRig) async throws -> Void in
            for (what, frame) in forbidden {
                #expect(try await rig.ports(thatGet: frame, from: 1).isEmpty, "\(what)")
            }
            #expect(try await rig.reasons(Self.addresses) == ["address_not_allowed": UInt64(forbidden.count)])
            #expect(try await rig.ports(thatGet: forbidden[0].1, from: 2) == [1, 3, 4], "port 2 may")
        }
    }

    @Test func theMirrorPortGetsCopiesAndNothingElse() async throws {
        let configuration: TypedValue = ["mirror": ["port": 4, "received": [1], "sent": [2]]]
        try await SwitchRig.with(configuration) { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1) == [2, 3, 4])
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 1), from: 3) == [1])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 3), from: 2) == [3])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 9), from: 2) == [1, 3])
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 2), from: 3) == [2, 4])
            #expect(
                try await rig.ports(thatGet: frame(someGroup, to: station(9)), from: 1) == [4], "also what is dropped")
            #expect(try await rig.ports(thatGet: frame(from: 7, to: 1), from: 4).isEmpty)
            #expect(try await rig.reasons(configuration) == ["bad_source": 1, "mirror_port": 1])
        }
    }

    @Test func vlansKeepStationsApart() async throws {
        let configuration: TypedValue = [
            "ports": [
                ["port": 1, "access": 10], ["port": 2, "access": 10], ["port": 3, "access": 20],
                ["port": 4, "trunk": [10, "20-29"]], ["port": 5, "trunk": "all", "native": 20],
            ]
        ]
        try await SwitchRig.with(configuration, ports: 6) { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9), from: 1) == [2, 4, 5])
            #expect(try await rig.ports(thatGet: frame(from: 3, to: 9), from: 3) == [4, 5])
            #expect(try await rig.ports(thatGet: frame(from: 4, to: 9, tag: 10), from: 4) == [1, 2, 5])
            #expect(try await rig.ports(thatGet: frame(from: 4, to: 9, tag: 25), from: 4) == [5])
            #expect(try await rig.ports(thatGet: frame(from: 5, to: 9), from: 5) == [3, 4], "native")
            #expect(try await rig.ports(thatGet: frame(from: 5, to: 9, tag: 0), from: 5) == [3, 4], "priority only")
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9, tag: 0), from: 1) == [2, 4, 5])
            #expect(try await rig.ports(thatGet: frame(from: 6, to: 9), from: 6) == [5], "VLAN 1 by default")
            #expect(try await rig.reasons(configuration).isEmpty)
            // The same address in two VLANs is two stations.
            try rig.receive(frame(from: 7, to: 9), on: 2)
            try rig.receive(frame(from: 7, to: 9), on: 3)
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 7), from: 1) == [2])
            #expect(try await rig.ports(thatGet: frame(from: 4, to: 7, tag: 20), from: 4) == [3])
            #expect(try await rig.counts(configuration)["moved"] == nil)
            // What a port does not take.
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 9, tag: 10), from: 1).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 4, to: 9), from: 4).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 4, to: 9, tag: 30), from: 4).isEmpty)
            #expect(try await rig.ports(thatGet: frame(from: 5, to: 9, tag: 4095), from: 5).isEmpty)
            #expect(try await rig.reasons(configuration) == ["vlan": 4])
        }
    }
}
