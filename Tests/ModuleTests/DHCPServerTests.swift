// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Suite struct DHCPServerTests {
    @Test func offersAndGrantsWithWhatIsAskedFor() throws {
        var rig = try DHCPRig(
            #"""
            "addr_low": "192.168.1.100", "addr_high": "192.168.1.150", "router": "192.168.1.1",
            "dns": ["9.9.9.9", "1.1.1.1"], "domain": "home.example", "lease_time": 3600, "mtu": 1492,
            "ntp": "192.168.1.2", "domain_search": ["home.example", "example"],
            "routes": [{"prefix": "10.0.0.0/8", "via": "192.168.1.9"}],
            "options": [{"code": 150, "addresses": "192.168.1.3"}, {"code": 252, "text": "http://w", "always": true}]
            """#)
        let offer = try #require(
            try rig.answer(.discover, from: 1) {
                $0.options[.parameterRequestList] = [3, 1, 6, 15, 26, 42, 119, 121, 150]
            })
        #expect(offer.kind == .offer)
        #expect(offer.operation == .reply)
        #expect(offer.transaction == 0x100)
        #expect(offer.yourAddress == (try address("192.168.1.100")))
        #expect(offer.options.address(.server) == (try address("192.168.1.250")))
        #expect(offer.options.number(.leaseTime) == UInt32(3600))
        #expect(offer.options.number(.renewalTime) == UInt32(1800))
        #expect(offer.options.number(.rebindingTime) == UInt32(3150))
        #expect(offer.options.address(.subnetMask)?.description == "255.255.255.0")
        #expect(offer.options.addresses(.router).map(\.description) == ["192.168.1.1"])
        #expect(offer.options.addresses(.dns).map(\.description) == ["9.9.9.9", "1.1.1.1"])
        #expect(offer.options.text(.domain) == "home.example")
        #expect(offer.options.number(.mtu) == UInt16(1492))
        #expect(offer.options.addresses(.ntp).map(\.description) == ["192.168.1.2"])
        #expect(DNSName.list(offer.options[.domainSearch] ?? []).map(\.description) == ["home.example", "example"])
        // Who understands option 121 looks at the router option no more.
        #expect(offer.options.routes.map(\.destination.description) == ["10.0.0.0/8", "0.0.0.0/0"])
        #expect(offer.options[DHCPOption(rawValue: 150)] == [192, 168, 1, 3])
        #expect(offer.options[DHCPOption(rawValue: 252)] == Array("http://w".utf8))
        #expect(offer.options[.broadcast] == nil)
        let codes = offer.options.codes
        let mask = try #require(codes.firstIndex(of: .subnetMask))
        let router = try #require(codes.firstIndex(of: .router))
        #expect(mask < router)
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(rig.kept[try address("192.168.1.100")]?.state == .bound)
    }

    @Test func aLeaseIsKeptBeforeItIsAcknowledged() throws {
        var rig = try DHCPRig()
        let offer = try #require(try rig.answer(.discover, from: 1))
        var request = DHCPRig.message(.request, from: 1)
        request.options.set(.requestedAddress, offer.yourAddress)
        request.options[.server] = offer.options[.server]
        let actions = try rig.actions(of: request)
        guard actions.count == 2, case .keep(let lease) = actions[0], case .send(let reply) = actions[1] else {
            Issue.record("\(actions)")
            return
        }
        #expect(lease.address == reply.message.yourAddress)
        #expect(reply.message.kind == .ack)
    }

    @Test func clientsGetDifferentAddressesAndTheirOwnAgain() throws {
        var rig = try DHCPRig()
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(try rig.lease(2) == "192.168.1.101")
        #expect(try rig.lease(1) == "192.168.1.100")
        rig.now += 2 * 43_200_000
        // Though all have ended.
        #expect(try rig.lease(2) == "192.168.1.101")
        #expect(try rig.lease(3) == "192.168.1.102")
    }

    @Test func whoAsksForAFreeAddressGetsIt() throws {
        var rig = try DHCPRig()
        let offer = try rig.answer(.discover, from: 1) {
            $0.options.set(.requestedAddress, try address("192.168.1.102"))
        }
        #expect(offer?.yourAddress == (try address("192.168.1.102")))
        let other = try rig.answer(.discover, from: 2) {
            $0.options.set(.requestedAddress, try address("192.168.1.102"))
        }
        #expect(other?.yourAddress == (try address("192.168.1.100")))
        let outside = try rig.answer(.discover, from: 3) {
            $0.options.set(.requestedAddress, try address("192.168.1.7"))
        }
        #expect(outside?.yourAddress == (try address("192.168.1.101")))
    }

    @Test func anExhaustedPoolIsSilentUntilALeaseEnds() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.100-192.168.1.101", "lease_time": 100"#)
        #expect(try rig.lease(1) != nil)
        rig.now += 10_000
        #expect(try rig.lease(2) != nil)
        #expect(try rig.lease(3) == nil)
        #expect(rig.server.counts[.exhausted] == 1)
        rig.now += 90_000
        // The one that ended first.
        #expect(try rig.lease(3) == "192.168.1.100")
        #expect(try rig.lease(4) == nil)
        #expect(rig.server.counts[.exhausted] == 2)
    }

    @Test func aReleasedAddressIsToBeHadAtOnce() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.100""#)
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(try rig.lease(2) == nil)
        var release = DHCPRig.message(.release, from: 1)
        release.clientAddress = try address("192.168.1.100")
        release.options.set(.server, try address("192.168.1.250"))
        var strange = release
        strange.hardwareAddress = DHCPRig.mac(9)
        #expect(try rig.actions(of: strange).isEmpty)
        #expect(try rig.lease(2) == nil)
        let actions = try rig.actions(of: release)
        #expect(actions.reply == nil)
        #expect(rig.kept.values.map(\.state) == [.released])
        #expect(try rig.lease(2) == "192.168.1.100")
    }

    @Test func offersThatNobodyTakesEndInSeconds() throws {
        var rig = try DHCPRig()
        for client: UInt8 in 1...4 {
            #expect(try rig.answer(.discover, from: client) != nil)
        }
        #expect(try rig.answer(.discover, from: 5) == nil)
        rig.now += 10_001
        #expect(try rig.lease(5) == "192.168.1.100")
        #expect(rig.kept.count == 1)
    }

    /// However many clients there are, what is known is not more than the range.
    @Test func aFloodOfClientsIsBounded() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.1-192.168.1.200""#)
        for number in 0..<3000 {
            var discover = DHCPRig.message(.discover, from: 1)
            discover.hardwareAddress = [2, 0, 0, 1, UInt8(number >> 8), UInt8(number & 0xff)]
            _ = try rig.actions(of: discover)
            rig.now += 100
        }
        #expect(rig.server.leases.all.count == 200)
        #expect(rig.kept.isEmpty)
    }

    @Test func takingAnotherServersOfferFreesOurs() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.100""#)
        #expect(try rig.answer(.discover, from: 1) != nil)
        #expect(try rig.answer(.discover, from: 2) == nil)
        let answer = try rig.answer(.request, from: 1) {
            $0.options.set(.server, try address("192.168.1.7"))
            $0.options.set(.requestedAddress, try address("192.168.1.33"))
        }
        #expect(answer == nil)
        #expect(try rig.lease(2) == "192.168.1.100")
    }

    @Test func identifiersTellClientsApartMoreThanStations() throws {
        var rig = try DHCPRig()
        let first = try rig.answer(.discover, from: 1) { $0.options[.clientIdentifier] = [0, 1, 2] }
        let second = try rig.answer(.discover, from: 1) { $0.options[.clientIdentifier] = [0, 1, 3] }
        let again = try rig.answer(.discover, from: 9) { $0.options[.clientIdentifier] = [0, 1, 2] }
        #expect(first?.yourAddress != second?.yourAddress)
        #expect(first?.yourAddress == again?.yourAddress)
        // RFC 6842.
        #expect(first?.options[.clientIdentifier] == [0, 1, 2])
    }

    @Test func aNameStaysWhenItIsNotSaidAgain() throws {
        var rig = try DHCPRig()
        #expect(try rig.lease(1) == "192.168.1.100")
        for (name, expected) in [("laptop", "laptop"), (nil, "laptop"), ("not a name", nil)] {
            _ = try rig.answer(.request, from: 1) { message in
                message.clientAddress = try address("192.168.1.100")
                message.options[.hostname] = name.map { Array($0.utf8) }
            }
            #expect(rig.kept[try address("192.168.1.100")]?.hostname == expected, "\(name ?? "nothing")")
        }
    }

    @Test func reservationsHoldForMacAndIdentifier() throws {
        var rig = try DHCPRig(
            #"""
            "ranges": "192.168.1.100-192.168.1.101", "reservations": [
                {"mac": "02:00:00:00:00:01", "address": "192.168.1.100", "hostname": "printer.home"},
                {"client_id": "ff:00:01", "address": "192.168.1.7"}, {"client_id": "name", "address": "192.168.1.8"}]
            """#)
        #expect(try rig.lease(2) == "192.168.1.101")
        #expect(try rig.lease(3) == nil)
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(rig.server.leases[try address("192.168.1.100")]?.hostname == "printer.home")
        let named = try rig.answer(.discover, from: 1) { $0.options[.parameterRequestList] = [12] }
        #expect(named?.options.text(.hostname) == "printer")
        // A station that starts another system, which has an identifier.
        let other = try rig.answer(.discover, from: 1) { $0.options[.clientIdentifier] = [0, 7, 7] }
        #expect(other?.yourAddress == (try address("192.168.1.100")))
        let byBytes = try rig.answer(.discover, from: 4) { $0.options[.clientIdentifier] = [255, 0, 1] }
        #expect(byBytes?.yourAddress == (try address("192.168.1.7")))
        let byText = try rig.answer(.discover, from: 5) { $0.options[.clientIdentifier] = Array("name".utf8) }
        #expect(byText?.yourAddress == (try address("192.168.1.8")))
    }

    @Test func clientsMayAskForLessTime() throws {
        var rig = try DHCPRig(#""ranges": "192.168.1.100", "lease_time": 1000, "renewal_time": 400"#)
        let less = try rig.answer(.discover, from: 1) { $0.options.set(.leaseTime, UInt32(100)) }
        #expect(less?.options.number(.leaseTime) == UInt32(100))
        #expect(less?.options.number(.renewalTime) == UInt32(40))
        let more = try rig.answer(.discover, from: 1) { $0.options.set(.leaseTime, UInt32.max) }
        #expect(more?.options.number(.leaseTime) == UInt32(1000))
        let none = try rig.answer(.discover, from: 1) { $0.options.set(.leaseTime, UInt32(0)) }
        #expect(none?.options.number(.leaseTime) == UInt32(10))
    }

    @Test func informIsAnsweredWithoutALease() throws {
        var rig = try DHCPRig(#""dns": "9.9.9.9""#)
        var inform = DHCPRig.message(.inform, from: 1)
        inform.clientAddress = try address("192.168.1.33")
        let reply = try #require(try rig.reply(to: inform))
        #expect(reply.message.kind == .ack)
        #expect(reply.message.yourAddress.isUnspecified)
        #expect(reply.message.options[.leaseTime] == nil)
        #expect(reply.message.options.addresses(.dns).count == 1)
        #expect(reply.destination == (try address("192.168.1.33")))
        #expect(rig.kept.isEmpty)
    }

    @Test func whatIsNoRequestIsCountedAndLeftAlone() throws {
        var rig = try DHCPRig()
        var bootp = DHCPRig.message(.discover, from: 1)
        bootp.kind = nil
        #expect(try rig.actions(of: bootp).isEmpty)
        var reply = DHCPRig.message(.offer, from: 1)
        #expect(try rig.actions(of: reply).isEmpty)
        reply.operation = .reply
        #expect(try rig.actions(of: reply).isEmpty)
        #expect(rig.server.counts == [.unknownKind: 1, .fromServer: 2])
    }

    @Test func leasesWithoutAPlaceInANewConfigurationAreForgotten() throws {
        var rig = try DHCPRig()
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(try rig.lease(2) == "192.168.1.101")
        rig.note(rig.server.configure(try DHCPRig.config(#""ranges": "192.168.1.101-192.168.1.110""#)))
        #expect(rig.kept.keys.map(\.description) == ["192.168.1.101"])
        #expect(try rig.lease(2) == "192.168.1.101")
        #expect(try rig.lease(1) == "192.168.1.102")
    }

    /// A client whose address is reserved for another one gets one other address, not another with each message.
    @Test func aClientThatLosesItsAddressGetsOneOther() throws {
        var rig = try DHCPRig()
        #expect(try rig.lease(1) == "192.168.1.100")
        _ = rig.server.configure(
            try DHCPRig.config(
                #"""
                "ranges": "192.168.1.100-192.168.1.103",
                "reservations": [{"mac": "02:00:00:00:00:09", "address": "192.168.1.100"}]
                """#))
        let renewal = try rig.answer(.request, from: 1) { $0.clientAddress = try address("192.168.1.100") }
        #expect(renewal?.kind == .nak)
        for _ in 0..<10 {
            #expect(try rig.answer(.discover, from: 1)?.yourAddress.description == "192.168.1.101")
        }
        #expect(try rig.lease(1) == "192.168.1.101")
        #expect(rig.kept.count == 1)
        #expect(try rig.lease(9) == "192.168.1.100")
    }

    /// Whatever clients say, in whatever order: no address has two clients, none is given away that must not be, and
    /// what is acknowledged is on the disk.
    @Test func holdsWhateverClientsSay() throws {
        var random = SystemRandomNumberGenerator()
        var rig = try DHCPRig(
            #"""
            "ranges": "192.168.1.100-192.168.1.105", "excluded": "192.168.1.103", "lease_time": 60,
            "authoritative": \#(Bool.random()), "reservations": [{"mac": "02:00:00:00:00:01", "address": "192.168.1.105"}]
            """#, conflictWait: 20)
        let servers = try ["192.168.1.250", "192.168.1.7"].map { try address($0).bytes }
        for _ in 0..<20_000 {
            var message = DHCPRig.message(
                try #require(DHCPMessage.Kind.allCases.randomElement()), from: UInt8.random(in: 1...9))
            if Bool.random() { message.options[.server] = servers.randomElement(using: &random) }
            let asked = IPAddress(ipv4: 0xc0a8_0163 + UInt32.random(in: 0...8))
            if Bool.random() { message.options.set(.requestedAddress, asked) }
            if Bool.random() { message.clientAddress = asked }
            if Int.random(in: 0..<9) == 0 { message.options[.clientIdentifier] = [0, UInt8.random(in: 0...3)] }
            var actions = try rig.actions(of: message)
            check(actions, rig)
            rig.now += Int.random(in: 0...2000)
            if case .probe(let address, _)? = actions.last, Int.random(in: 0..<4) == 0 {
                actions = rig.server.heard(.broadcast, at: address, now: rig.now)
                rig.note(actions)
            }
            check(rig.server.advance(to: rig.now), rig)
        }
        #expect(rig.server.leases.all.count <= 6)
        #expect(rig.server.counts[.ack, default: 0] > 100)
    }

    private func check(_ actions: [DHCPServer.Action], _ rig: DHCPRig) {
        guard let reply = actions.reply, reply.message.kind == .ack, !reply.message.yourAddress.isUnspecified else {
            return
        }
        let given = reply.message.yourAddress
        let client = ClientKey(reply.message)
        #expect(rig.kept[given]?.client == client)
        #expect(rig.kept[given]?.state == .bound)
        #expect((0xc0a8_0164...0xc0a8_0169).contains(given.ipv4Number ?? 0) && given.description != "192.168.1.103")
        #expect(given.description != "192.168.1.105" || reply.message.mac?.bytes.last == 1)
        // Nobody else holds it, and the client holds no other.
        let held = rig.server.leases.all.filter { $0.client == client && $0.state == .bound && $0.isLive(at: rig.now) }
        #expect(held.map(\.address) == [given])
    }
}
