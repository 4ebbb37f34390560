// SPDX-License-Identifier: Apache-2.0

import Testing
import TypedValue

@testable import RouterModule

private let second: UInt64 = 1_000_000_000
private func mac(_ last: UInt8) throws -> MACAddress { try #require(MACAddress(bytes: [2, 0, 0, 0, 0, last])) }

/// What becomes of a neighbour, without a clock and without packets.
@Suite("Router: neighbours")
struct RouterNeighbourTests {
    private let times = Neighbour.Times()

    @Test func oneThatNobodyIsIsAskedThriceAndForgotten() throws {
        var neighbour = Neighbour(askedAt: 0, times: times)
        #expect(neighbour.advance(to: second / 2, times: times) == nil)
        #expect(neighbour.advance(to: second, times: times) == .ask(nil))
        #expect(neighbour.advance(to: 2 * second, times: times) == .ask(nil))
        #expect(neighbour.advance(to: 3 * second - 1, times: times) == nil)
        #expect(neighbour.advance(to: 3 * second, times: times) == .giveUp)
        #expect(neighbour.state == .failed)
        #expect(neighbour.advance(to: 4 * second, times: times) == nil)
        #expect(neighbour.advance(to: 6 * second, times: times) == .remove)
    }

    @Test func oneThatAnswersIsReachableThenStaleAndAskedWhenUsed() throws {
        var neighbour = Neighbour(askedAt: 0, times: times)
        neighbour.hearReply(from: try mac(1), at: second, reachableFor: 30 * second)
        #expect(neighbour.state == .reachable)
        #expect(neighbour.advance(to: 30 * second, times: times) == nil)
        #expect(neighbour.state == .reachable)
        #expect(neighbour.advance(to: 31 * second, times: times) == nil)
        #expect(neighbour.state == .stale)
        #expect(neighbour.advance(to: 100 * second, times: times) == nil)
        #expect(neighbour.state == .stale, "nobody sends to it, so nobody asks")
        neighbour.isUsed = true
        #expect(neighbour.advance(to: 100 * second, times: times) == nil)
        #expect(neighbour.state == .delay)
        #expect(neighbour.advance(to: 105 * second, times: times) == .ask(try mac(1)))
        #expect(neighbour.state == .probe)
        neighbour.hearReply(from: try mac(1), at: 106 * second, reachableFor: 30 * second)
        #expect(neighbour.state == .reachable)
    }

    @Test func oneThatIsGoneIsAskedWhereItWasAndRemoved() throws {
        var neighbour = Neighbour(heard: try mac(1), at: 0)
        neighbour.isUsed = true
        _ = neighbour.advance(to: 0, times: times)
        #expect(neighbour.advance(to: 5 * second, times: times) == .ask(try mac(1)))
        #expect(neighbour.isUsable, "packets go there meanwhile")
        #expect(neighbour.advance(to: 6 * second, times: times) == .ask(try mac(1)))
        #expect(neighbour.advance(to: 7 * second, times: times) == .ask(try mac(1)))
        #expect(neighbour.advance(to: 8 * second, times: times) == .remove)
    }

    @Test func anUnusedOneIsForgotten() throws {
        var neighbour = Neighbour(heard: try mac(1), at: 0)
        #expect(neighbour.advance(to: times.unused, times: times) == nil)
        #expect(neighbour.advance(to: times.unused + 1, times: times) == .remove)
    }

    @Test func anUnaskedReplyMovesNobodyWhoIsKnown() throws {
        var neighbour = Neighbour(askedAt: 0, times: times)
        neighbour.hearReply(from: try mac(1), at: 0, reachableFor: 30 * second)
        neighbour.hearReply(from: try mac(66), at: second, reachableFor: 30 * second)
        #expect(neighbour.mac == (try mac(1)))
        #expect(neighbour.state == .probe)
        #expect(neighbour.advance(to: second, times: times) == .ask(try mac(1)), "whether it is still there")
        neighbour.hearReply(from: try mac(66), at: second, reachableFor: 30 * second)
        #expect(neighbour.mac == (try mac(1)))
        neighbour.hearReply(from: try mac(1), at: second, reachableFor: 30 * second)
        #expect(neighbour.state == .reachable)
    }

    @Test func whoIsNotKnownForSureMayMove() throws {
        var neighbour = Neighbour(heard: try mac(1), at: 0)
        neighbour.heed(try mac(2), at: second)
        #expect(neighbour.mac == (try mac(2)))
        #expect(neighbour.state == .stale)
        var failed = Neighbour(askedAt: 0, times: times)
        failed.state = .failed
        failed.heed(try mac(3), at: second)
        #expect(failed.state == .stale)
    }

    // RFC 4861, section 7.2.5 and appendix C.
    @Test func advertisementsAreHeededAsTheRFCSays() throws {
        func heard(
            _ neighbour: Neighbour, _ address: MACAddress?, solicited: Bool = false, overrides: Bool = false
        ) -> Neighbour {
            var neighbour = neighbour
            neighbour.hearAdvertisement(
                from: address, isRouter: false, isSolicited: solicited, overrides: overrides, at: 5,
                reachableFor: second)
            return neighbour
        }
        let asked = Neighbour(askedAt: 0, times: times)
        #expect(heard(asked, nil, solicited: true).state == .incomplete, "without an address it says nothing")
        #expect(heard(asked, try mac(1), solicited: true).state == .reachable)
        #expect(heard(asked, try mac(1)).state == .stale)
        let known = heard(asked, try mac(1), solicited: true)
        #expect(heard(known, try mac(2)).state == .stale)
        #expect(heard(known, try mac(2)).mac == (try mac(1)), "not without the override flag")
        #expect(heard(known, try mac(2), solicited: true).mac == (try mac(1)))
        #expect(heard(known, try mac(2), overrides: true).mac == (try mac(2)))
        #expect(heard(known, try mac(2), overrides: true).state == .stale)
        #expect(heard(known, try mac(2), solicited: true, overrides: true).state == .reachable)
        #expect(heard(known, try mac(1), overrides: true).state == .reachable, "nothing new")
        let stale = heard(asked, try mac(1))
        #expect(heard(stale, try mac(2)) == stale)
        #expect(heard(stale, nil, solicited: true).state == .reachable)
    }

    @Test func tablesKeepAllOfIt() throws {
        var neighbour = Neighbour(heard: try mac(7), at: 12_345)
        neighbour.isUsed = true
        neighbour.isRouter = true
        neighbour.questions = 2
        neighbour.due = 99
        #expect(neighbour.bytes.count == 32)
        #expect(Neighbour(bytes: neighbour.bytes) == neighbour)
        for text in ["10.0.0.7", "2001:db8::7", "fe80::7"] {
            let key = NeighbourKey(address: try #require(IPAddress(text)), port: 63)
            #expect(NeighbourKey(bytes: key.bytes) == key)
        }
    }

    @Test func advertisementsArePlannedAsTheRFCSays() {
        var schedule = AdvertisementSchedule(interval: 600, at: 0)
        #expect(schedule.due == 0)
        for _ in 1...3 {
            let now = schedule.due
            schedule.sent(at: now, random: 1)
            #expect(schedule.due - now == 16 * second, "the first ones come fast")
        }
        let now = schedule.due
        schedule.sent(at: now, random: 0)
        #expect(schedule.due - now == 200 * second)
        schedule.asked(at: now + second)
        #expect(schedule.due == now + 3 * second, "no less than three seconds apart")
        schedule.asked(at: now + 100 * second)
        #expect(schedule.due == now + 3 * second)
    }
}
