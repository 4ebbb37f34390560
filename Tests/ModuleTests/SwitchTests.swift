// SPDX-License-Identifier: Apache-2.0

import APIClient
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// A switch between hosts.
@Suite struct SwitchTests {
    private static func manifest(_ config: String = "{}", ports: [String] = ["left", "right", "third"]) -> String {
        """
        modules:
          - {name: sw, type: switch, config: \(config)}
        external_interfaces:
        \(ports.map { "  - {module: sw, iface: \($0)}" }.joined(separator: "\n"))
        """
    }

    @discardableResult
    private func addHosts(_ network: Network) async throws -> (left: TestHost, right: TestHost, third: TestHost) {
        (
            try await network.addHost("left", address: "10.0.0.1/24", "fd00::1/64"),
            try await network.addHost("right", address: "10.0.0.2/24", "fd00::2/64"),
            try await network.addHost("third", address: "10.0.0.3/24", "fd00::3/64")
        )
    }

    private func mac(_ host: TestHost) async throws -> TypedValue {
        .string("\(try await host.ethernetAddress())")
    }

    /// Where a station is, by the forwarding database; nil when it is not in it.
    private func port(of host: TestHost, _ client: HoverClient) async throws -> TypedValue? {
        guard case .array(let rows)? = try await client.state(of: "sw")["fdb"] else { return nil }
        let mac = try await mac(host)
        return rows.first { $0["mac"] == mac }?["port"]
    }

    @Test(arguments: ["tc", "xdp"]) func connectsHosts(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, third) = try await addHosts(daemon.network)
            try await daemon.apply("modules: [{name: sw, type: switch}]")
            for name in ["left", "right", "third"] {
                _ = try await daemon.client.createLink(
                    from: LinkEnd(node: "sw", port: nil), to: LinkEnd(node: "i:" + name, port: nil), hook: hook)
            }
            #expect(try await left.pings("10.0.0.2", count: 3))
            #expect(try await right.pings("fd00::3", count: 3))
            #expect(try await third.pings("10.0.0.1", count: 3))
            #expect(try await port(of: left, daemon.client) == 1)
            #expect(try await port(of: right, daemon.client) == 2)
            #expect(try await port(of: third, daemon.client) == 3)
            try await right.run("iperf3", "-s", "-1", "-D")
            try await wait(for: "iperf3 to listen") { try await right.run("ss", "-ltn").contains(":5201") }
            try await left.run("iperf3", "-c", "10.0.0.2", "-n", "4000000")
            let shown = try await daemon.hoverctl("get", "module", "sw").output
            #expect(shown.contains("fdb") || shown.contains("FDB"), "\(shown)")
        }
    }

    @Test func forwardsAndLearnsWithoutItsDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right, third) = try await addHosts(daemons.network)
            try await daemons.apply(Self.manifest())
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                daemons.kill()
                #expect(try await third.pings("fd00::2", count: 3), "the third host is learned, and found by a flood")
                try await daemons.start()
            }
            #expect(lost.isEmpty)
            #expect(try await port(of: left, daemons.client) == 1)
            #expect(try await port(of: right, daemons.client) == 2)
            #expect(try await port(of: third, daemons.client) == 3)
        }
    }

    @Test func keepsWhatItLearnedWhenItIsConfigured() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, third) = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest())
            #expect(try await third.pings("10.0.0.1"))
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                try await daemon.apply(Self.manifest("{ageing_time: 200, ports: [{port: 3, isolated: true}]}"))
                try await daemon.apply(Self.manifest("{ageing_time: 250}"))
            }
            #expect(lost.isEmpty)
            #expect(try await daemon.client.module("sw").generation == 2)
            #expect(try await third.pings("10.0.0.1"))
        }
    }

    @Test func iovisorOVNsTableApplies() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, _) = try await addHosts(daemon.network)
            let (one, two) = (try await mac(left), try await mac(right))
            let table = "{forwarding_table: [{port: right, mac: \(two)}, {port: left, mac: \(one)}]}"
            try await daemon.apply(Self.manifest(table))
            // The table's order decides, not that of the links.
            #expect(try await port(of: right, daemon.client) == 1)
            #expect(try await port(of: left, daemon.client) == 2)
            let ports = try await daemon.client.ports(of: "sw")
            #expect(ports.prefix(2).map { "\($0.peer ?? "")" } == ["i:right", "i:left"])
            #expect(try await left.pings("10.0.0.2", count: 2))
        }
    }

    @Test func aStationThatWasLearnedBecomesStatic() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, _) = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest())
            #expect(try await left.pings("10.0.0.2"))
            // A wrong place, so that it shows.
            try await daemon.apply(Self.manifest("{forwarding_table: [{port: 3, mac: \(try await mac(right))}]}"))
            try await wait(for: "the station to be where the configuration says") {
                try await !left.pings("10.0.0.2", wait: "0.2")
            }
        }
    }

    @Test func aNameThatIsLinkedElsewhereIsTold() async throws {
        let warning = "the configuration has third at port 1, and it is linked to port 3"
        try await HoverDaemon.with(expectedWarnings: [warning]) { daemon in
            try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest())
            try await daemon.apply(Self.manifest("{ports: [{name: third, port: 3, isolated: true}]}"))
            try await daemon.apply(Self.manifest("{ports: [{name: third, isolated: true}]}"))
            try await wait(for: "the warning") { try daemon.log.contains(warning) }
        }
    }

    @Test func stationsOfAPortThatIsLinkedAnewAreForgotten() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, _) = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest())
            #expect(try await left.pings("10.0.0.2"))
            let links = try await daemon.client.links()
            let link = try #require(links.first { "\($0.to) \($0.from)".contains("right") })
            try await daemon.client.deleteLink(link.id)
            try await wait(for: "the station to be forgotten") { try await port(of: right, daemon.client) == nil }
            #expect(try await port(of: left, daemon.client) == 1)
        }
    }

    @Test func theTablesSizeIsConfigured() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await addHosts(daemon.network)
            try await daemon.apply(Self.manifest("{fdb_size: 16}"))
            let socket = try await FrameSocket.open(on: left)
            for number in 0..<40 as Range<UInt8> {
                try socket.send(frame([2, 0, 0, 1, 0, number], to: station(1)))
            }
            try await wait(for: "the table to be full") {
                try await daemon.client.state(of: "sw")["stations"]?["learned"] == 16
            }
            #expect(try await left.pings("10.0.0.2", count: 2), "flooded, unless IPv6 made the host known before")
            let state = try await daemon.client.state(of: "sw")
            #expect(state["stations"]?["learned"] == 16)
            guard case .unsigned(let full)? = state["counts"]?["full"] else {
                Issue.record("frames of stations that had no room are not counted: \(state)")
                return
            }
            #expect(full >= 40 - 16)
            // The size is that of the kernel's table, which stays as long as the module does.
            let other = try await daemon.hoverctl("apply", "-f", "-", input: Self.manifest("{fdb_size: 65536}"))
            #expect(!other.succeeded)
            #expect(try await left.pings("10.0.0.2", count: 2))
        }
    }

    @Test func stationsAgeWithoutTheDaemonToo() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right, third) = try await addHosts(daemons.network)
            try await daemons.apply(Self.manifest("{ageing_time: 2}"))
            try await left.learn(right, as: "10.0.0.2")
            #expect(try await left.pings("10.0.0.2"))
            daemons.kill()
            let socket = try await FrameSocket.open(on: left)
            let listener = try await FrameSocket.open(on: third)
            guard case .string(let address) = try await mac(right) else { return }
            let target = address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
            try await wait(for: "frames for a silent station to be flooded", atMost: .seconds(20)) {
                try socket.send(frame(station(1), to: target))
                return !listener.arrived().isEmpty
            }
            try await daemons.start()
        }
    }
}
