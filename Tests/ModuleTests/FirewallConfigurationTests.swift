// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import FirewallModule

/// Configurations that are refused, and what is said of them.
@Suite struct FirewallConfigurationTests {
    @Test(
        arguments: [
            (["action": "acept"], "/rules/0/action", "there is no \"acept\": did you mean 'accept'?"),
            ([:], "/rules/0", "there is no action: add it, one of accept, drop, reject, count"),
            (
                ["action": "drop", "source": "lann"], "/rules/0/source",
                "lann is no prefix, and no set has that name: did you mean 'lan'?"
            ),
            (
                ["action": "drop", "source": "10.0.0.1/8"], "/rules/0/source",
                "10.0.0.1/8 has bits behind its length: write 10.0.0.0/8"
            ),
            (
                ["action": "drop", "source": "10.0.0.1", "destination": "fd00::1"], "/rules/0/destination",
                "there is no such address in the rest of the rule, which is for ipv4: set family, source and "
                    + "destination to one family"
            ),
            (
                ["action": "drop", "family": "ipv6", "source": "lan"], "/rules/0/source",
                "there is no such address in the rest of the rule, which is for ipv6: set family, source and "
                    + "destination to one family"
            ),
            (
                ["action": "drop", "destination_ports": 80], "/rules/0/destination_ports",
                "only tcp, udp and sctp have ports: set protocol to one of these, or to several"
            ),
            (
                ["action": "drop", "protocol": "udp", "tcp_flags": "syn"], "/rules/0/tcp_flags",
                "only TCP has these flags: set protocol to tcp"
            ),
            (
                ["action": "drop", "icmp_type": 8], "/rules/0/icmp_type",
                "there is no such type but of ICMP: set protocol to icmp or to icmpv6"
            ),
            (
                ["action": "drop", "protocol": "icmp", "icmp_code": 1], "/rules/0/icmp_code",
                "a code is one of a type: add icmp_type"
            ),
            (
                ["action": "drop", "protocol": "icmp", "source": "fd00::1"], "/rules/0/protocol",
                "icmp is of IPv4, icmpv6 of IPv6: set the other one"
            ),
            (
                ["action": "drop", "protocol": "tcp", "destination_ports": 80, "fragments": true], "/rules/0/fragments",
                "fragments behind the first have no ports, types or flags: ask for one of both"
            ),
            (
                ["action": "drop", "state": "invalid"], "/rules/0/state",
                "invalid packets are dropped before any rule: set drop_invalid to false"
            ),
            (
                ["action": "drop", "sorce": "10.0.0.1"], "/rules/0/sorce",
                "there is no key sorce here: did you mean 'source'?"
            ),
        ] as [([String: TypedValue], String, String)])
    func refusesARule(_ rule: [String: TypedValue], _ pointer: String, _ message: String) throws {
        let error = try #require(throws: ConfigError.self) {
            try FirewallRig.setup([
                "rules": [.object(rule)], "sets": [["name": "lan", "prefixes": ["10.0.0.0/8"]]],
            ])
        }
        #expect(error == ConfigError(pointer: pointer, message))
    }

    @Test(arguments: ["90-80", "http", "1-2-3", "", "65536"])
    func refusesPorts(_ ports: String) throws {
        let error = try #require(throws: ConfigError.self) {
            try FirewallRig.setup([
                "rules": [["action": "drop", "protocol": "tcp", "destination_ports": .string(ports)]]
            ])
        }
        #expect(error.pointer.hasPrefix("/rules/0/destination_ports"))
    }

    @Test func refusesAnIdTwice() throws {
        let error = try #require(throws: ConfigError.self) {
            try FirewallRig.setup(["rules": [["id": "a", "action": "drop"], ["id": "a", "action": "accept"]]])
        }
        #expect(error == ConfigError(pointer: "/rules/1/id", "rule 0 has the id a already: give it another one"))
    }

    @Test func refusesMoreRulesThanThereCanBe() throws {
        let rule: TypedValue = ["action": "drop"]
        let error = try #require(throws: ConfigError.self) {
            try FirewallRig.setup(["rules": .array([TypedValue](repeating: rule, count: 16_385))])
        }
        #expect(error.pointer == "/rules")
    }

    @Test func aRuleWithoutAnIdHasOneMadeOfWhatItSays() throws {
        let texts: [TypedValue] = [
            ["action": "drop", "source": "10.0.0.1"], ["action": "drop", "source": "10.0.0.2"],
            ["action": "accept", "source": "10.0.0.1"], ["action": "drop", "destination": "10.0.0.1"],
        ]
        let rules = try FirewallConfiguration(ConfigReader(["rules": .array(texts)])).rules.map(\.value)
        #expect(Set(rules.map(\.id)).count == 4)
        let moved = try FirewallConfiguration(ConfigReader(["rules": .array(texts.reversed())])).rules.map(\.value)
        #expect(moved.map(\.id) == rules.map(\.id).reversed())
    }
}
