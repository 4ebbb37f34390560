// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing

@Suite struct InterfaceTests {
    @Test func aLinkWaitsForAnInterfaceThatVanished() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            try await daemon.network.ip("link", "delete", "right")
            try await wait(for: "the link to be pending") {
                try await daemon.client.links().contains { $0.state == "pending" }
            }
            let link = try #require(try await daemon.client.links().first { $0.state == "pending" })
            #expect(link.detail?.contains("right is not there") == true)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))

            try await daemon.network.ip(
                "link", "add", "right", "type", "veth", "peer", "name", "eth0", "netns",
                "\(daemon.network.name)-right")
            let right = TestHost(namespace: "\(daemon.network.name)-right", interface: "right")
            try await right.run("ip", "address", "add", "10.0.0.2/24", "dev", "eth0")
            try await right.run("ip", "link", "set", "eth0", "up")
            try await daemon.network.ip("link", "set", "right", "up")
            try await wait(for: "the link to be up") {
                try await daemon.client.links().allSatisfy { $0.state == "up" }
            }
            // The new interface has another link-layer address than the one that `left` remembers.
            try await left.run("ip", "neighbor", "flush", "all")
            try await wait(for: "packets") { try await left.pings("10.0.0.2", wait: "0.2") }
        }
    }

    /// As ports of a bridge: cards drop what is for no address of theirs.
    @Test func linkedInterfacesReceiveWhatIsForOthers() async throws {
        try await DaemonSequence.with { daemons in
            let network = daemons.network
            func isPromiscuous(_ interface: String) async throws -> Bool {
                try await network.ip("link", "show", "dev", interface).contains("PROMISC")
            }
            for name in ["left", "right", "policed"] { try await network.addHost(name) }
            try await network.ip("link", "set", "right", "promisc", "on")
            try await daemons.start()
            try await daemons.apply(
                """
                modules:
                  - {name: lan, type: switch}
                  - {name: count, type: counter, placements: [{node: "i:policed", direction: ingress}]}
                external_interfaces: [{module: lan, iface: left}, {module: lan, iface: right}]
                """)
            #expect(try await isPromiscuous("left"))
            #expect(try await !isPromiscuous("policed"), "it is the kernel's")
            daemons.kill()
            #expect(try await isPromiscuous("left"), "packets go on")
            // Somebody ends it while nobody looks.
            try await network.ip("link", "set", "left", "promisc", "off")
            try await daemons.start()
            #expect(try await isPromiscuous("left"))
            for link in try await daemons.client.links() { try await daemons.client.deleteLink(link.id) }
            #expect(try await !isPromiscuous("left"))
            #expect(try await isPromiscuous("right"), "that was an administrator's")
            try await network.ip("link", "set", "right", "promisc", "off")
            #expect(try await daemons.client.doctor().findings.isEmpty)
        }
    }

    @Test func aRenamedInterfaceStaysLinked() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _, _) = try await daemon.oneModule()
            try await daemon.network.rename("right", to: "uplink-with-15c")
            try await wait(for: "the new name") {
                try await daemon.client.links().contains { $0.to.node == "i:uplink-with-15c" }
            }
            try await wait(for: "packets") { try await left.pings("10.0.0.2") }
        }
    }

    @Test func aPeerWithAnotherAddressIsStillReached() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right, _) = try await daemon.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            // Another address on the peer: packets for it must not be taken for another host's.
            try await right.run("ip", "link", "set", "eth0", "down")
            try await right.run("ip", "link", "set", "eth0", "address", "02:00:00:00:0a:0b")
            try await right.run("ip", "link", "set", "eth0", "up")
            try await wait(for: "packets to the new address") { try await left.pings("10.0.0.2", wait: "0.2") }
        }
    }

    @Test func interfacesAreListed() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let interfaces = try await daemon.client.interfaces()
            #expect(interfaces.map(\.name) == ["lo", "left"])
            let left = try await daemon.client.interface("left")
            #expect(left.kind == "veth")
            #expect(left.up)
            #expect(left.mtu == 1500)
            let problem = try await refusal { try await daemon.client.interface("nothing") }
            #expect(problem.status == 404)
        }
    }

    @Test func anInterfaceThatIsLinkedKeepsItsSettings() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.ip("address", "add", "192.0.2.1/24", "dev", "left")
            try await wait(for: "the kernel to have checked its own address") {
                try await !daemon.network.ip("address", "show", "dev", "left").contains("tentative")
            }
            let before = try await daemon.network.ip("-d", "address", "show", "dev", "left")
            try await daemon.forward("middle")
            try await daemon.link(("i:left", nil), ("middle", 1))
            let linked = try await daemon.network.ip("-d", "address", "show", "dev", "left")
            #expect(
                before
                    == linked.replacing("PROMISC,", with: "").replacing("promiscuity 1", with: "promiscuity 0"))
            let link = try #require(try await daemon.client.links().first)
            try await daemon.client.deleteLink(link.id)
            #expect(try await daemon.network.ip("-d", "address", "show", "dev", "left") == before)
        }
    }
}
