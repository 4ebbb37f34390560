// SPDX-License-Identifier: Apache-2.0

import APIClient
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// What holds for modules of every built-in type, shown by the smallest ones.
@Suite struct BuiltInModuleTests {
    private static let wire = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	return pkt_redirect(pkt, md, 3 - md->in_ifc);
        }
        """

    /// Two hosts behind a module, with a counter on the way.
    private static let manifest =
        """
        modules:
          - {name: count, type: counter, tags: [wire], config: {kinds: 8}}
          - name: wire
            type: bpf/forward
            source: |
        """ + "\n" + wire.split(separator: "\n").map { "      \($0)\n" }.joined() + """
            links:
              - {from: wire, to: i:left}
              - {from: wire, to: i:right}
            """

    private func addHosts(_ network: Network) async throws -> TestHost {
        try await network.addHost("right", address: "10.0.0.2/24")
        return try await network.addHost("left", address: "10.0.0.1/24")
    }

    /// How many IPv4 packets were counted in each direction: requests and answers, for each of the two links.
    private func ipv4Packets(_ client: HoverClient) async throws -> [UInt64] {
        guard case .array(let counts)? = try await client.state(of: "count")["counts"] else { return [] }
        return counts.compactMap { count in
            guard case .object(let count) = count, count["ether_type"] == 2048,
                case .unsigned(let packets)? = count["packets"]
            else { return nil }
            return packets
        }
    }

    @Test func isMadeByItsNameAndShowsItsState() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest)
            #expect(try await left.pings("10.0.0.2", count: 3))
            let module = try await daemon.client.module("count")
            #expect(module.type == "counter")
            #expect(module.config == ["kinds": 8])
            let ipv4 = try await ipv4Packets(daemon.client)
            #expect(ipv4 == [6, 6])
            let shown = try await daemon.hoverctl("get", "module", "count")
            #expect(shown.output.contains("ETHER_TYPE"))
            #expect(try await daemon.apply(Self.manifest) == ["no changes"], "applied again")
        }
    }

    @Test func anotherSizeIsAnotherGenerationWithTheSameCounts() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest)
            #expect(try await left.pings("10.0.0.2", count: 3))
            let before = try await ipv4Packets(daemon.client)
            _ = try await daemon.client.updateModule("count", ModuleChange(config: ["kinds": 16]))
            #expect(try await daemon.client.module("count").generation == 1)
            #expect(try await daemon.client.table("counts", of: "count").maxEntries == 16)
            let after = try await ipv4Packets(daemon.client)
            #expect(after == before)
        }
    }

    @Test(
        arguments: [
            (
                ModuleRequest(name: "a", type: "countr"), "/type",
                "there is no module type countr: did you mean 'counter'?"
            ),
            (
                ModuleRequest(name: "a", type: "counter", config: ["kind": 1]), "/config/kind",
                "config kind: there is no key kind here: did you mean 'kinds'?"
            ),
            (
                ModuleRequest(name: "a", type: "counter", config: ["kinds": 0]), "/config/kinds",
                "config kinds: 0 is out of range: it can be 1 to 65536"
            ),
            (
                ModuleRequest(name: "a", type: "counter", source: "int x;"), nil,
                "module type counter takes no code: bpf/forward and bpf/policy do; see /v1/types for the others"
            ),
            (
                ModuleRequest(name: "a", type: "counter", ports: 2), nil,
                "ports is 2, and a policy has none: leave it out"
            ),
        ] as [(ModuleRequest, String?, String)])
    func refusesWhatTheTypeDoesNotTake(_ request: ModuleRequest, _ pointer: String?, _ message: String) async throws {
        try await HoverDaemon.with { daemon in
            let problem = try await #require(throws: Problem.self) { try await daemon.client.createModule(request) }
            #expect(problem.detail == message)
            #expect(problem.pointer == pointer)
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func survivesItsDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let left = try await addHosts(daemons.network)
            try await daemons.apply(Self.manifest)
            #expect(try await left.pings("10.0.0.2", count: 3))
            let before = try await ipv4Packets(daemons.client)
            daemons.kill()
            #expect(try await left.pings("10.0.0.2", count: 2))
            try await daemons.start()
            let after = try await ipv4Packets(daemons.client)
            #expect(after == before.map { $0 + 4 }, "it counted while nobody looked")
            #expect(try await daemons.client.module("count").config == ["kinds": 8])
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    @Test func typesDescribeTheirConfiguration() async throws {
        try await HoverDaemon.with { daemon in
            let types = try await daemon.client.types()
            let counter = try #require(types.first { $0.name == "counter" })
            #expect(counter.creatable)
            #expect(
                counter.config == [
                    "type": "object", "additionalProperties": false,
                    "properties": [
                        "kinds": [
                            "type": "integer", "minimum": 1, "maximum": 65_536, "default": 1024,
                            "description": "the most pairs of direction and EtherType; further ones are not counted",
                        ]
                    ],
                ])
        }
    }

    @Test func iovisorOvnsNullApplies() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await addHosts(daemon.network)
            try await daemon.apply(
                """
                modules:
                  - name: mynull1
                    type: null_node

                external_interfaces:
                  - module: mynull1
                    iface: left
                """)
            #expect(try await !left.pings("10.0.0.2"))
            let module = try await daemon.client.module("mynull1")
            #expect(module.type == "null")
            #expect((module.drops["controller"] ?? 0) > 0)
        }
    }
}
