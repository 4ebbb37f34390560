// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Homes whose IPv6 comes from a provider.
@Suite("Prefix delegation", .serialized) struct PrefixDelegationTests {
    private static let manifest = """
        modules:
          - name: gw
            type: router
            config:
              interfaces:
                - name: inside
                  delegated: {from: nat, subnet: 3}
                  router_advertisements: {interval: 60}
                - {name: nat, prefix_delegation: true, addresses: ["fe80::2/64"]}
          - {name: nat, type: nat}
        links:
          - {from: gw, to: nat}
        external_interfaces:
          - {module: gw, iface: inside}
          - {module: nat, iface: outside}
        """

    /// A host that configures itself.
    private func addHome(_ network: Network) async throws -> TestHost {
        let home = try await network.addHost("inside")
        try await home.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.autoconf=1")
        return home
    }

    /// The addresses that a host uses.
    private func addresses(of home: TestHost) async throws -> String {
        try await home.run("ip", "-6", "address", "show", "dev", "eth0", "scope", "global", "-deprecated", "-tentative")
    }

    /// What a port's interface shows.
    private func interface(_ number: Int, of client: HoverClient) async throws -> [String: TypedValue] {
        guard case .array(let rows)? = try await client.state(of: "gw")["interfaces"],
            case .object(let row)? = rows.dropFirst(number - 1).first
        else { return [:] }
        return row
    }

    private func prefix(of client: HoverClient) async throws -> TypedValue? {
        guard case .object(let shown)? = try await interface(2, of: client)["delegated_prefix"] else { return nil }
        return shown["prefix"]
    }

    @Test func hostsGetThePrefixOfTheProvider() async throws {
        try await DaemonSequence.with { daemons in
            let home = try await addHome(daemons.network)
            try await Provider.with(on: "outside", in: daemons.network, folder: daemons.folder) { provider in
                try await daemons.start()
                try await daemons.apply(Self.manifest)
                try await provider.route("2001:db8:100::/40", to: "fe80::2")
                try await wait(for: "an address", atMost: .seconds(30)) {
                    try await addresses(of: home).contains("2001:db8:100:")
                }
                #expect(try await home.pings("2001:db8:ffff::1", count: 3, wait: "5"))
                let given = try #require(try await prefix(of: daemons.client))
                guard case .string(let text) = given, let prefix = IPPrefix(text) else {
                    Issue.record("\(given) is no prefix")
                    return
                }
                #expect(prefix.length == 56)
                func address(subnet: UInt8, host: UInt8) throws -> IPAddress {
                    let bytes = Array(prefix.network.bytes[..<7]) + [subnet] + [UInt8](repeating: 0, count: 7) + [host]
                    return try #require(IPAddress(bytes: bytes))
                }
                let own = try await interface(1, of: daemons.client)["addresses"]
                #expect("\(own ?? .null)".contains("\"\(try address(subnet: 3, host: 1))/64\""), "\(own ?? .null)")
                // What nobody at home has ends here, and does not go round in circles.
                let answer = try await attempt([
                    "nsenter", "--net=/run/netns/\(provider.host.namespace)", "ping", "-c", "1", "-W", "2",
                    "\(try address(subnet: 9, host: 9))",
                ]).output
                #expect(answer.contains("unreachable"), "\(answer)")

                daemons.kill()
                #expect(try await home.pings("2001:db8:ffff::1", count: 3), "nobody has to run for that")
                try await daemons.start()
                #expect(try await home.pings("2001:db8:ffff::1", count: 3), "what was given holds")
                #expect(try await self.prefix(of: daemons.client) == given)
            }
        }
    }

    /// examples/home-gateway, where everything comes from the provider: its answers pass the wall.
    @Test func theExampleWorks() async throws {
        try await DaemonSequence.with { daemons in
            let home = try await daemons.network.addHost("lan1", address: "192.168.1.10/24")
            try await daemons.network.addHost("lan2")
            try await home.run("ip", "route", "add", "default", "via", "192.168.1.1")
            try await home.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.autoconf=1")
            try await Provider.with(on: "wan", in: daemons.network, folder: daemons.folder) { provider in
                try await provider.giveAddresses()
                try await daemons.start()
                let example = URL(filePath: #filePath).appending(path: "../../../examples/home-gateway/provider.yaml")
                try await daemons.apply(String(contentsOf: example.standardized, encoding: .utf8))
                try await wait(for: "the way out by IPv4", atMost: .seconds(30)) {
                    try await home.pings("203.0.113.1")
                }
                try await wait(for: "an IPv6 address", atMost: .seconds(30)) {
                    try await addresses(of: home).contains("2001:db8:100:")
                }
                guard case .array(let rows)? = try await daemons.client.state(of: "gw")["interfaces"],
                    case .object(let wan)? = rows.last, case .array(let own)? = wan["addresses"],
                    case .string(let linkLocal)? = own.last
                else {
                    Issue.record("gw shows no link-local address")
                    return
                }
                try await provider.route("2001:db8:100::/40", to: String(linkLocal.prefix { $0 != "/" }))
                #expect(try await home.pings("2001:db8:ffff::1", count: 3, wait: "5"))
                let used = try await addresses(of: home).split(separator: " ").first { $0.hasPrefix("2001:db8:100:") }
                let host = try #require(used?.split(separator: "/").first)
                let visit = try await attempt([
                    "nsenter", "--net=/run/netns/\(provider.host.namespace)", "curl", "-s", "-m", "1", "-w",
                    "%{errormsg}", "http://[\(host)]/",
                ])
                // A host would refuse: nobody listens there.
                #expect(visit.output.contains("timed out"), "who was not asked stays outside: \(visit)")
            }
        }
    }

    @Test func anotherPrefixReachesTheHosts() async throws {
        try await DaemonSequence.with { daemons in
            let home = try await addHome(daemons.network)
            try await Provider.with(on: "outside", in: daemons.network, folder: daemons.folder) { provider in
                try await daemons.start()
                try await daemons.apply(Self.manifest)
                try await wait(for: "an address", atMost: .seconds(30)) {
                    try await addresses(of: home).contains("2001:db8:100:")
                }
                // The server asks the router to forget the first one when that is renewed.
                try await provider.delegate("2001:db8:200:: 2001:db8:200:ff00::")
                try await wait(for: "the new address instead of the old one", atMost: .seconds(60)) {
                    let used = try await addresses(of: home)
                    return used.contains("2001:db8:200:") && !used.contains("2001:db8:100:")
                }
                try await provider.route("2001:db8:200::/40", to: "fe80::2")
                #expect(try await home.pings("2001:db8:ffff::1", count: 3, wait: "5"))
            }
        }
    }
}
