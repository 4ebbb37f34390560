// SPDX-License-Identifier: Apache-2.0

import Testing

/// `include/hover/bucket.h`.
@Suite("token bucket")
struct BucketTests {
    /// Takes `argument 2` tokens at the time `argument 3`, at the rate and burst of arguments 0 and 1.
    private static let source = """
        #include <hover/bucket.h>
        struct hover_bucket bucket;
        __u64 taken, tries;
        static __u32 handle(void *pkt)
        {
        	bool took = hover_bucket_take(&bucket, argument(pkt, 0), argument(pkt, 1), argument(pkt, 2),
        				      argument(pkt, 3));

        	__sync_fetch_and_add(&tries, 1);
        	if (took)
        		__sync_fetch_and_add(&taken, 1);
        	return took;
        }
        """

    /// How many of `tries` get their tokens.
    private func passes(
        _ rig: StateRig, rate: UInt64, burst: UInt64, cost: UInt64 = 1, at now: UInt64, tries: Int = 1000
    ) throws -> UInt64 {
        let before = try rig.global("taken")
        try rig.call(rate, burst, cost, now, times: tries)
        return try rig.global("taken") - before
    }

    @Test("a new bucket gives its burst, then what flows in", arguments: StateHook.allCases)
    func burst(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        let start = 5 * UInt64.second
        #expect(try passes(rig, rate: 1000, burst: 100, at: start) == 100)
        #expect(try passes(rig, rate: 1000, burst: 100, at: start + 999_999) == 0)
        #expect(try passes(rig, rate: 1000, burst: 100, at: start + .millisecond) == 1)
        #expect(try passes(rig, rate: 1000, burst: 100, at: start + 11 * .millisecond) == 10)
    }

    @Test("a rate that divides no second loses nothing", arguments: StateHook.allCases)
    func fractions(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        var taken: UInt64 = 0
        for millisecond in 0...10_001 as ClosedRange<UInt64> {
            taken += try rig.call(7, 2, 1, .second + millisecond * .millisecond) == 1 ? 1 : 0
        }
        // Two that were there, and 7 in each of 10 seconds.
        #expect(taken == 72)
    }

    @Test("bytes at 100 Gbit/s are counted to 0.1 %", arguments: StateHook.allCases)
    func bytes(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        let (rate, burst): (UInt64, UInt64) = (12_500_000_000, 125_000)
        _ = try passes(rig, rate: rate, burst: burst, cost: 125_000, at: .second)
        // 10 µs make 125,000 bytes: 1,953 packets of 64.
        let passed = try passes(rig, rate: rate, burst: burst, cost: 64, at: .second + 10_000, tries: 3000)
        #expect((1951...1955).contains(passed))
    }

    @Test(
        "a bucket that was idle for months is full, not more", arguments: [1, 100, 1000] as [UInt64], StateHook.allCases
    )
    func idle(days: UInt64, hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        #expect(try passes(rig, rate: 10, burst: 50, at: .second) == 50)
        let later = days * 86_400 * .second
        #expect(try passes(rig, rate: 10, burst: 50, at: later) == 50)
    }

    @Test("what costs more than the burst never passes, nor anything at rate 0", arguments: StateHook.allCases)
    func never(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        #expect(try passes(rig, rate: 1000, burst: 100, cost: 101, at: .second) == 0)
        #expect(try passes(rig, rate: 0, burst: 100, at: .second) == 0)
        #expect(try passes(rig, rate: 1000, burst: 100, cost: 100, at: .second) == 1)
    }

    @Test("a clock that is behind on another CPU gives nothing away", arguments: StateHook.allCases)
    func skew(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        #expect(try passes(rig, rate: 1000, burst: 100, at: 10 * .second) == 100)
        #expect(try passes(rig, rate: 1000, burst: 100, at: 10 * .second - 50 * .millisecond) == 0)
        #expect(try passes(rig, rate: 1000, burst: 100, at: 10 * .second + 5 * .millisecond) == 5)
    }

    @Test("CPUs that take at once get exactly what is there", arguments: StateHook.allCases)
    func concurrency(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        try onThreads(4) { _ in
            try rig.call(1000, 1_000_000, 1, 7 * .second, times: 500_000)
        }
        #expect(try rig.global("tries") == 2_000_000)
        #expect(try rig.global("taken") == 1_000_000)
    }
}
