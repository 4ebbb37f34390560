// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// DHCPREQUEST by the fields of RFC 2131, table 4, and what it is answered with by section 4.3.2. Client 1 has
/// 192.168.1.100, client 2 has 192.168.1.101; others are not known.
struct RequestCase: CustomTestStringConvertible, Sendable {
    var what: String
    var client: UInt8 = 1
    /// Option 54.
    var server: String?
    /// Option 50.
    var requested: String?
    var clientAddress: String?
    var isAuthoritative = false
    /// Nil is silence.
    var answer: DHCPMessage.Kind?
    var got: String?

    var testDescription: String { what }
}

private let cases = [
    RequestCase(
        what: "selecting", server: "192.168.1.250", requested: "192.168.1.100", answer: .ack, got: "192.168.1.100"),
    RequestCase(
        what: "selecting without an offer, free", client: 3, server: "192.168.1.250", requested: "192.168.1.102",
        answer: .ack, got: "192.168.1.102"),
    RequestCase(
        what: "selecting, another's address", client: 3, server: "192.168.1.250", requested: "192.168.1.100",
        answer: .nak),
    RequestCase(
        what: "selecting, outside the range", client: 3, server: "192.168.1.250", requested: "192.168.1.9",
        answer: .nak),
    RequestCase(what: "selecting, another server", server: "192.168.1.7", requested: "192.168.1.100"),
    RequestCase(what: "init-reboot", requested: "192.168.1.100", answer: .ack, got: "192.168.1.100"),
    RequestCase(what: "init-reboot, another's address", requested: "192.168.1.101", answer: .nak),
    RequestCase(what: "init-reboot, wrong network", requested: "10.0.0.5", answer: .nak),
    RequestCase(what: "init-reboot, wrong network and not known", client: 3, requested: "10.0.0.5", answer: .nak),
    RequestCase(what: "init-reboot, not known", client: 3, requested: "192.168.1.103"),
    RequestCase(what: "init-reboot, not known, taken", client: 3, requested: "192.168.1.101", answer: .nak),
    RequestCase(
        what: "init-reboot, not known, no other server", client: 3, requested: "192.168.1.103", isAuthoritative: true,
        answer: .ack, got: "192.168.1.103"),
    RequestCase(
        what: "init-reboot, outside the range, no other server", client: 3, requested: "192.168.1.9",
        isAuthoritative: true, answer: .nak),
    RequestCase(what: "renewing", clientAddress: "192.168.1.100", answer: .ack, got: "192.168.1.100"),
    RequestCase(what: "renewing another's address", clientAddress: "192.168.1.101", answer: .nak),
    RequestCase(what: "renewing, not known", client: 3, clientAddress: "192.168.1.103"),
    RequestCase(what: "rebinding, wrong network", client: 3, clientAddress: "10.0.0.5", answer: .nak),
    RequestCase(what: "nothing is asked for"),
]

@Suite struct DHCPRequestTests {
    @Test(arguments: cases) func isAnsweredByTheRFC(_ example: RequestCase) throws {
        var rig = try DHCPRig(
            #""addr_low": "192.168.1.100", "addr_high": "192.168.1.103", "authoritative": \#(example.isAuthoritative)"#)
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(try rig.lease(2) == "192.168.1.101")
        let kept = rig.kept
        rig.now += 60_000
        let answer = try rig.answer(.request, from: example.client) { message in
            message.options[.server] = try example.server.map(address)?.bytes
            message.options[.requestedAddress] = try example.requested.map(address)?.bytes
            message.clientAddress = try example.clientAddress.map(address) ?? .any4
        }
        #expect(answer?.kind == example.answer)
        if example.answer == .ack {
            #expect(answer?.yourAddress.description == example.got)
            let got = try #require(answer?.yourAddress)
            #expect(rig.kept[got]?.end == rig.now + 43_200_000)
        } else {
            #expect(rig.kept == kept)
        }
        if example.answer == .nak {
            // RFC 2131, table 3.
            #expect(answer?.yourAddress == .any4)
            #expect(answer?.options[.leaseTime] == nil)
            #expect(answer?.options.address(.server)?.description == "192.168.1.250")
            #expect(answer?.options.text(.message) != nil)
        }
    }

    /// RFC 2131, section 4.1.
    @Test func repliesGoWhereTheClientHearsThem() throws {
        func reply(_ change: (inout DHCPMessage) throws -> Void) throws -> DHCPServer.Reply {
            var rig = try DHCPRig(
                #"""
                "ranges": "192.168.1.100-192.168.1.103",
                "subnets": [{"network": "10.1.0.0/24", "ranges": "10.1.0.10-10.1.0.20", "router": "10.1.0.1"}]
                """#)
            _ = try rig.lease(1)
            var message = DHCPRig.message(.discover, from: 1)
            try change(&message)
            return try #require(try rig.reply(to: message))
        }
        let unicast = try reply { _ in }
        #expect(unicast.station.bytes == DHCPRig.mac(1))
        #expect(unicast.destination.description == "192.168.1.100")
        #expect(unicast.destinationPort == 68)
        #expect(unicast.source.description == "192.168.1.250")
        let broadcast = try reply { $0.wantsBroadcast = true }
        #expect(broadcast.station == .broadcast)
        #expect(broadcast.destination == .broadcast4)
        #expect(broadcast.message.wantsBroadcast)
        let renewing = try reply {
            $0.kind = .request
            $0.clientAddress = try address("192.168.1.100")
        }
        #expect(renewing.destination.description == "192.168.1.100")
        #expect(renewing.station.bytes == DHCPRig.mac(1))
        #expect(renewing.message.clientAddress.description == "192.168.1.100")
        let refused = try reply {
            $0.kind = .request
            $0.clientAddress = try address("192.168.1.102")
        }
        #expect(refused.message.kind == .nak)
        #expect(refused.station == .broadcast)
        #expect(refused.destination == .broadcast4)
        let token = try reply { $0.hardwareType = 6 }
        #expect(token.station == .broadcast)
    }

    @Test func relaysGetAnswersForTheirNetwork() throws {
        var rig = try DHCPRig(
            #"""
            "ranges": "192.168.1.100-192.168.1.103",
            "subnets": [{"network": "10.1.0.0/24", "ranges": "10.1.0.10-10.1.0.20", "router": "10.1.0.1"}]
            """#, conflictWait: 250)
        var message = DHCPRig.message(.discover, from: 1)
        message.relay = try address("10.1.0.1")
        message.options[.relayAgent] = [1, 2, 3, 4]
        // Nobody behind a relay can be asked by ARP.
        let offer = try #require(try rig.reply(to: message))
        #expect(offer.message.yourAddress.description == "10.1.0.10")
        #expect(offer.message.options.addresses(.router).map(\.description) == ["10.1.0.1"])
        #expect(offer.message.options[.relayAgent] == [1, 2, 3, 4])
        #expect(offer.message.relay == message.relay)
        #expect(offer.destination == message.relay)
        #expect(offer.destinationPort == 67)
        message.kind = .request
        message.options.set(.requestedAddress, try address("192.168.1.100"))
        let refusal = try #require(try rig.reply(to: message))
        #expect(refusal.message.kind == .nak)
        #expect(refusal.message.wantsBroadcast)
        #expect(refusal.destination == message.relay)
        message.relay = try address("10.2.0.1")
        #expect(try rig.reply(to: message) == nil)
        #expect(rig.server.counts[.noSubnet] == 1)
    }

    /// A client that moves has an address in each network, and keeps both.
    @Test func aClientHasAnAddressInEachNetwork() throws {
        var rig = try DHCPRig(
            #""ranges": "192.168.1.100", "subnets": [{"network": "10.1.0.0/24", "ranges": "10.1.0.10"}]"#)
        #expect(try rig.lease(1) == "192.168.1.100")
        let ack = try rig.answer(.request, from: 1) {
            $0.relay = try address("10.1.0.1")
            $0.options.set(.requestedAddress, try address("10.1.0.10"))
            $0.options.set(.server, try address("192.168.1.250"))
        }
        #expect(ack?.kind == .ack)
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(rig.kept.count == 2)
    }

    @Test func sizesFollowTheClient() throws {
        let rig = try DHCPRig()
        var message = DHCPRig.message(.discover, from: 1)
        #expect(rig.server.limit(for: message) == 548)
        message.options.set(.maximumSize, UInt16(100))
        #expect(rig.server.limit(for: message) == 548)
        message.options.set(.maximumSize, UInt16(1400))
        #expect(rig.server.limit(for: message) == 1372)
        message.options.set(.maximumSize, UInt16.max)
        #expect(rig.server.limit(for: message) == 1472)
    }
}
