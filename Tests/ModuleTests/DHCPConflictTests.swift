// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Suite struct DHCPConflictTests {
    @Test func anAddressIsAskedForBeforeItIsOffered() throws {
        var rig = try DHCPRig(conflictWait: 250)
        let actions = try rig.actions(of: DHCPRig.message(.discover, from: 1))
        #expect(actions == [.probe(try address("192.168.1.100"), port: 1)])
        #expect(rig.server.nextDeadline == rig.now + 250)
        #expect(rig.server.advance(to: rig.now + 249).isEmpty)
        // Its second message is answered, not its first one.
        var again = DHCPRig.message(.discover, from: 1)
        again.transaction = 99
        #expect(try rig.actions(of: again).isEmpty)
        let offer = try #require(rig.server.advance(to: rig.now + 250).reply)
        #expect(offer.message.kind == .offer)
        #expect(offer.message.transaction == 99)
        #expect(rig.server.nextDeadline == nil)
        // It was free a moment ago.
        #expect(try rig.answer(.discover, from: 1)?.kind == .offer)
    }

    @Test func aTakenAddressIsNotOffered() throws {
        var rig = try DHCPRig(conflictWait: 250)
        _ = try rig.actions(of: DHCPRig.message(.discover, from: 1))
        let stranger = try #require(MACAddress("02:aa:00:00:00:01"))
        let actions = rig.server.heard(stranger, at: try address("192.168.1.100"), now: rig.now)
        rig.note(actions)
        #expect(actions.last == .probe(try address("192.168.1.101"), port: 1))
        #expect(rig.kept.values.map(\.state) == [.quarantined])
        #expect(rig.server.counts[.conflict] == 1)
        rig.now += 250
        #expect(rig.server.advance(to: rig.now).reply?.message.yourAddress.description == "192.168.1.101")
        // Nobody is offered it until the quarantine is over.
        let wish = try rig.actions(
            of: {
                var message = DHCPRig.message(.discover, from: 2)
                message.options.set(.requestedAddress, try address("192.168.1.100"))
                return message
            }())
        #expect(wish == [.probe(try address("192.168.1.102"), port: 1)])
        rig.now += 600_000
        let later = try rig.actions(
            of: {
                var message = DHCPRig.message(.discover, from: 3)
                message.options.set(.requestedAddress, try address("192.168.1.100"))
                return message
            }())
        #expect(later == [.probe(try address("192.168.1.100"), port: 1)])
    }

    @Test func theClientItselfIsNoConflict() throws {
        var rig = try DHCPRig(conflictWait: 250)
        _ = try rig.actions(of: DHCPRig.message(.discover, from: 1))
        let own = try #require(MACAddress(bytes: DHCPRig.mac(1)))
        #expect(rig.server.heard(own, at: try address("192.168.1.100"), now: rig.now).isEmpty)
        // Nor is an answer that nobody asked for.
        let stranger = try #require(MACAddress("02:aa:00:00:00:01"))
        #expect(rig.server.heard(stranger, at: try address("192.168.1.101"), now: rig.now).isEmpty)
        #expect(rig.server.advance(to: rig.now + 250).reply != nil)
    }

    /// A host that answers for everything does not keep the server busy, nor does it take all addresses at once.
    @Test func aHostThatHasEverythingIsGivenUp() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.1-192.168.1.100""#, conflictWait: 250)
        let stranger = try #require(MACAddress("02:aa:00:00:00:01"))
        var actions = try rig.actions(of: DHCPRig.message(.discover, from: 1))
        var probes = 0
        while case .probe(let address, _)? = actions.last {
            probes += 1
            actions = rig.server.heard(stranger, at: address, now: rig.now)
        }
        #expect(probes == 4)
        #expect(rig.server.nextDeadline == nil)
    }

    @Test func probesAtTheSameTimeAreBounded() throws {
        var rig = try DHCPRig(
            #""ranges": "192.168.2.0-192.168.9.255""#, netmask: "255.255.0.0", conflictWait: 250)
        for number in 0..<300 {
            var message = DHCPRig.message(.discover, from: 1)
            message.hardwareAddress = [2, 0, 0, 1, UInt8(number >> 8), UInt8(number & 0xff)]
            _ = try rig.actions(of: message)
        }
        #expect(rig.server.counts[.busy] == 44)
    }

    @Test func aDeclinedAddressIsNotGivenAway() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.100-192.168.1.101""#)
        #expect(try rig.lease(1) == "192.168.1.100")
        var decline = DHCPRig.message(.decline, from: 1)
        decline.options.set(.requestedAddress, try address("192.168.1.100"))
        decline.options.set(.server, try address("192.168.1.250"))
        // Whoever has it not from here cannot decline it.
        var strange = decline
        strange.hardwareAddress = DHCPRig.mac(7)
        #expect(try rig.actions(of: strange).isEmpty)
        #expect(try rig.actions(of: decline).reply == nil)
        #expect(rig.kept.values.map(\.state) == [.quarantined])
        #expect(try rig.lease(1) == "192.168.1.101")
        #expect(try rig.lease(2) == nil)
        rig.now += 600_000
        #expect(try rig.lease(2) == "192.168.1.100")
    }
}
