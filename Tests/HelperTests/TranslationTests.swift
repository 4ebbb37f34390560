// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `hover_connect_as` of `include/hover/conntrack.h`: connections whose addresses are translated.
@Suite("connection tracking: translation")
struct TranslationTests {
    private let server = FlowEnd(.ipv4, net: 1, host: 2, port: 53)

    private func outside(_ port: UInt16) -> FlowEnd {
        var end = FlowEnd(.ipv4, host: 0, port: port)
        end.address = [192, 0, 2, 1]
        return end
    }

    private func client(_ host: UInt8, port: UInt16 = 4000) -> FlowEnd {
        FlowEnd(.ipv4, host: host, port: port)
    }

    private func rig(_ hook: StateHook, ports: ClosedRange<UInt64> = 1024...65535) throws -> ConntrackRig {
        let track = try ConntrackRig(hook)
        try track.rig.set("mode", to: 1)
        try track.rig.set("first", to: ports.lowerBound)
        try track.rig.set("last", to: ports.upperBound)
        return track
    }

    /// The ports that answers come in to.
    private func ports(_ track: ConntrackRig) throws -> [UInt16] {
        // struct hover_connection: 24 bytes, then the original and the reply of 40 each.
        try track.connections().map { UInt16($0[64 + 34]) << 8 | UInt16($0[64 + 35]) }
    }

    @Test("answers are found by the outside, the inside by itself", arguments: StateHook.allCases)
    func directions(hook: StateHook) throws {
        let track = try rig(hook)
        #expect(try track(FlowPacket.udp(client(1), server)) == Tracked(what: .new))
        #expect(try ports(track) == [4000])
        #expect(try track(FlowPacket.udp(server, outside(4000))) == Tracked(what: .established, isReply: true))
        #expect(try track(FlowPacket.udp(client(1), server)) == Tracked(what: .established))
    }

    @Test("an error about the outside belongs to the inside", arguments: StateHook.allCases)
    func error(hook: StateHook) throws {
        let track = try rig(hook)
        _ = try track(FlowPacket.udp(client(1), server))
        let quoted = FlowPacket.udp(outside(4000), server)
        let router = FlowEnd(.ipv4, net: 9, host: 9, port: 0)
        let tracked = try track(FlowPacket.error(router, outside(4000), about: quoted))
        #expect(tracked == Tracked(what: .related, isReply: true))
    }

    @Test("two insides with the same port get different ones to one server", arguments: StateHook.allCases)
    func collision(hook: StateHook) throws {
        let track = try rig(hook)
        _ = try track(FlowPacket.udp(client(1), server))
        _ = try track(FlowPacket.udp(client(2), server))
        let ports = try ports(track)
        #expect(ports.count == 2)
        #expect(ports.contains(4000))
        #expect(Set(ports).count == 2)
        #expect(ports.allSatisfy { $0 % 2 == 0 })
        // To another server the port is free.
        _ = try track(FlowPacket.udp(client(2), server.with(port: 54)))
        #expect(try self.ports(track).filter { $0 == 4000 }.count == 2)
    }

    @Test("echo identifiers are translated like ports", arguments: StateHook.allCases)
    func echo(hook: StateHook) throws {
        let track = try rig(hook)
        _ = try track(FlowPacket.echo(client(1), server, id: 4000))
        _ = try track(FlowPacket.echo(client(2), server, id: 4000))
        let ids = try ports(track)
        #expect(Set(ids).count == 2)
        for id in ids {
            let tracked = try track(FlowPacket.echo(server, outside(0), id: id, isReply: true))
            #expect(tracked == Tracked(what: .established, isReply: true))
        }
    }

    @Test("when all ports are taken nothing is left behind", arguments: StateHook.allCases)
    func exhaustion(hook: StateHook) throws {
        let track = try rig(hook, ports: 5000...5009)
        // Even ones are kept even.
        for host in 1...5 as ClosedRange<UInt8> {
            #expect(try track(FlowPacket.udp(client(host), server)).isConnected)
        }
        #expect(try track(FlowPacket.udp(client(6), server)) == Tracked(what: .new, isConnected: false))
        #expect(try track.rig.global("error") == UInt64(EEXIST))
        #expect(try Set(ports(track)) == [5000, 5002, 5004, 5006, 5008])
        #expect(try track.tuples() == 10)
        #expect(try track.rig.counts("connections") == StateCounts(entries: 5, inserted: 5))
    }

    @Test("CPUs that translate at once never give the same port twice", arguments: StateHook.allCases)
    func race(hook: StateHook) throws {
        let track = try ConntrackRig(hook, randomClients: 100)
        try track.rig.set("mode", to: 1)
        let packet = FlowPacket.udp(client(1), server)
        try onThreads(4) { _ in
            try track.rig.run(packet, times: 5_000)
        }
        let ports = try ports(track)
        #expect(ports.count == 100)
        #expect(Set(ports).count == 100)
        #expect(try track.tuples() == 200)
        #expect(try track.rig.global("refusals") == 0)
        #expect(try track.rig.counts("connections") == StateCounts(entries: 100, inserted: 100))
    }
}
