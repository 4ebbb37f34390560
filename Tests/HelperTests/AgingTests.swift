// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import TestSupport
import Testing

/// `include/hover/aging.h`.
@Suite("ageing tables")
struct AgingTests {
    enum Call: UInt64 {
        case insert, lookup, peek, delete
    }

    /// Argument 0: what to do; 1: the key; 2: the value. Lookups answer the value, or 0. The clock stands at `test_clock`.
    private static let source = """
        __u64 test_clock = 1000000000;
        #define HOVER_NOW() (*(volatile __u64 *)&test_clock)
        #include <hover/aging.h>
        struct value {
        	__u64 number;
        };
        const volatile __u64 idle = 0;
        const volatile __u64 absolute = 0;
        HOVER_AGING_TABLE(things, __u64, struct value, 64, idle, absolute);
        static __u32 handle(void *pkt)
        {
        	__u64 key = argument(pkt, 1);
        	struct value new = { argument(pkt, 2) }, *found;

        	switch (argument(pkt, 0)) {
        	case 0:
        		return things_insert(&key, &new);
        	case 1:
        		found = things_lookup(&key);
        		return found ? found->number : 0;
        	case 2:
        		found = things_peek(&key);
        		return found ? found->number : 0;
        	default:
        		return things_delete(&key);
        	}
        }
        """

    private struct Table {
        let rig: StateRig

        init(_ hook: StateHook, idle: UInt64 = 0, absolute: UInt64 = 0) throws {
            rig = try StateRig(AgingTests.source, at: hook, config: ["idle": idle, "absolute": absolute])
        }

        func callAsFunction(_ call: Call, _ key: UInt64, _ value: UInt64 = 0) throws -> Int32 {
            Int32(bitPattern: try rig.call(call.rawValue, key, value))
        }

        func pass(_ time: UInt64) throws {
            try rig.set("test_clock", to: rig.global("test_clock") + time)
        }
    }

    @Test("entries are inserted once, found, and deleted", arguments: StateHook.allCases)
    func entries(hook: StateHook) throws {
        let table = try Table(hook)
        #expect(try table(.lookup, 1) == 0)
        #expect(try table(.insert, 1, 11) == 0)
        #expect(try table(.insert, 1, 12) == -EEXIST)
        #expect(try table(.lookup, 1) == 11)
        #expect(try table(.peek, 1) == 11)
        #expect(try table(.delete, 1) == 0)
        #expect(try table(.delete, 1) == -ENOENT)
        #expect(try table(.lookup, 1) == 0)
        #expect(try table.rig.counts("things") == StateCounts(inserted: 1, deleted: 1))
    }

    @Test(
        "an entry expires when it was not looked up for its idle time; a peek is no use", arguments: StateHook.allCases)
    func idle(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        _ = try table(.insert, 1, 11)
        for _ in 0..<5 {
            try table.pass(9 * .second)
            #expect(try table(.lookup, 1) == 11)
        }
        try table.pass(9 * .second)
        #expect(try table(.peek, 1) == 11)
        try table.pass(.second)
        #expect(try table(.peek, 1) == 0)
        #expect(try table(.lookup, 1) == 0)
        #expect(try table(.delete, 1) == -ENOENT)
    }

    @Test("an entry expires at its absolute age, used or not", arguments: StateHook.allCases)
    func absolute(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second, absolute: 25 * .second)
        _ = try table(.insert, 1, 11)
        for _ in 0..<4 {
            try table.pass(6 * .second)
            #expect(try table(.lookup, 1) == 11)
        }
        try table.pass(.second)
        #expect(try table(.lookup, 1) == 0)
    }

    @Test("the table's own timer removes what has expired, and counts it", arguments: StateHook.allCases)
    func sweep(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        for key in 1...64 as ClosedRange<UInt64> {
            #expect(try table(.insert, key, key) == 0)
        }
        try table.pass(5 * .second)
        for key in 1...8 as ClosedRange<UInt64> {
            #expect(try table(.lookup, key) == Int32(key))
        }
        try table.pass(6 * .second)
        let after = StateCounts(entries: 8, inserted: 64, expired: 56)
        try eventually("56 entries are removed") { try table.rig.counts("things") == after }
        #expect(try table.rig.size("things") == 8)
        #expect(try table(.peek, 8) == 8)
    }

    @Test("a full table refuses, and has room when entries have expired", arguments: StateHook.allCases)
    func full(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        for key in 1...64 as ClosedRange<UInt64> {
            #expect(try table(.insert, key, key) == 0)
        }
        #expect(try table(.insert, 65, 65) == -ENOSPC)
        #expect(try table.rig.counts("things") == StateCounts(entries: 64, inserted: 64, refused: 1))
        #expect(try table(.delete, 64) == 0)
        #expect(try table(.insert, 65, 65) == 0)
        try table.pass(10 * .second)
        try eventually("room") { try table(.insert, 66, 66) == 0 }
    }

    @Test("a key whose entry has expired is free at once", arguments: StateHook.allCases)
    func again(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        #expect(try table(.insert, 1, 11) == 0)
        try table.pass(10 * .second)
        #expect(try table(.insert, 1, 12) == 0)
        #expect(try table(.lookup, 1) == 12)
        #expect(try table.rig.counts("things") == StateCounts(entries: 1, inserted: 2, expired: 1))
    }

    @Test("what user space removes is counted, and its place is free again", arguments: StateHook.allCases)
    func userSpaceDeletes(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        for key in 1...64 as ClosedRange<UInt64> {
            _ = try table(.insert, key, key)
        }
        for key in 1...64 as ClosedRange<UInt64> {
            #expect(try table.rig.map("things").remove(key.bytes(8)))
        }
        // The timer looks twice, a second apart, before it believes that.
        try eventually("64 are counted as deleted") {
            try table.pass(2 * .second)
            return try table.rig.counts("things") == StateCounts(inserted: 64, deleted: 64)
        }
        for key in 101...164 as ClosedRange<UInt64> {
            #expect(try table(.insert, key, key) == 0)
        }
    }

    @Test("an entry that user space makes with an age of zeros stays", arguments: StateHook.allCases)
    func userSpaceInserts(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        let age = [UInt8](repeating: 0, count: 24)
        try table.rig.map("things").set(age + UInt64(21).bytes(8), for: UInt64(2).bytes(8))
        // It may also take the place of one that ages.
        _ = try table(.insert, 1, 11)
        try table.rig.map("things").set(age + UInt64(12).bytes(8), for: UInt64(1).bytes(8))
        try eventually("the one that ages is counted as deleted") {
            try table.pass(20 * .second)
            return try table.rig.counts("things") == StateCounts(inserted: 1, deleted: 1)
        }
        #expect(try table(.lookup, 2) == 21)
        #expect(try table(.insert, 2, 22) == -EEXIST)
        #expect(try table(.lookup, 1) == 12)
        #expect(try table(.delete, 2) == 0)
    }

    @Test("user space reads key, value and age by their types", arguments: StateHook.allCases)
    func types(hook: StateHook) throws {
        let table = try Table(hook, idle: 10 * .second)
        _ = try table(.insert, 7, 77)
        let map = try table.rig.map("things")
        let entry = try #require(try map.entries(limit: 2).first)
        let shape = table.rig.types.shape(of: try valueType(of: "things", in: table.rig))
        let value = try shape.decode(try #require(entry.values.first))
        #expect(entry.key == UInt64(7).bytes(8))
        #expect(value.description.contains("77"))
        #expect(value.description.contains("11000000000"))
    }

    private func valueType(of map: String, in rig: StateRig) throws -> UInt32 {
        let information = try rig.map(map).information
        try #require(information.btfValueTypeID != 0)
        return information.btfValueTypeID
    }

    /// Random calls on 256 keys with a clock that runs; expiry, replacement and deletion meet on the same keys.
    private static let race = """
        #include <hover/aging.h>
        const volatile __u64 idle = 6 * HOVER_MILLISECOND;
        HOVER_AGING_TABLE(things, __u64, __u64, 128, idle, 40 * HOVER_MILLISECOND);
        __u64 wrong;
        static __u32 handle(void *pkt)
        {
        	__u64 key, *found, what = argument(pkt, 0);

        	key = what == 1 ? argument(pkt, 1) : bpf_get_prandom_u32() % 256;
        	if (!what)
        		what = 1 + bpf_get_prandom_u32() % 4;
        	if (what <= 2)
        		return things_insert(&key, &key);
        	if (what == 3)
        		return things_delete(&key);
        	found = things_lookup(&key);
        	/* An entry that is removed while this CPU stands still leaves its memory to another: what is found now counts. */
        	if (found && *found != key)
        		found = things_lookup(&key);
        	if (found && *found != key)
        		__sync_fetch_and_add(&wrong, 1);
        	return 0;
        }
        """

    @Test("CPUs that race for entries leave counts that add up, and lose no place", arguments: StateHook.allCases)
    func race(hook: StateHook) throws {
        let rig = try StateRig(Self.race, at: hook)
        try onThreads(4) { _ in
            for _ in 0..<60 {
                try rig.call(0, times: 2_000)
            }
        }
        #expect(try rig.global("wrong") == 0)
        try eventually("all expire") { try rig.counts("things").entries == 0 }
        let counts = try rig.counts("things")
        #expect(counts.inserted == counts.expired + counts.deleted)
        #expect(counts.expired > 0)
        #expect(counts.deleted > 0)
        #expect(try rig.size("things") == 0)
        // All places can be taken again, before the first expires.
        var refused = 0
        for key in 1000..<1128 as Range<UInt64> where try rig.call(1, key) != 0 {
            refused += 1
        }
        #expect(refused == 0)
    }

    private static let large = """
        __u64 test_clock = 1000000000;
        #define HOVER_NOW() (*(volatile __u64 *)&test_clock)
        #include <hover/aging.h>
        HOVER_AGING_TABLE(things, __u64, __u64, 100000, 10 * HOVER_SECOND, 0);
        __u64 next;
        static __u32 handle(void *pkt)
        {
        	__u64 key = __sync_fetch_and_add(&next, 1);

        	return things_insert(&key, &key);
        }
        """

    @Test("100,000 entries that expire at once are removed in the background", arguments: StateHook.allCases)
    func large(hook: StateHook) throws {
        let rig = try StateRig(Self.large, at: hook)
        try rig.call(times: 100_000)
        #expect(try rig.counts("things") == StateCounts(entries: 100_000, inserted: 100_000))
        try rig.set("test_clock", to: 20 * .second)
        try eventually("all are removed") {
            try rig.counts("things") == StateCounts(inserted: 100_000, expired: 100_000)
        }
        #expect(try rig.size("things") == 0)
    }
}
