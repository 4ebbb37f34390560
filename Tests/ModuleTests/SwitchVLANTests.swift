// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

/// In which form frames leave a switch with VLANs, between real interfaces.
@Suite struct SwitchVLANTests {
    private static let names = ["a10", "b10", "c20", "trunk", "uplink"]

    /// Hosts on two access ports of VLAN 10, one of VLAN 20, a trunk with both, and a trunk of all whose native VLAN
    /// is 20.
    private static func manifest(hook: String) -> String {
        """
        modules:
          - name: sw
            type: switch
            config:
              ports:
                - {name: a10, access: 10}
                - {name: b10, access: 10}
                - {name: c20, access: 20}
                - {name: trunk, trunk: [10, "20-29"]}
                - {name: uplink, trunk: all, native: 20}
        links:
        \(names.map { "  - {from: sw, to: \"i:\($0)\", hook: \(hook)}" }.joined(separator: "\n"))
        """
    }

    private func with(
        hook: String, _ body: (HoverDaemon, [String: FrameSocket]) async throws -> Void
    ) async throws {
        try await HoverDaemon.with { daemon in
            var sockets: [String: FrameSocket] = [:]
            for name in Self.names {
                let host = try await daemon.network.addHost(name)
                // Without IPv6 it says nothing of its own accord.
                for words in [["down"], ["addrgenmode", "none"], ["up"]] {
                    try await shell(["ip", "-n", host.namespace, "link", "set", "eth0"] + words)
                }
                sockets[name] = try await FrameSocket.open(on: host)
            }
            try await daemon.apply(Self.manifest(hook: hook))
            try await body(daemon, sockets)
        }
    }

    /// Sends a frame, and checks who gets it, in which form.
    private func check(
        _ sockets: [String: FrameSocket], _ name: String, sends sent: [UInt8], arrives expected: [String: [UInt8]],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try sockets[name]?.send(sent)
        var arrived: [String: [[UInt8]]] = [:]
        try? await wait(for: "frames", atMost: .seconds(2)) {
            for (name, socket) in sockets {
                arrived[name, default: []] += socket.arrived()
            }
            return arrived.values.reduce(0) { $0 + $1.count } >= max(expected.count, 1)
        }
        #expect(
            arrived.filter { !$0.value.isEmpty } == expected.mapValues { [$0] }, sourceLocation: sourceLocation)
    }

    private func header(_ source: UInt8, to destination: [UInt8], tag: UInt16? = nil) -> [UInt8] {
        Array(frame(station(source), to: destination, tag: tag).prefix(tag == nil ? 14 : 18))
    }

    @Test(arguments: ["tc", "xdp"]) func eachCopyOfAFloodHasItsPortsForm(hook: String) async throws {
        try await with(hook: hook) { daemon, sockets in
            let plain = header(1, to: everybody)
            let tagged = header(1, to: everybody, tag: 10)
            // From an access port: as it is to the other one, tagged to trunks.
            try await check(
                sockets, "a10", sends: frame(station(1), to: everybody),
                arrives: ["b10": plain, "trunk": tagged, "uplink": tagged])
            // From a trunk: without the tag to access ports.
            try await check(
                sockets, "trunk", sends: frame(station(1), to: everybody, tag: 10),
                arrives: ["a10": plain, "b10": plain, "uplink": tagged])
            // The priority stays where there is a tag.
            try await check(
                sockets, "trunk", sends: frame(station(1), to: everybody, tag: 0xa00a),
                arrives: ["a10": plain, "b10": plain, "uplink": header(1, to: everybody, tag: 0xa00a)])
            // With a priority only.
            try await check(
                sockets, "a10", sends: frame(station(1), to: everybody, tag: 0xa000),
                arrives: [
                    "b10": plain, "trunk": header(1, to: everybody, tag: 0xa00a),
                    "uplink": header(1, to: everybody, tag: 0xa00a),
                ])
            // The native VLAN: tagged to the other trunk only.
            try await check(
                sockets, "uplink", sends: frame(station(2), to: everybody),
                arrives: ["c20": header(2, to: everybody), "trunk": header(2, to: everybody, tag: 20)])
            try await check(
                sockets, "trunk", sends: frame(station(3), to: everybody, tag: 20),
                arrives: ["c20": header(3, to: everybody), "uplink": header(3, to: everybody)])
            try await check(
                sockets, "trunk", sends: frame(station(3), to: everybody, tag: 25),
                arrives: ["uplink": header(3, to: everybody, tag: 25)])
            try await checkDrops(daemon, [:])
        }
    }

    @Test(arguments: ["tc", "xdp"]) func whatIsForwardedHasItsPortsForm(hook: String) async throws {
        try await with(hook: hook) { daemon, sockets in
            try await check(
                sockets, "a10", sends: frame(station(1), to: station(9)),
                arrives: [
                    "b10": header(1, to: station(9)), "trunk": header(1, to: station(9), tag: 10),
                    "uplink": header(1, to: station(9), tag: 10),
                ])
            try await check(
                sockets, "trunk", sends: frame(from: 2, to: 1, tag: 10), arrives: ["a10": header(2, to: station(1))])
            try await check(
                sockets, "a10", sends: frame(from: 1, to: 2), arrives: ["trunk": header(1, to: station(2), tag: 10)])
            try await check(
                sockets, "b10", sends: frame(from: 3, to: 1), arrives: ["a10": header(3, to: station(1))])
            try await check(
                sockets, "b10", sends: frame(from: 3, to: 2, tag: 0x6000),
                arrives: ["trunk": header(3, to: station(2), tag: 0x600a)])
            try await checkDrops(daemon, [:])
            // What would hop into another VLAN: a tag behind the one that is taken off.
            var hopping = frame(from: 2, to: 1, tag: 10)
            hopping.insert(contentsOf: [0x81, 0, 0, 20], at: 16)
            try sockets["trunk"]?.send(hopping)
            try await wait(for: "it to be dropped") { try await drops(daemon)["vlan"] == 1 }
            try await checkDrops(daemon, ["vlan": 1])
        }
    }

    private func drops(_ daemon: HoverDaemon) async throws -> [String: UInt64] {
        guard case .object(let drops)? = try await daemon.client.state(of: "sw")["drops"] else { return [:] }
        return drops.compactMapValues { if case .unsigned(let number) = $0, number > 0 { number } else { nil } }
    }

    private func checkDrops(_ daemon: HoverDaemon, _ expected: [String: UInt64]) async throws {
        #expect(try await drops(daemon) == expected)
    }
}
