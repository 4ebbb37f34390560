// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing

/// Who listens to a module, and how that ends.
@Suite struct ListenerTests {
    private let limits = SlowPathLimits(rate: 100_000_000, burst: 100_000)

    @Test func allListenersGetAllPackets() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            let first = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            let second = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            try rig.receive(frame, of: "a", times: 10)
            #expect(await first.nextBatch()?.count == 10)
            let batch = try #require(await second.nextBatch())
            #expect(batch.count == 10)
            #expect(batch.missed == 0)
            #expect(batch.allSatisfy { Array($0.bytes) == frame })
        }
    }

    @Test func aListenerThatReadsSlowlyMissesPacketsAndIsToldHowMany() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            let fast = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            let slow = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            var sent = 0
            while sent < 50_000 {
                try rig.receive(frame, of: "a", times: 1000)
                sent += 1000
                _ = await fast.nextBatch()
            }
            // One more packet after those that it misses tells it.
            var received = 0
            var missed = 0
            while received + missed < sent {
                _ = try rig.receive(frame, of: "a")
                sent += 1
                let batch = try #require(await slow.nextBatch())
                received += batch.count
                missed += batch.missed
            }
            #expect(missed > 0)
            #expect(received + missed == sent)
        }
    }

    @Test func aTaskThatWaitsEndsWhenItIsCancelled() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            let packets = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            let task = Task { await packets.nextBatch() }
            task.cancel()
            #expect(await task.value == nil)
            // The sequence goes on for others.
            _ = try rig.receive(frame, of: "a")
            #expect(await packets.nextBatch()?.count == 1)
        }
    }

    @Test func theSequenceEndsWhenItIsClosed() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            let packets = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            async let waiting = packets.nextBatch()
            await Task.yield()
            packets.close()
            #expect(await waiting == nil)
            #expect(await packets.nextBatch() == nil)
        }
    }

    @Test func theSequenceEndsWithItsModule() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            let packets = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
            async let waiting = packets.nextBatch()
            await Task.yield()
            try await rig.dataplane.unloadModule("m:a")
            #expect(await waiting == nil)
        }
    }

    @Test func withoutAListenerPacketsAreCountedAsBefore() async throws {
        try await Rig.with { rig in
            try await rig.load("a", SlowPathTests.toController)
            for _ in 1...3 {
                let before = try await rig.counters("a").drops[.controller] ?? 0
                let packets = try await rig.dataplane.listen(toModule: "m:a", limits: limits)
                _ = try rig.receive(frame, of: "a")
                #expect(await packets.nextBatch()?.count == 1)
                #expect(try await rig.counters("a").drops[.controller] == before)
                packets.close()
                try await wait(for: "the kernel to know that nobody listens") {
                    _ = try rig.receive(frame, of: "a")
                    return try await rig.counters("a").drops[.controller] ?? 0 > before
                }
            }
        }
    }

    @Test func aModuleThatIsNotThereCannotBeListenedTo() async throws {
        try await Rig.with { rig in
            let error = await #expect(throws: DataplaneError.self) {
                _ = try await rig.dataplane.listen(toModule: "m:nobody", limits: SlowPathLimits())
            }
            #expect(error?.description.contains("m:nobody") == true)
        }
    }
}
