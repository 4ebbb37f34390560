// SPDX-License-Identifier: Apache-2.0

import Foundation
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root"), .timeLimit(.minutes(1)))
struct InterfacesTests {
    @Test func listOfANewNamespace() async throws {
        let namespace = try await PrivateNamespace()
        let interfaces = try await namespace.run { try Interfaces.list() }
        let loopback = try #require(interfaces.first { $0.name == "lo" })
        #expect(loopback.index == 1)
        #expect(!loopback.isUp)
        #expect(loopback.mtu == 65536)
        #expect(loopback.kind == "")
    }

    @Test func promiscuousModeIsSetByItself() async throws {
        let namespace = try await PrivateNamespace()
        try await namespace.ip("link add va type veth peer name vb\nlink set va up mtu 1400")
        let index = try #require(try await namespace.run { try Interfaces.named("va") }).index
        for isOn in [true, false] {
            try await namespace.run { try Interfaces.setPromiscuous(isOn, index: index) }
            #expect(try await namespace.run { try Interfaces.isPromiscuous(index: index) } == isOn)
            let interface = try await namespace.run { try Interfaces.named("va") }
            #expect(interface?.isUp == true && interface?.mtu == 1400, "other flags stay")
        }
        try await namespace.run { try Interfaces.setPromiscuous(true, index: 99) }
        #expect(try await namespace.run { try Interfaces.isPromiscuous(index: 99) } == nil, "it is not there")
    }

    @Test func aVethInABridgeWithItsPeerElsewhere() async throws {
        let (here, there) = (try await PrivateNamespace(), try await PrivateNamespace())
        try await here.ip(
            """
            link add br0 type bridge
            link add va type veth peer name vb address 02:00:00:00:00:0b netns \(there.path)
            link set va address 02:00:00:00:00:0a mtu 1400 master br0
            link set va up
            """)
        let (a, bridge) = try await here.run { (try Interfaces.named("va"), try Interfaces.named("br0")) }
        let b = try await there.run { try Interfaces.named("vb") }
        let (found, peer) = (try #require(a), try #require(b))
        #expect(
            found
                == NetworkInterface(
                    name: "va", index: found.index, kind: "veth", isUp: true, mtu: 1400, address: "02:00:00:00:00:0a",
                    masterIndex: bridge?.index, peerIndex: peer.index, peerNamespaceID: found.peerNamespaceID))
        #expect(bridge?.kind == "bridge")
        #expect(try await here.run { try Interfaces.list() }.contains(found))

        let id = try #require(found.peerNamespaceID)
        let address = try await here.run { try Interfaces.address(ofInterface: peer.index, inNamespace: id) }
        #expect(address == [2, 0, 0, 0, 0, 0x0b])
        try await here.ip("link del va")
        #expect(try await here.run { try Interfaces.address(ofInterface: peer.index, inNamespace: id) } == nil)
    }

    @Test func whatIsNotThere() async throws {
        let namespace = try await PrivateNamespace()
        try await namespace.ip(
            """
            link add short type bridge
            link property add dev short altname alternative
            link property add dev short altname much-longer-than-any-name
            """)
        for name in ["none", "", "much-longer-than-any-name", "alternative", "sh"] {
            #expect(try await namespace.run { try Interfaces.named(name) } == nil, "\(name)")
        }
        #expect(try await namespace.run { try Interfaces.address(ofInterface: 1, inNamespace: 4711) } == nil)
        #expect(try await namespace.run { try Interfaces.address(ofInterface: 0, inNamespace: 0) } == nil)
    }

    @Test func manyInterfaces() async throws {
        let namespace = try await PrivateNamespace()
        try await namespace.ip((0..<150).map { "link add va\($0) type veth peer name vb\($0)" }.joined(separator: "\n"))
        let names = try await namespace.run { try Interfaces.list() }.map(\.name)
        #expect(Set(names).isSuperset(of: (0..<150).flatMap { ["va\($0)", "vb\($0)"] }))
    }
}
