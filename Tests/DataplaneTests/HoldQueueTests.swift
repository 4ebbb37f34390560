// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

/// Which packets are held, and for how long: times are given, so nothing waits.
@Suite struct HoldQueueTests {
    private static let second: UInt64 = 1_000_000_000

    private func queue(perKey: Int = 3, total: Int = 5, age: UInt64 = 3 * second) -> HoldQueue<String> {
        var limits = HoldQueue<String>.Limits()
        limits.perKey = perKey
        limits.total = total
        limits.age = age
        return HoldQueue(limits: limits)
    }

    @Test func allPacketsOfAKeyAreReleasedInOrder() {
        var queue = queue()
        queue.hold("a1", key: 1, at: 0)
        queue.hold("b1", key: 2, at: 1)
        queue.hold("a2", key: 1, at: 2)
        #expect(queue.release(key: 1, at: 3) == ["a1", "a2"])
        #expect(queue.release(key: 1, at: 3) == [])
        #expect(queue.count == 1)
        #expect(queue.release(key: 2, at: 3) == ["b1"])
        #expect(queue.counts == .init())
    }

    @Test func theOldestOfAKeyGivesWay() {
        var queue = queue()
        for number in 1...5 {
            queue.hold("\(number)", key: 7, at: UInt64(number))
        }
        #expect(queue.counts.overflowed == 2)
        #expect(queue.release(key: 7, at: 6) == ["3", "4", "5"])
    }

    @Test func theOldestOfAllGivesWay() {
        var queue = queue()
        for number in 1...7 {
            queue.hold("\(number)", key: UInt64(number), at: 0)
        }
        #expect(queue.count == 5)
        #expect(queue.counts.overflowed == 2)
        #expect(queue.release(key: 2, at: 0) == [])
        #expect(queue.release(key: 3, at: 0) == ["3"])
    }

    @Test func whatIsTooOldIsGivenUpAndCounted() {
        var queue = queue()
        queue.hold("old", key: 1, at: 10)
        queue.hold("young", key: 1, at: 10 + Self.second)
        queue.expire(at: 9 + 3 * Self.second)
        #expect(queue.counts.expired == 0)
        #expect(queue.release(key: 1, at: 10 + 3 * Self.second) == ["young"])
        #expect(queue.counts.expired == 1)
        #expect(queue.count == 0)
    }

    @Test func roomOfWhatWasReleasedIsFree() {
        var queue = queue()
        for round in 0..<100 {
            for number in 1...3 {
                queue.hold("\(round).\(number)", key: UInt64(round), at: 0)
            }
            #expect(queue.release(key: UInt64(round), at: 0).count == 3)
        }
        #expect(queue.counts == .init())
    }

    @Test func aClockThatStandsStillExpiresNothing() {
        var queue = queue()
        queue.hold("a", key: 1, at: 5)
        queue.expire(at: 4)
        #expect(queue.count == 1)
    }
}
