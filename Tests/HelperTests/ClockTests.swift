// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import Testing

/// `include/hover/clock.h` and `include/hover/timer.h`.
@Suite("clocks and timers")
struct ClockTests {
    private static let clocks = """
        #include <hover/clock.h>
        __u64 wall, now, coarse;
        static __u32 handle(void *pkt)
        {
        	wall = hover_wall_clock();
        	coarse = hover_now_coarse();
        	now = hover_now();
        	return 0;
        }
        """

    private func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * .second + UInt64(time.tv_nsec)
    }

    @Test("the wall clock is Unix time", arguments: StateHook.allCases)
    func wall(hook: StateHook) throws {
        let rig = try StateRig(Self.clocks, at: hook)
        let before = nanoseconds(CLOCK_REALTIME)
        try rig.call()
        let after = nanoseconds(CLOCK_REALTIME)
        #expect((before...after).contains(try rig.global("wall")))
    }

    @Test("now is the monotonic clock, and its coarse variant at most a tick behind", arguments: StateHook.allCases)
    func now(hook: StateHook) throws {
        let rig = try StateRig(Self.clocks, at: hook)
        let before = nanoseconds(CLOCK_MONOTONIC)
        try rig.call()
        let after = nanoseconds(CLOCK_MONOTONIC)
        #expect((before...after).contains(try rig.global("now")))
        #expect((before - 10 * .millisecond...after).contains(try rig.global("coarse")))
    }

    /// Argument 0: 1 starts, 2 stops; argument 1: the delay. The function runs three times in a row.
    private static let timer = """
        #include <hover/timer.h>
        __u64 runs;
        static __u64 count(void)
        {
        	return __sync_fetch_and_add(&runs, 1) % 3 == 2 ? 0 : HOVER_MILLISECOND;
        }
        HOVER_TIMER(counter, count);
        static __u32 handle(void *pkt)
        {
        	return argument(pkt, 0) == 1 ? counter_start(argument(pkt, 1)) : counter_stop();
        }
        """

    @Test("a function runs again as long as it says so, and when it is started anew", arguments: StateHook.allCases)
    func runs(hook: StateHook) throws {
        let rig = try StateRig(Self.timer, at: hook)
        #expect(try rig.call(1, .millisecond) == 0)
        try eventually("three runs") { try rig.global("runs") == 3 && !isRunning(rig) }
        #expect(try rig.call(1, .millisecond) == 0)
        try eventually("three more runs") { try rig.global("runs") == 6 && !isRunning(rig) }
    }

    @Test("a timer that is stopped does not run; one that never ran can be stopped", arguments: StateHook.allCases)
    func stop(hook: StateHook) throws {
        let rig = try StateRig(Self.timer, at: hook)
        #expect(try rig.call(2, 0) == 0)
        #expect(try rig.call(1, 3600 * .second) == 0)
        #expect(try isRunning(rig))
        #expect(try rig.call(2, 0) == 1)
        #expect(try !isRunning(rig))
        // It is free for another start, whose time comes first.
        #expect(try rig.call(1, .millisecond) == 0)
        try eventually("three runs") { try rig.global("runs") == 3 }
    }

    @Test("a start while the timer runs changes nothing", arguments: StateHook.allCases)
    func startTwice(hook: StateHook) throws {
        let rig = try StateRig(Self.timer, at: hook)
        try rig.call(1, 3600 * .second)
        let due = try due(rig)
        try rig.call(1, .millisecond)
        #expect(try self.due(rig) == due)
    }

    @Test("a timer outlives its program as long as its map is held", arguments: StateHook.allCases)
    func unloaded(hook: StateHook) throws {
        var rig: StateRig? = try StateRig(Self.timer, at: hook)
        let globals = try #require(rig).map(".bss")
        let timers = try #require(rig).map("counter_timer")
        try #require(rig).call(1, 50 * .millisecond)
        rig = nil
        try eventually("three runs") {
            try withExtendedLifetime(timers) { try globals.value(for: [0, 0, 0, 0])?.first == 3 }
        }
    }

    private func due(_ rig: StateRig) throws -> UInt64 {
        let value = try #require(try rig.map("counter_timer").value(for: [0, 0, 0, 0]))
        return UInt64(value[16..<24])
    }

    private func isRunning(_ rig: StateRig) throws -> Bool {
        try due(rig) != 0
    }
}
