// SPDX-License-Identifier: Apache-2.0

import Testing
import TypedValue

@testable import ModuleKit

/// The middle of all that is possible for fractions; other numbers differ.
private struct Middle: RandomNumberGenerator {
    private var count: UInt64 = 0

    mutating func next() -> UInt64 {
        count += 1
        return 1 << 63 | count << 24
    }
}

extension [PrefixClient.Action] {
    fileprivate var message: DHCPv6Message? {
        for case .send(let message) in self { return message }
        return nil
    }

    fileprivate var bound: PrefixDelegation? {
        for case .bind(let delegation) in self { return delegation }
        return nil
    }

    fileprivate var unbound: PrefixDelegation? {
        for case .unbind(let delegation) in self { return delegation }
        return nil
    }
}

/// A client, and what servers say to it.
private struct Pair {
    static let server: [UInt8] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 9]
    static let identifier: [UInt8] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1]
    var client = PrefixClient(identifier: identifier, random: Middle())
    var now = 1_000_000

    /// A server's answer to a message.
    ///
    /// - Parameters:
    ///   - prefixes: with their preferred and valid lifetimes.
    ///   - times: T1 and T2.
    func answer(
        _ kind: DHCPv6Message.Kind, to message: DHCPv6Message?,
        _ prefixes: [(String, preferred: UInt32, valid: UInt32)] = [], times: (UInt32, UInt32) = (0, 0),
        status: UInt16? = nil, server: [UInt8] = server, more: [(DHCPv6Message.Option, [UInt8])] = []
    ) throws -> DHCPv6Message {
        var options = StructureBytes()
        for (text, preferred, valid) in prefixes {
            let prefix = try #require(IPPrefix(text))
            options = options.be16(26).be16(25).be32(preferred).be32(valid).u8(prefix.length)
                .bytes(prefix.address.bytes)
        }
        if let status { options = options.be16(13).be16(2).be16(status) }
        var answer = DHCPv6Message(kind, transaction: try #require(message).transaction)
        answer.append(.client, Self.identifier)
        answer.append(.server, server)
        answer.append(
            .delegatedPrefix, StructureBytes().be32(1).be32(times.0).be32(times.1).bytes(options.bytes).bytes)
        for (option, value) in more { answer.append(option, value) }
        return try DHCPv6Message(answer.bytes)
    }

    mutating func receive(_ message: DHCPv6Message) -> [PrefixClient.Action] { client.receive(message, now: now) }

    /// To the end of the time that the client waits for.
    mutating func wait() throws -> [PrefixClient.Action] {
        now = try #require(client.deadline)
        return client.advance(to: now)
    }

    /// All the way to a prefix.
    mutating func bind(
        _ prefix: String = "2001:db8:100::/56", preferred: UInt32 = 3600, valid: UInt32 = 7200,
        times: (UInt32, UInt32) = (0, 0)
    ) throws -> PrefixDelegation {
        let solicit = client.start(remembering: nil, now: now).message
        _ = receive(try answer(.advertise, to: solicit, [(prefix, preferred, valid)]))
        let request = try wait().message
        return try #require(receive(try answer(.reply, to: request, [(prefix, preferred, valid)], times: times)).bound)
    }
}

@Suite struct PrefixClientTests {
    @Test func getsAPrefix() throws {
        var pair = Pair()
        let solicit = try #require(pair.client.start(remembering: nil, now: pair.now).message)
        #expect(solicit.kind == .solicit)
        #expect(solicit[.client] == Pair.identifier)
        #expect(solicit[.server] == nil)
        #expect(solicit[.elapsedTime] == [0, 0])
        #expect(solicit[.optionRequest] == [0, 82])
        #expect(solicit[.delegatedPrefix] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
        let offer = try pair.answer(.advertise, to: solicit, [("2001:db8:100::/56", 3600, 7200)])
        #expect(pair.receive(offer).isEmpty, "others may answer")
        let request = try #require(try pair.wait().message)
        #expect(request.kind == .request)
        #expect(request[.server] == Pair.server)
        #expect(request.transaction != solicit.transaction)
        let reply = try pair.answer(.reply, to: request, [("2001:db8:100::1/56", 3600, 7200)], times: (1000, 2000))
        let delegation = try #require(pair.receive(reply).bound)
        #expect(delegation.prefix.description == "2001:db8:100::/56")
        #expect(delegation.end == pair.now + 7_200_000)
        #expect(pair.client.state == .bound)
        #expect(pair.client.deadline == pair.now + 1_000_000)
        #expect(delegation.remaining(at: pair.now + 4_000_000) == (0, 3200))
    }

    @Test func takesTheServerThatIsPreferred() throws {
        var pair = Pair()
        let solicit = pair.client.start(remembering: nil, now: pair.now).message
        let prefixes: [(String, preferred: UInt32, valid: UInt32)] = [("2001:db8:100::/56", 3600, 7200)]
        _ = pair.receive(try pair.answer(.advertise, to: solicit, prefixes))
        _ = pair.receive(try pair.answer(.advertise, to: solicit, prefixes, server: [7], more: [(.preference, [9])]))
        _ = pair.receive(try pair.answer(.advertise, to: solicit, prefixes, server: [8], more: [(.preference, [9])]))
        _ = pair.receive(try pair.answer(.advertise, to: solicit, server: [6], more: [(.preference, [10])]))
        #expect(try pair.wait().message?[.server] == [7])

        pair = Pair()
        let again = pair.client.start(remembering: nil, now: pair.now).message
        let best = try pair.answer(.advertise, to: again, prefixes, server: [5], more: [(.preference, [255])])
        #expect(pair.receive(best).message?[.server] == [5], "at once")
    }

    /// 1, 2, 4 … seconds, at most an hour (RFC 8415, sections 7.6 and 15).
    @Test func asksAgainMoreAndMoreSeldom() throws {
        var pair = Pair()
        _ = pair.client.start(remembering: nil, now: pair.now)
        var delays: [Int] = []
        for _ in 0..<14 {
            let before = pair.now
            #expect(try pair.wait().message?.kind == .solicit)
            delays.append(pair.now - before)
        }
        #expect((1000...1100).contains(delays[0]), "\(delays)")
        for (one, next) in zip(delays, delays.dropFirst()) where next < 3_000_000 {
            #expect((one * 19 / 10...one * 21 / 10).contains(next), "\(delays)")
        }
        #expect((3_240_000...3_960_000).contains(try #require(delays.last)), "\(delays)")

        pair = Pair()
        let solicit = pair.client.start(remembering: nil, now: pair.now).message
        // A server without prefixes: two minutes are enough.
        let none = try pair.answer(
            .advertise, to: solicit, status: 6, more: [(.longestSolicit, [0, 0, 0, 120])])
        #expect(pair.receive(none).isEmpty)
        var last = 0
        for _ in 0..<12 {
            let before = pair.now
            _ = try pair.wait()
            last = pair.now - before
        }
        #expect((108_000...132_000).contains(last))
    }

    @Test func renewsWithItsServerAndThenWithAny() throws {
        var pair = Pair()
        let old = try pair.bind(times: (1000, 1600))
        let start = pair.now
        let renew = try #require(try pair.wait().message)
        #expect(pair.now == start + 1_000_000)
        #expect(renew.kind == .renew)
        #expect(renew[.server] == Pair.server)
        let value = try #require(renew[.delegatedPrefix])
        #expect(value.count == 12 + 29)
        #expect(value.suffix(17) == [56] + old.prefix.address.bytes)
        let foreign = try pair.answer(.reply, to: renew, [("2001:db8:100::/56", 3600, 7200)], server: [9])
        #expect(pair.receive(foreign).isEmpty, "another server was not asked")
        let reply = try pair.answer(.reply, to: renew, [("2001:db8:100::/56", 3600, 7200)], times: (1000, 1600))
        #expect(pair.receive(reply).bound?.start == pair.now)

        let second = pair.now
        var message = try #require(try pair.wait().message)
        while message.kind == .renew { message = try #require(try pair.wait().message) }
        #expect(pair.now == second + 1_600_000)
        #expect(message.kind == .rebind)
        #expect(message[.server] == nil)
        let other = try pair.answer(.reply, to: message, [("2001:db8:100::/56", 3600, 7200)], server: [9])
        #expect(pair.receive(other).bound?.server == [9])
        #expect(pair.client.state == .bound)
    }

    @Test func thePrefixEndsWhenNobodyAnswers() throws {
        var pair = Pair()
        let old = try pair.bind()
        let start = pair.now
        var actions: [PrefixClient.Action] = []
        while actions.unbound == nil { actions = try pair.wait() }
        #expect(pair.now == start + 7_200_000)
        #expect(actions.unbound?.prefix == old.prefix)
        #expect(actions.message?.kind == .solicit)
        #expect(pair.client.delegation == nil)
    }

    @Test func anotherPrefixTakesItsPlace() throws {
        var pair = Pair()
        _ = try pair.bind()
        let renew = try pair.wait().message
        let reply = try pair.answer(
            .reply, to: renew, [("2001:db8:100::/56", 0, 0), ("2001:db8:200::/56", 3600, 7200)])
        #expect(pair.receive(reply).bound?.prefix.description == "2001:db8:200::/56")
        let again = try pair.wait().message
        let both = try pair.answer(
            .reply, to: again, [("2001:db8:300::/56", 9000, 9000), ("2001:db8:200::/56", 3600, 7200)])
        #expect(pair.receive(both).bound?.prefix.description == "2001:db8:200::/56", "it stays while it can")
        let last = try pair.wait().message
        let old = try pair.answer(
            .reply, to: last, [("2001:db8:200::/56", 0, 7200), ("2001:db8:300::/56", 3600, 7200)])
        #expect(pair.receive(old).bound?.prefix.description == "2001:db8:300::/56", "it is to be used no more")
    }

    @Test func aPrefixThatIsTakenBackEnds() throws {
        var pair = Pair()
        let old = try pair.bind()
        let renew = try pair.wait().message
        let actions = pair.receive(try pair.answer(.reply, to: renew, [("2001:db8:100::/56", 0, 0)]))
        #expect(actions.unbound?.prefix == old.prefix)
        #expect(try pair.wait().message?.kind == .solicit)
    }

    @Test func aServerThatForgotIsAskedAgain() throws {
        var pair = Pair()
        _ = try pair.bind()
        let renew = try pair.wait().message
        let request = try #require(pair.receive(try pair.answer(.reply, to: renew, status: 3)).message)
        #expect(request.kind == .request)
        #expect(request[.server] == Pair.server)
        #expect(pair.client.delegation != nil, "it is used until the server says no")
        let reply = try pair.answer(.reply, to: request, [("2001:db8:500::/56", 3600, 7200)])
        #expect(pair.receive(reply).bound?.prefix.description == "2001:db8:500::/56")
    }

    @Test func aRefusalIsNoReasonToHurry() throws {
        var pair = Pair()
        let solicit = pair.client.start(remembering: nil, now: pair.now).message
        _ = pair.receive(try pair.answer(.advertise, to: solicit, [("2001:db8:100::/56", 3600, 7200)]))
        let request = try pair.wait().message
        #expect(pair.receive(try pair.answer(.reply, to: request, status: 6)).isEmpty)
        let before = pair.now
        #expect(try pair.wait().message?.kind == .solicit)
        #expect(pair.now == before + 10_000)
    }

    @Test func requestsEndAfterTen() throws {
        var pair = Pair()
        let solicit = pair.client.start(remembering: nil, now: pair.now).message
        _ = pair.receive(try pair.answer(.advertise, to: solicit, [("2001:db8:100::/56", 3600, 7200)]))
        var kinds: [DHCPv6Message.Kind?] = []
        for _ in 0..<11 { kinds.append(try pair.wait().message?.kind) }
        #expect(kinds == Array(repeating: .request, count: 10) + [.solicit])
    }

    @Test func whatIsRememberedIsUsedAndAskedFor() throws {
        var pair = Pair()
        let old = try pair.bind()
        let start = pair.now
        var next = Pair()
        next.now = start + 60_000
        let actions = next.client.start(remembering: old, now: next.now)
        #expect(actions.bound == old)
        #expect(actions.message?.kind == .rebind)
        let reply = try next.answer(.reply, to: actions.message, [("2001:db8:100::/56", 3600, 7200)])
        #expect(next.receive(reply).bound?.start == next.now)

        next = Pair()
        #expect(next.client.start(remembering: old, now: start + 7_200_000).message?.kind == .solicit, "it is over")
    }

    @Test func whatCannotBeIsLeftOut() throws {
        let prefixes: [(String, preferred: UInt32, valid: UInt32)] = [
            ("2001:db8:100::/56", 7201, 7200), ("2001:db8::/65", 3600, 7200), ("fe80::/56", 3600, 7200),
            ("ff00::/56", 3600, 7200), ("::/56", 3600, 7200), ("2001:db8:100::/56", 0, 0),
        ]
        for prefix in prefixes {
            var pair = Pair()
            let solicit = pair.client.start(remembering: nil, now: pair.now).message
            _ = pair.receive(try pair.answer(.advertise, to: solicit, [prefix]))
            #expect(try pair.wait().message?.kind == .solicit, "\(prefix)")
        }
        var pair = Pair()
        let solicit = pair.client.start(remembering: nil, now: pair.now).message
        let good: [(String, preferred: UInt32, valid: UInt32)] = [("2001:db8:100::/56", 3600, 7200)]
        let wrongTimes = try pair.answer(.advertise, to: solicit, good, times: (20, 10))
        var stranger = try pair.answer(.advertise, to: solicit, good)
        stranger.transaction ^= 1
        var cut = DHCPv6Message(.advertise, transaction: stranger.transaction ^ 1)
        cut.append(.client, Pair.identifier)
        cut.append(.server, Pair.server)
        cut.append(.delegatedPrefix, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 0, 25, 0])
        for message in [wrongTimes, stranger, cut] { #expect(pair.receive(message).isEmpty) }
        #expect(try pair.wait().message?.kind == .solicit)
    }

    @Test func forEverIsForEver() throws {
        var pair = Pair()
        let forever: UInt32 = .max
        let delegation = try pair.bind(preferred: forever, valid: forever, times: (forever, forever))
        #expect(delegation.end == nil)
        #expect(delegation.remaining(at: .max / 2) == (nil, nil))
        #expect(pair.client.deadline == nil)
    }

    /// Servers that give times of nothing are not asked without an end.
    @Test func neverAsksAtOnce() throws {
        var pair = Pair()
        let delegation = try pair.bind(preferred: 1, valid: 3600)
        #expect(delegation.renewal == 10)
        #expect(delegation.rebinding == 10)
    }
}
