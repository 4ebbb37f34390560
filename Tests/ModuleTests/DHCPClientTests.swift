// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

/// The middle of all that is possible.
private struct Middle: RandomNumberGenerator {
    mutating func next() -> UInt64 { 1 << 63 }
}

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

extension [DHCPClient.Action] {
    fileprivate var message: DHCPMessage? {
        for case .send(let message, _, _) in self {
            return message
        }
        return nil
    }
}

/// A client and a server, without a network.
private struct Pair {
    var client: DHCPClient
    var rig: DHCPRig
    var now: Int { rig.now }

    init(_ configuration: String = #""ranges": "192.168.1.100-192.168.1.103", "lease_time": 3600"#, probeTime: Int = 0)
        throws
    {
        rig = try DHCPRig(configuration)
        let mac = try #require(MACAddress(bytes: DHCPRig.mac(1)))
        client = DHCPClient(.init(mac: mac, hostname: "gateway", probeTime: probeTime), random: Middle())
    }

    /// What the client does with what the server answers.
    mutating func exchange(_ actions: [DHCPClient.Action]) throws -> [DHCPClient.Action] {
        guard let message = actions.message, let reply = try rig.reply(to: DHCPMessage(message.bytes())) else {
            return []
        }
        return client.receive(try DHCPMessage(reply.message.bytes(atMost: 1472)), now: rig.now)
    }

    /// To the end of the time that the client waits for.
    mutating func wait() throws -> [DHCPClient.Action] {
        rig.now = try #require(client.deadline)
        return client.advance(to: rig.now)
    }

    /// All the way to an address.
    mutating func bind() throws -> DHCPLease {
        let request = try exchange(client.start(remembering: nil, now: now, isImmediate: true))
        guard case .bind(let lease)? = try exchange(request).first else {
            throw ConfigError("the client got no lease, and is \(client.state)")
        }
        return lease
    }
}

@Suite struct DHCPClientTests {
    @Test func getsALease() throws {
        var pair = try Pair(
            #"""
            "ranges": "192.168.1.100", "lease_time": 3600, "router": "192.168.1.1", "dns": "9.9.9.9",
            "domain": "home.example", "mtu": 1492
            """#)
        #expect(pair.client.start(remembering: nil, now: pair.now).isEmpty)
        #expect(pair.client.state == .initial)
        let discover = try pair.wait()
        #expect(pair.client.state == .selecting)
        #expect(discover.message?.options.text(.hostname) == "gateway")
        let request = try pair.exchange(discover)
        #expect(pair.client.state == .requesting)
        #expect(request.message?.options.address(.requestedAddress)?.description == "192.168.1.100")
        #expect(request.message?.options.address(.server)?.description == "192.168.1.250")
        #expect(request.message?.transaction == discover.message?.transaction)
        guard case .send(_, let from, let to)? = request.first else { return }
        #expect(from == .any4)
        #expect(to == .broadcast4)
        guard case .bind(let lease)? = try pair.exchange(request).first else {
            Issue.record("no lease: \(pair.client.state)")
            return
        }
        #expect(pair.client.state == .bound)
        #expect(lease.address.description == "192.168.1.100/24")
        #expect(lease.routers.map(\.description) == ["192.168.1.1"])
        #expect(lease.dns.map(\.description) == ["9.9.9.9"])
        #expect(lease.domain == "home.example")
        #expect(lease.mtu == 1492)
        #expect(lease.end == pair.now + 3_600_000)
        #expect(pair.client.deadline == pair.now + 1_800_000)
    }

    /// 4, 8, 16, 32, 64, 64 seconds, each up to a second more or less (RFC 2131, section 4.1).
    @Test func asksAgainMoreAndMoreSeldom() throws {
        var pair = try Pair()
        _ = pair.client.start(remembering: nil, now: pair.now, isImmediate: true)
        var delays: [Int] = []
        for _ in 0..<6 {
            let before = pair.now
            let actions = try pair.wait()
            #expect(actions.message?.kind == .discover)
            delays.append(pair.now - before)
        }
        for (delay, expected) in zip(delays, [4000, 8000, 16_000, 32_000, 64_000, 64_000]) {
            #expect((expected - 1000...expected + 1000).contains(delay))
        }
        #expect(pair.client.advance(to: pair.now).isEmpty)
    }

    @Test func beginsAnewWhenARequestIsNotAnswered() throws {
        var pair = try Pair()
        let first = try pair.exchange(pair.client.start(remembering: nil, now: pair.now, isImmediate: true))
        var kinds = [first.message?.kind]
        for _ in 0..<4 {
            kinds.append(try pair.wait().message?.kind)
        }
        #expect(kinds == [.request, .request, .request, .request, .discover])
        #expect(pair.client.state == .selecting)
    }

    @Test func renewsAtHalfTheTimeWithTheServerThatItKnows() throws {
        var pair = try Pair()
        let old = try pair.bind()
        let start = pair.now
        let request = try pair.wait()
        #expect(pair.now == start + 1_800_000)
        #expect(pair.client.state == .renewing)
        guard case .send(let message, let from, let to)? = request.first else { return }
        #expect(from == old.address.address)
        #expect(to == old.server)
        #expect(message.clientAddress == old.address.address)
        #expect(message.options[.requestedAddress] == nil)
        #expect(message.options[.server] == nil)
        guard case .extend(let lease)? = try pair.exchange(request).first else {
            Issue.record("not extended: \(pair.client.state)")
            return
        }
        #expect(lease.end == pair.now + 3_600_000)
        #expect(pair.client.state == .bound)
    }

    @Test func aChangedLeaseIsBoundAnew() throws {
        var pair = try Pair()
        _ = try pair.bind()
        _ = pair.rig.server.configure(try DHCPRig.config(#""ranges": "192.168.1.100", "router": "192.168.1.1""#))
        guard case .bind(let lease)? = try pair.exchange(pair.wait()).first else {
            Issue.record("not bound: \(pair.client.state)")
            return
        }
        #expect(lease.routers.count == 1)
    }

    /// RFC 2131, section 4.4.5.
    @Test func asksAnyServerAndThenGivesUp() throws {
        var pair = try Pair()
        let lease = try pair.bind()
        let start = pair.now
        var log: [String] = []
        while pair.client.state != .selecting {
            let actions = try pair.wait()
            for action in actions {
                switch action {
                case .send(let message, _, let to):
                    log.append("\(message.kind.map { "\($0)" } ?? "") \(to) \((pair.now - start) / 1000)")
                case .unbind(let lost):
                    #expect(lost == lease)
                    log.append("unbind \((pair.now - start) / 1000)")
                default: log.append("\(action)")
                }
            }
        }
        // Half of the time that is left, but not sooner than a minute.
        let renewals = [1800, 2475, 2812, 2981, 3065, 3125].map { "request 192.168.1.250 \($0)" }
        let rebindings = [3150, 3375, 3487, 3547].map { "request 255.255.255.255 \($0)" }
        #expect(log == renewals + rebindings + ["unbind 3600", "discover 255.255.255.255 3600"])
    }

    @Test func aRefusalWhileRenewingEndsTheLease() throws {
        var pair = try Pair()
        let lease = try pair.bind()
        _ = pair.rig.server.configure(
            try DHCPRig.config(#""ranges": "192.168.1.50", "authoritative": true"#))
        #expect(try pair.exchange(pair.wait()) == [.unbind(lease)])
        #expect(pair.client.state == .initial)
        #expect(pair.client.lease == nil)
        // Not at once: it could be refused again.
        #expect((pair.client.deadline ?? 0) >= pair.now + 1000)
        guard case .bind(let new)? = try pair.exchange(pair.exchange(pair.wait())).first else {
            Issue.record("no lease: \(pair.client.state)")
            return
        }
        #expect(new.address.address.description == "192.168.1.50")
    }

    @Test func goesOnWithARememberedLease() throws {
        var pair = try Pair()
        let old = try pair.bind()
        pair.rig.now += 60_000
        let request = pair.client.start(remembering: old, now: pair.now)
        #expect(pair.client.state == .rebooting)
        #expect(request.message?.options.address(.requestedAddress) == old.address.address)
        #expect(request.message?.options[.server] == nil)
        #expect(request.message?.clientAddress == .any4)
        _ = try pair.exchange(request)
        #expect(pair.client.state == .bound)
        #expect(pair.client.lease?.address == old.address)
    }

    @Test func aRememberedLeaseOfAnotherNetworkIsGivenUp() throws {
        var pair = try Pair()
        var old = try pair.bind()
        old.address = try #require(IPPrefix("10.0.0.5/24"))
        let request = pair.client.start(remembering: old, now: pair.now)
        _ = try pair.exchange(request)
        #expect(pair.client.state == .initial)
        // Nor does it ask for one that has ended.
        old.duration = 1
        _ = pair.client.start(remembering: old, now: pair.now + 1000)
        #expect(pair.client.state == .initial)
    }

    @Test func anAddressThatSomebodyHasIsDeclined() throws {
        var pair = try Pair(probeTime: 2000)
        let request = try pair.exchange(pair.client.start(remembering: nil, now: pair.now, isImmediate: true))
        #expect(try pair.exchange(request) == [.probe(try address("192.168.1.100"))])
        #expect(pair.client.state == .probing)
        #expect(pair.client.lease == nil)
        let decline = pair.client.conflict(now: pair.now)
        #expect(decline.message?.kind == .decline)
        _ = try pair.exchange(decline)
        #expect(pair.rig.server.leases[try address("192.168.1.100")]?.state == .quarantined)
        #expect(pair.client.deadline == pair.now + 10_000)
        let second = try pair.exchange(pair.wait())
        #expect(try pair.exchange(second) == [.probe(try address("192.168.1.101"))])
        guard case .bind(let lease)? = try pair.wait().first else {
            Issue.record("no lease: \(pair.client.state)")
            return
        }
        #expect(lease.address.address.description == "192.168.1.101")
    }

    @Test func givesItsAddressBack() throws {
        var pair = try Pair()
        let lease = try pair.bind()
        let actions = pair.client.release(now: pair.now)
        #expect(actions.last == .unbind(lease))
        _ = try pair.exchange(actions)
        #expect(pair.rig.server.leases[lease.address.address]?.state == .released)
        #expect(pair.client.state == .stopped)
        #expect(pair.client.deadline == nil)
        #expect(pair.client.advance(to: pair.now + 1 << 40).isEmpty)
    }

    @Test func believesOnlyWhatBelongsToIt() throws {
        var pair = try Pair()
        let discover = pair.client.start(remembering: nil, now: pair.now, isImmediate: true)
        let message = try #require(discover.message)
        let reply = try #require(try pair.rig.reply(to: message))
        let offer = try DHCPMessage(reply.message.bytes())
        func isTaken(_ change: (inout DHCPMessage) throws -> Void) throws -> Bool {
            var copy = pair.client
            var other = offer
            try change(&other)
            return !copy.receive(other, now: pair.now).isEmpty
        }
        #expect(try isTaken { _ in })
        #expect(try !isTaken { $0.transaction ^= 1 })
        #expect(try !isTaken { $0.hardwareAddress = DHCPRig.mac(2) })
        #expect(try !isTaken { $0.operation = .request })
        #expect(try !isTaken { $0.kind = .ack })
        #expect(try !isTaken { $0.options[.server] = nil })
        #expect(try !isTaken { $0.options[.leaseTime] = nil })
        #expect(try !isTaken { $0.options.set(.leaseTime, UInt32(0)) })
        #expect(try !isTaken { $0.options[.subnetMask] = [255, 0, 255, 0] })
        #expect(try !isTaken { $0.yourAddress = .any4 })
        #expect(try !isTaken { $0.yourAddress = try address("224.0.0.1") })
        #expect(try !isTaken { $0.yourAddress = try address("127.0.0.1") })
    }

    @Test func timesThatCannotBeAreNotTaken() throws {
        var ack = DHCPMessage(.reply, transaction: 1, hardwareAddress: DHCPRig.mac(1))
        ack.yourAddress = try address("10.0.0.5")
        ack.options.set(.server, try address("10.0.0.1"))
        ack.options.set(.leaseTime, UInt32(1000))
        func times(_ renewal: UInt32, _ rebinding: UInt32) throws -> [Int] {
            ack.options.set(.renewalTime, renewal)
            ack.options.set(.rebindingTime, rebinding)
            let lease = try #require(DHCPLease(ack, start: 0))
            return [lease.renewal, lease.rebinding]
        }
        #expect(try times(300, 600) == [300, 600])
        #expect(try times(0, 600) == [500, 600])
        #expect(try times(700, 600) == [500, 600])
        #expect(try times(300, 2000) == [300, 875])
        #expect(try times(.max, .max) == [500, 875])
        // Without a mask, that of the class.
        #expect(DHCPLease(ack, start: 0)?.address.length == 8)
        ack.options.set(.leaseTime, UInt32.max)
        #expect(DHCPLease(ack, start: 0)?.end == nil)
    }
}
