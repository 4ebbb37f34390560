// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import RouterModule

private func setup(_ json: String) throws -> ModuleSetup {
    let reader = try ConfigReader(TypedValue(json: json))
    let setup = try RouterType().setup(reader)
    try reader.finish()
    return setup
}

private func plan(_ json: String) throws -> RouterPlan { try RouterPlan(ConfigReader(TypedValue(json: json))) }

private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

/// What a router's configuration means, and which ones are refused.
@Suite("Router: configuration")
struct RouterConfigTests {
    private static let two = """
        "interfaces": [
            {"name": "lan", "addresses": ["10.0.0.1/24", "2001:db8::1/64"]},
            {"name": "wan", "addresses": ["192.0.2.2/30", "2001:db8:1::2/64"]}
        ]
        """

    // examples/nat_router/nat_router.yaml of iovisor-ovn, as it is.
    @Test func iovisorOvnsFormApplies() throws {
        let plan = try plan(
            """
            {"interfaces": [
                {"name": "Switch1", "ip": "10.0.1.254", "netmask": "255.255.255.0", "mac": "7e:ee:c2:01:01:01"},
                {"name": "Nat", "ip": "10.10.1.100", "netmask": "255.255.255.0", "mac": "7e:ee:c2:03:03:03"}],
             "static_routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "interface": "Nat"},
                {"network": "10.1.0.0", "netmask": "255.255.0.0", "interface": "Switch1", "next_hop": "10.0.1.1"},
                {"network": "10.2.0.0", "netmask": "255.255.0.0", "interface": "Switch1", "next_hop": 0}]}
            """)
        #expect(plan.ports.map(\.number) == [1, 2])
        #expect(plan.ports[0].mac == MACAddress("7e:ee:c2:01:01:01"))
        #expect(plan.routes[try prefix("0.0.0.0/0")] == .hops([Hop(gateway: nil, port: 2)]))
        #expect(plan.routes[try prefix("10.1.0.0/16")] == .hops([Hop(gateway: IPAddress("10.0.1.1"), port: 1)]))
        #expect(plan.routes[try prefix("10.2.0.0/16")] == .hops([Hop(gateway: nil, port: 1)]))
        #expect(plan.routes[try prefix("10.0.1.254/32")] == .local(port: 1))
        #expect(plan.routes[try prefix("10.0.1.255/32")] == .broadcast(port: 1))
        #expect(plan.routes[try prefix("10.0.1.0/24")] == .hops([Hop(gateway: nil, port: 1)]))
    }

    @Test func routesOfEachKind() throws {
        let plan = try plan(
            """
            {\(Self.two), "routes": [
                {"prefix": "0.0.0.0/0", "via": "192.0.2.1"},
                {"prefix": "::/0", "via": "fe80::1%wan"},
                {"prefix": "10.1.0.0/16", "via": ["10.0.0.2", "10.0.0.3", "192.0.2.1"]},
                {"prefix": "10.9.0.0/16", "interface": "lan"},
                {"prefix": "10.8.0.0/16", "type": "blackhole"},
                {"prefix": "2001:db8:8::/48", "type": "prohibit"}]}
            """)
        #expect(plan.routes[try prefix("::/0")] == .hops([Hop(gateway: IPAddress("fe80::1"), port: 2)]))
        let hops: [Hop] = [
            Hop(gateway: IPAddress("10.0.0.2"), port: 1), Hop(gateway: IPAddress("10.0.0.3"), port: 1),
            Hop(gateway: IPAddress("192.0.2.1"), port: 2),
        ]
        #expect(plan.routes[try prefix("10.1.0.0/16")] == .hops(hops))
        #expect(plan.routes[try prefix("10.8.0.0/16")] == .blackhole)
        #expect(plan.routes[try prefix("2001:db8:8::/48")] == .prohibit)
        #expect(plan.routes[try prefix("2001:db8::/128")] == .local(port: 1), "all routers of the subnet")
        let setup = ModuleSetup(plan)
        let paths = try #require(setup.tables.first { $0.name == "paths" })
        #expect(paths.entries.count == 3)
        #expect(setup.sizes["paths"] == 256)
    }

    @Test func aHundredThousandRoutesAreRead() throws {
        let routes = (0..<100_000).map {
            TypedValue.object([
                "prefix": .string("20.\($0 >> 16 & 0xff).\($0 >> 8 & 0xff).\($0 & 0xff)/32"), "via": "192.0.2.1",
            ])
        }
        guard case .object(var config) = try TypedValue(json: "{\(Self.two)}") else { return }
        config["routes"] = .array(routes)
        let setup = try RouterType().setup(ConfigReader(.object(config)))
        #expect(setup.tables.first { $0.name == "routes4" }?.entries.count == 100_000 + 8)
    }

    @Test(
        arguments: [
            ("\"interfaces\": [{}]", "/interfaces/0", "there is no name"),
            (
                "\"interfaces\": [{\"name\": \"a\", \"ip\": \"10.0.0.1\"}]", "/interfaces/0/netmask",
                "there is no netmask for 10.0.0.1"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"ip\": \"10.0.0.1\", \"netmask\": \"255.0.255.0\"}]",
                "/interfaces/0/netmask", "it has holes"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"addresses\": [\"10.0.0.255/24\"]}]", "/interfaces/0/addresses/0",
                "10.0.0.255 is the broadcast address of 10.0.0.0/24"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"addresses\": [\"224.0.0.1/24\"]}]", "/interfaces/0/addresses/0",
                "cannot be a router's address"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\"}, {\"name\": \"a\"}]", "/interfaces/1/name", "there is \"a\" twice"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"port\": 2}, {\"name\": \"b\"}]", "/interfaces/1/port",
                "port 2 is \"a\" already"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"mac\": \"01:00:00:00:00:01\"}]", "/interfaces/0/mac",
                "no station's address"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"mtu\": 1279}]", "/interfaces/0/mtu", "1280 to 65535"
            ),
            (
                """
                "interfaces": [{"name": "a", "addresses": ["10.0.0.1/8"]}, {"name": "b", "addresses": ["10.1.0.1/16"]}]
                """, "/interfaces/1/addresses", "10.1.0.1/16 overlaps 10.0.0.1/8 of \"a\""
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.0/16\", \"via\": \"10.7.0.1\"}]", "/routes/0/via",
                "10.7.0.1 is in no subnet of an interface"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.0/16\", \"via\": \"10.0.0.1\"}]", "/routes/0/via",
                "10.0.0.1 is the router's own address"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.0/16\", \"via\": \"2001:db8::9\"}]", "/routes/0/via",
                "of another family"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"::/0\", \"via\": \"fe80::1\"}]", "/routes/0/via",
                "fe80::1 is at each link"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.0/16\", \"interface\": \"wann\"}]", "/routes/0/interface",
                "there is no interface \"wann\": did you mean 'wan'?"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.0/16\"}]", "/routes/0", "neither `via` nor `interface`"
            ),
            (
                two
                    + ", \"routes\": [{\"prefix\": \"0.0.0.0/0\", \"interface\": \"wan\"}, "
                    + "{\"prefix\": \"0.0.0.0/0\", \"via\": \"10.0.0.2\"}]", "/routes/1/prefix",
                "there is a route to 0.0.0.0/0 already (routes/0/prefix)"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.0.0.0/24\", \"interface\": \"wan\"}]", "/routes/0/prefix",
                "of an interface's own address"
            ),
            (
                two + ", \"routes\": [{\"prefix\": \"10.5.0.1/16\", \"interface\": \"wan\"}]", "/routes/0/prefix",
                "is not a prefix"
            ),
            (
                two
                    + ", \"static_routes\": [{\"network\": \"10.5.0.1\", \"netmask\": \"255.255.0.0\", \"interface\": \"lan\"}]",
                "/static_routes/0/network", "write 10.5.0.0"
            ),
            (
                two
                    + ", \"static_routes\": [{\"network\": \"10.5.0.0\", \"netmask\": \"255.255.0.0\", \"interface\": \"lam\"}]",
                "/static_routes/0/interface", "did you mean 'lan'?"
            ),
            (
                "\"interfaces\": [{\"name\": \"lan\", \"delegated\": {\"from\": \"wan\"}}, {\"name\": \"wan\"}]",
                "/interfaces/0/delegated/from", "no other interface \"wan\" with prefix_delegation"
            ),
            (
                """
                "interfaces": [{"name": "a", "prefix_delegation": true, "delegated": {"from": "a"}}]
                """, "/interfaces/0/delegated/from", "no other interface \"a\""
            ),
            (
                """
                "interfaces": [
                    {"name": "a", "delegated": {"from": "wan", "subnet": 1}},
                    {"name": "b", "delegated": {"from": "wan", "subnet": 1}},
                    {"name": "wan", "prefix_delegation": true}]
                """, "/interfaces/1/delegated/subnet", "subnet 1 is that of \"a\" already"
            ),
            (
                """
                "interfaces": [{"name": "a", "delegated": {"subnet": -1}}, {"name": "wan", "prefix_delegation": true}]
                """, "/interfaces/0/delegated", "from"
            ),
            (two + ", \"route_tabel_size\": 100", "/route_tabel_size", "did you mean 'route_table_size'?"),
            (
                "\"interfaces\": [{\"name\": \"a\", \"router_advertisements\": {\"interval\": 600, \"lifetime\": 60}}]",
                "/interfaces/0/router_advertisements/lifetime", "less than the interval"
            ),
            (
                "\"interfaces\": [{\"name\": \"a\", \"router_advertisements\": {\"dns_search\": [\"-..\"]}}]",
                "/interfaces/0/router_advertisements/dns_search/0", "is not a domain name"
            ),
        ] as [(String, String, String)])
    func refuses(_ members: String, _ pointer: String, _ message: String) throws {
        let error = try #require(throws: ConfigError.self) { try setup("{\(members)}") }
        #expect(error.pointer.hasPrefix(pointer), "\(error)")
        #expect(error.message.contains(message), "\(error)")
    }

    @Test func everyKeyIsDescribed() throws {
        let description = RouterType().configDescription
        #expect(
            description.keys.map(\.name) == [
                "interfaces", "static_routes", "routes", "route_table_size", "neighbour_table_size", "icmp_error_rate",
                "icmp_error_burst", "reachable_time", "import_kernel_routes",
            ])
        let interface = try #require(description.keys.first?.members)
        #expect(interface.keys.map(\.name).contains("router_advertisements"))
        #expect(description.keys.allSatisfy { !$0.text.isEmpty })
    }

    @Test func madeAddressesAreStableAndTheirOwn() {
        let one = MACAddress.derived(from: "m:5d1c", port: 1)
        #expect(one == .derived(from: "m:5d1c", port: 1))
        let others = (1...64).flatMap { port in
            ["m:5d1c", "m:5d1d"].map { MACAddress.derived(from: $0, port: port).bytes }
        }
        #expect(Set(others).count == 128)
        #expect(others.allSatisfy { $0[0] == 2 })
    }
}
