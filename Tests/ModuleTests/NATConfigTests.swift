// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import NATModule
import OneToOneNATModule
import Testing
import TypedValue

/// What the configurations of `nat` and `onetoonenat` mean, and what is refused.
@Suite struct NATConfigTests {
    private static func setup(_ type: some ModuleType, _ config: TypedValue) throws -> ModuleSetup {
        let reader = try ConfigReader(config)
        let setup = try type.setup(reader)
        try reader.finish()
        return setup
    }

    private static func entries(_ table: String, _ setup: ModuleSetup) throws -> [[UInt8]: [UInt8]] {
        try #require(setup.tables.first { $0.name == table }).entries
    }

    @Test func iovisorOvnsKeysAreEnough() throws {
        let setup = try Self.setup(
            NATType(),
            [
                "public_ip": "10.10.1.100", "public_port_ip": "10.10.1.100", "public_port_mac": "7e:ee:c2:cf:3c:dc",
            ])
        let settings = try #require(try Self.entries("settings", setup).values.first)
        #expect(settings.count == 52)
        #expect(Array(settings[..<8]) == [10, 10, 1, 100, 10, 10, 1, 100])
        // The RFCs' times: 2 hours and 4 minutes of TCP, 5 minutes of UDP.
        var reader = StructureReader(settings[8...])
        #expect((0..<7).map { _ in reader.u32() } == [7440, 240, 300, 120, 60, 600, 10])
        #expect(setup.ports.map(\.number) == [1, 2])
        #expect(setup.sizes["sessions"] == 131_072, "an entry for each direction")
        #expect(try Self.setup(NATType(), .null).sizes == setup.sizes, "nothing is needed")
    }

    @Test func aRangeOfPortsIsFewPrefixes() throws {
        let setup = try Self.setup(
            NATType(),
            [
                "forwards": [
                    [
                        "protocol": "tcp", "external_port": "8000-8099", "internal_ip": "10.0.0.2",
                        "internal_port": "9000-9099",
                    ]
                ]
            ])
        let forwards = try Self.entries("forwards", setup)
        // 8000 = 64 * 125: 64 ports, 32, then 4.
        let lengths: [UInt8] = forwards.keys.map { $0[0] }.sorted()
        // 48 bits of protocol and address, then 10, 11 and 14 of the port.
        #expect(lengths == [58, 59, 62])
        #expect(forwards.values.allSatisfy { $0 == [10, 0, 0, 2, 0xe8, 3, 0, 0] }, "1000 is added to each")
    }

    @Test(
        arguments: [
            ([["external_port": 80, "internal_ip": "10.0.0.1"]], "/forwards/0/external_port", "any has no ports"),
            (
                [["protocol": "tcp", "external_port": "80-89", "internal_ip": "10.0.0.1", "internal_port": "90-98"]],
                "/forwards/0/internal_port", "equally long"
            ),
            (
                [["protocol": "tcp", "external_port": "1-9", "internal_ip": "10.0.0.1", "internal_port": 65_530]],
                "/forwards/0/internal_port", "do not end by 65535"
            ),
            (
                [["protocol": "tcp", "internal_ip": "10.0.0.1", "internal_port": 1]], "/forwards/0/internal_port",
                "set that too"
            ),
            ([["internal_ip": "2001:db8::1"]], "/forwards/0/internal_ip", "is not an IPv4 address"),
            ([["internal_ip": "224.0.0.1"]], "/forwards/0/internal_ip", "no address of a host"),
            (
                [["protocol": "tcp", "external_port": "9-8", "internal_ip": "10.0.0.1"]], "/forwards/0/external_port",
                "9-8"
            ),
            (
                [
                    ["protocol": "tcp", "external_port": "80-90", "internal_ip": "10.0.0.1"],
                    ["protocol": "tcp+udp", "external_port": 85, "internal_ip": "10.0.0.2"],
                ], "/forwards/1", "forwards/0"
            ),
            (
                [
                    ["protocol": "udp", "external_port": 53, "internal_ip": "10.0.0.1"],
                    // The module's own address, by name.
                    ["protocol": "udp", "external_ip": "192.0.2.1", "internal_ip": "10.0.0.2"],
                ], "/forwards/1", "forwards/0"
            ),
            ([["internal_ip": "10.0.0.1"], ["internal_ip": "10.0.0.2"]], "/forwards/1", "forwards/0"),
        ] as [(TypedValue, String, String)])
    func refusesForwards(_ forwards: TypedValue, _ pointer: String, _ message: String) throws {
        let error = try #require(throws: ConfigError.self) {
            try Self.setup(NATType(), ["public_ip": "192.0.2.1", "forwards": forwards])
        }
        #expect(error.pointer == pointer)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test(
        arguments: [
            (["public_ip": "2001:db8::1"], "/public_ip", "is not an IPv4 address"),
            (["public_ip": "0.0.0.0"], "/public_ip", "no address of a host"),
            (["pools": [["addresses": []]]], "/pools/0/addresses", "the pool is empty"),
            (["pools": [["addresses": ["192.0.2.9-192.0.2.8"]]]], "/pools/0/addresses/0", "is not IPv4 addresses"),
            (["pools": [["addresses": ["2001:db8::/64"]]]], "/pools/0/addresses/0", "is not IPv4 addresses"),
            (["pools": [["addresses": ["192.0.2.0/29", "192.0.2.7"]]]], "/pools/0/addresses/1", "already"),
            (["pools": [["addresses": ["10.0.0.0/8"]]]], "/pools", "more than 65536"),
            (
                ["pools": [["addresses": ["192.0.2.1"]], ["addresses": ["192.0.2.2"]]]], "/pools/1/inside",
                "for the same clients"
            ),
            (
                ["untranslated": ["10.0.0.0/8"], "pools": [["inside": "10.0.0.0/8", "addresses": ["192.0.2.1"]]]],
                "/pools/0/inside", "too"
            ),
            (["untranslated": ["10.0.0.1/8"]], "/untranslated/0", "is not an IPv4 prefix"),
            (
                ["mapping": "address-and-port-dependent", "filtering": "endpoint-independent"], "/filtering",
                "only address-and-port-dependent"
            ),
            (["mapping": "address-dependent"], "/mapping", "there is no"),
            (["timeouts": ["udp": 0]], "/timeouts/udp", "out of range"),
            (["sessions": 1], "/sessions", "out of range"),
            (["port_range": "70000"], "/port_range", "expected"),
            (["publicip": "192.0.2.1"], "/publicip", "did you mean"),
        ] as [(TypedValue, String, String)])
    func refuses(_ config: TypedValue, _ pointer: String, _ message: String) throws {
        let error = try #require(throws: ConfigError.self) { try Self.setup(NATType(), config) }
        #expect(error.pointer == pointer)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test func oneToOneTakesEntriesAndPrefixes() throws {
        let setup = try Self.setup(
            OneToOneNATType(),
            [
                "nat_entries": [["internal_ip": "10.0.1.1", "external_ip": "130.192.1.1"]],
                "prefixes": [
                    // RFC 6296's example: subnet 1 becomes 0xd550.
                    ["internal": "fd01:203:405::/48", "external": "2001:db8:1::/48"],
                    ["internal": "10.1.0.0/16", "external": "198.18.0.0/16"],
                ],
            ])
        #expect(
            try Self.entries("entries", setup) == [
                [10, 0, 1, 1, 1, 0, 0, 0]: [130, 192, 1, 1], [130, 192, 1, 1, 2, 0, 0, 0]: [10, 0, 1, 1],
            ])
        let inside = try #require(try Self.entries("inside_prefixes6", setup).values.first)
        #expect(Array(inside[16..<19]) == [0xd5, 0x4f, 1])
        let prefix = try #require(try Self.entries("inside_prefixes4", setup).first)
        #expect(prefix.key == [16, 0, 0, 0, 10, 1, 0, 0] && prefix.value == [198, 18, 0, 0, 0, 0, 255, 255])
        #expect(setup.constants["has_prefixes6"] == true && setup.constants["has_entries"] == true)
    }

    @Test(
        arguments: [
            (["nat_entries": [["internal_ip": "10.0.0.1"]]], "/nat_entries/0", "there is no external_ip"),
            (
                ["nat_entries": [["internal_ip": "fd00::1", "external_ip": "10.0.0.1"]]], "/nat_entries/0/internal_ip",
                "IPv4"
            ),
            (
                [
                    "nat_entries": [
                        ["internal_ip": "10.0.0.1", "external_ip": "192.0.2.1"],
                        ["internal_ip": "10.0.0.2", "external_ip": "192.0.2.1"],
                    ]
                ], "/nat_entries/1/external_ip", "nat_entries/0/external_ip already"
            ),
            (
                [
                    "nat_entries": [["internal_ip": "10.0.0.1", "external_ip": "192.0.2.1"]],
                    "prefixes": [["internal": "10.0.0.0/24", "external": "198.18.0.0/24"]],
                ], "/nat_entries/0/internal_ip", "prefixes/0/internal already"
            ),
            (
                ["prefixes": [["internal": "10.0.0.0/24", "external": "192.0.2.0/25"]]], "/prefixes/0/external",
                "equally long"
            ),
            (
                ["prefixes": [["internal": "10.0.0.0/24", "external": "2001:d00::/24"]]], "/prefixes/0/external",
                "family"
            ),
            (
                ["prefixes": [["internal": "fd00::/96", "external": "2001:db8::/96"]]], "/prefixes/0/internal",
                "1 to 64 bits"
            ),
            (
                ["prefixes": [["internal": "fd00::1/48", "external": "2001:db8::/48"]]], "/prefixes/0/internal",
                "is not"
            ),
        ] as [(TypedValue, String, String)])
    func oneToOneRefuses(_ config: TypedValue, _ pointer: String, _ message: String) throws {
        let error = try #require(throws: ConfigError.self) { try Self.setup(OneToOneNATType(), config) }
        #expect(error.pointer == pointer)
        #expect(error.message.contains(message), "\(error.message)")
    }
}
