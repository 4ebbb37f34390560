// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

@Suite struct DHCPConfigTests {
    /// The manifest of iovisor-ovn's example.
    @Test func takesTheKeysOfIovisorOvn() throws {
        let config = try ServerConfig(
            ConfigReader(
                TypedValue(
                    json: #"""
                        {"netmask": "255.255.255.0", "addr_low": "192.168.1.100", "addr_high": "192.168.1.150",
                         "dns": "8.8.8.8", "router": "192.168.1.1", "lease_time": 3600, "server_ip": "192.168.1.250",
                         "server_mac": "b6:87:f8:5a:40:23"}
                        """#)))
        #expect(config.mac.description == "b6:87:f8:5a:40:23")
        let subnet = try #require(config.subnets.first)
        #expect(subnet.network.description == "192.168.1.0/24")
        #expect(subnet.ranges.map(\.description) == ["192.168.1.100-192.168.1.150"])
        #expect(subnet.dns.map(\.description) == ["8.8.8.8"])
        #expect(subnet.routers.map(\.description) == ["192.168.1.1"])
        #expect(subnet.leaseTime == 3600)
        #expect(subnet.size == 51)
    }

    @Test func theServerAndTheRoutersAreNotGivenAway() throws {
        let config = try DHCPRig.config(
            #""ranges": "192.168.1.1-192.168.1.254", "router": "192.168.1.1", "excluded": ["192.168.1.5-192.168.1.9"]"#)
        let subnet = try #require(config.subnets.first)
        let taken = (0...255).filter { !subnet.gives(IPAddress(ipv4: 0xc0a8_0100 + UInt32($0))) }
        #expect(taken == [0, 1, 5, 6, 7, 8, 9, 250, 255])
    }

    @Test(arguments: [
        (#""netmask": "255.0.255.0""#, "/netmask", "it is no mask: ones, then zeros, like 255.255.255.0"),
        (
            #""addr_low": "192.168.1.9""#, "/addr_low",
            "there is no addr_high: where does the range from 192.168.1.9 end?"
        ),
        (
            #""addr_low": "192.168.1.9", "addr_high": "192.168.1.8""#, "/addr_high",
            "192.168.1.8 is before addr_low, 192.168.1.9"
        ),
        (
            #""addr_low": "192.168.2.9", "addr_high": "192.168.2.10""#, "/addr_low",
            "192.168.2.9 is no host of 192.168.1.0/24"
        ),
        (#""ranges": "192.168.1.0-192.168.1.8""#, "/ranges/0", "192.168.1.0 is no host of 192.168.1.0/24"),
        (
            #""ranges": ["192.168.1.2-192.168.1.8", "192.168.1.8-192.168.1.9"]"#, "/ranges/1",
            "192.168.1.8-192.168.1.9 overlaps 192.168.1.2-192.168.1.8"
        ),
        (#""lease_time": 5"#, "/lease_time", "5 is out of range: it can be 10 to 31536000"),
        (#""lease_time": 100, "renewal_time": 90"#, "/renewal_time", "90 is not before rebinding_time, 87"),
        (
            #""lease_time": 100, "rebinding_time": 100"#, "/rebinding_time",
            "100 is not before the lease ends, after 100 seconds"
        ),
        (#""router": "10.0.0.1""#, "/router", "10.0.0.1 is no host of 192.168.1.0/24: clients could not reach it"),
        (
            #""reservations": [{"mac": "02:00:00:00:00:01", "address": "10.0.0.1"}]"#, "/reservations/0/address",
            "10.0.0.1 is a host of none of the networks"
        ),
        (
            #""reservations": [{"mac": "02:00:00:00:00:01", "address": "192.168.1.250"}]"#, "/reservations/0/address",
            "192.168.1.250 is the server's own or a router's"
        ),
        (
            #""reservations": [{"mac": "02:00:00:00:00:01", "address": "192.168.1.5"}, {"client_id": "01:02", "address": "192.168.1.5"}]"#,
            "/reservations/1/address", "192.168.1.5 is reserved already"
        ),
        (
            #""reservations": [{"mac": "02:00:00:00:00:01", "address": "192.168.1.5"}, {"mac": "02:00:00:00:00:01", "address": "192.168.1.6"}]"#,
            "/reservations/1", "02:00:00:00:00:01 has a reservation already, 192.168.1.5"
        ),
        (
            #""reservations": [{"address": "192.168.1.5"}]"#, "/reservations/0/mac",
            "whose address is 192.168.1.5? give a mac or a client_id"
        ),
        (#""options": [{"code": 6, "text": "a"}]"#, "/options/0/code", "option 6 has a key of its own: dns"),
        (
            #""options": [{"code": 53, "u8": 1}]"#, "/options/0/code",
            "option 53 is made by the server itself: leave it out"
        ),
        (
            #""options": [{"code": 150}]"#, "/options/0/code",
            "option 150 needs one value: give one of text, addresses, hex, u8, u16 and u32"
        ),
        (
            #""options": [{"code": 150, "hex": "0g"}]"#, "/options/0/hex",
            #""0g" is not bytes in hexadecimal digits like 0a000001"#
        ),
        (#""server_mac": "01:00:00:00:00:01""#, "/server_mac", "01:00:00:00:00:01 cannot be the address of a station"),
        (
            #""server_ip": "192.168.1.255""#, "/server_ip",
            "192.168.1.255 cannot be the address of a host in 192.168.1.0/24"
        ),
        (
            #""subnets": [{"network": "192.168.0.0/16"}]"#, "/subnets/0/network",
            "192.168.0.0/16 overlaps 192.168.1.0/24"
        ),
        (
            #""subnets": [{"network": "10.0.0.0/8", "ranges": "10.0.0.1-10.1.0.1"}]"#, "/subnets/0/ranges",
            "there are 65537 addresses in the ranges, and there can be 65536"
        ),
        (
            #""ipv6": {"dns": "10.0.0.1"}"#, "/ipv6/dns",
            #"expected an IPv6 address like 2001:db8::1, or a list of: an IPv6 address like 2001:db8::1; there is "10.0.0.1""#
        ),
        (#""leas_time": 5"#, "/leas_time", "there is no key leas_time here: did you mean 'lease_time'?"),
    ])
    func refusesWhatCannotBe(_ keys: String, _ pointer: String, _ message: String) throws {
        // Of a key that comes again the last value counts.
        let all = try TypedValue(json: #"{\#(DHCPRig.basic), "netmask": "255.255.255.0"}"#)
        guard case .object(let basic) = all, case .object(let more) = try TypedValue(json: "{\(keys)}") else { return }
        let reader = try ConfigReader(.object(basic.merging(more) { $1 }))
        #expect(throws: ConfigError(pointer: pointer, message)) {
            _ = try ServerConfig(reader)
            try reader.finish()
        }
    }

    @Test(arguments: ["server_ip", "server_mac", "netmask"])
    func asksForWhatItNeeds(_ key: String) throws {
        guard
            case .object(var keys) = try TypedValue(json: #"{\#(DHCPRig.basic), "netmask": "255.255.255.0"}"#)
        else { return }
        keys[key] = nil
        #expect {
            try ServerConfig(ConfigReader(.object(keys)))
        } throws: {
            "\($0)".hasPrefix("there is no \(key): add it")
        }
    }

    @Test func allAddressesUpToTheLastOneAreToBeHad() throws {
        let config = try ServerConfig(
            ConfigReader(
                TypedValue(
                    json: #"""
                        {"server_ip": "255.255.255.254", "netmask": 31, "server_mac": "02:00:00:00:00:01",
                         "ranges": "255.255.255.254-255.255.255.255"}
                        """#)))
        var database = LeaseDatabase()
        _ = database.configure(config)
        let client = ClientKey(hardwareType: 1, address: [1])
        let first = database.choose(for: client, in: config.subnets[0], requested: nil, at: 0)
        #expect(first?.description == "255.255.255.255")
    }

    @Test func theReadmeNamesEveryKey() throws {
        let readme = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Modules/DHCP/README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        func names(_ description: ConfigDescription) -> [String] {
            description.keys.flatMap { [$0.name] + ($0.members.map(names) ?? []) }
        }
        let all = Set(names(DHCPType().configDescription))
        #expect(all.count > 30)
        for key in all {
            #expect(try text.contains(Regex("[`{, ]\(key)[`,}]")), "\(key)")
        }
    }
}
