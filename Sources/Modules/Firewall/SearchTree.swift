// SPDX-License-Identifier: Apache-2.0

/// Values of a field that rules ask for, and the rules that do.
struct FieldCondition {
    /// In ascending order, with gaps between them.
    var ranges: [ClosedRange<UInt128>]
    var rules: RankPart

    init(_ ranges: [ClosedRange<UInt128>], _ rules: RankPart) {
        self.ranges = Self.merged(ranges)
        self.rules = rules
    }

    private static func merged(_ ranges: [ClosedRange<UInt128>]) -> [ClosedRange<UInt128>] {
        guard ranges.count > 1 else { return ranges }
        var merged: [ClosedRange<UInt128>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}

/// A section with a tree, and where its root is (`struct firewall_tree`).
struct TreeSection: Sendable {
    var section: RuleSection
    var page: UInt32
    var levels: UInt32

    /// Whether the field tells packets apart.
    var isAskedFor: Bool { levels > 0 }
}

/// Cuts the values of a field into intervals within which the same rules match, and makes a search tree of them.
struct SearchTree {
    /// Whether keys have 32 bits, or 128.
    let isNarrow: Bool
    private var vectors = VectorStore()

    init(isNarrow: Bool) {
        self.isNarrow = isNarrow
    }

    private var fanOut: Int { isNarrow ? 512 : 128 }
    private var last: UInt128 { isNarrow ? UInt128(UInt32.max) : .max }
    /// What the program follows (`firewall_search4`, `firewall_search6`).
    private var mostLevels: Int { isNarrow ? 2 : 3 }

    /// - Returns: nil for more intervals than the program can search.
    mutating func section(of conditions: [FieldCondition]) -> TreeSection? {
        guard !conditions.isEmpty else {
            return TreeSection(section: RuleSection(vectors.pages), page: VectorStore.empty, levels: 0)
        }
        var keys = intervals(of: conditions)
        var levels: UInt32 = 0
        repeat {
            guard levels < mostLevels else { return nil }
            var upper: [Interval] = []
            for first in stride(from: 0, to: keys.count, by: fanOut) {
                let part = keys[first..<min(first + fanOut, keys.count)]
                upper.append((part[first].start, UInt32(vectors.append(words(of: part)))))
            }
            keys = upper
            levels += 1
        } while keys.count > 1
        return TreeSection(section: RuleSection(vectors.pages), page: keys[0].to, levels: levels)
    }

    private typealias Interval = (start: UInt128, to: UInt32)

    private mutating func intervals(of conditions: [FieldCondition]) -> [Interval] {
        var intervals: [Interval] = [(0, VectorStore.empty)]
        var rules = RankSet()
        let turns = turns(of: conditions)
        var next = 0
        while next < turns.count {
            let at = turns[next].at
            while next < turns.count, turns[next].at == at {
                rules.toggle(conditions[turns[next].condition].rules)
                next += 1
            }
            let reference = vectors.reference(to: rules)
            if at == 0 {
                intervals[0].to = reference
            } else if intervals[intervals.count - 1].to != reference {
                intervals.append((at, reference))
            }
        }
        return intervals
    }

    /// Where conditions begin to hold and where they end to, in ascending order.
    private func turns(of conditions: [FieldCondition]) -> [(at: UInt128, condition: Int)] {
        var turns: [(at: UInt128, condition: Int)] = []
        turns.reserveCapacity(2 * conditions.count)
        for index in conditions.indices {
            for range in conditions[index].ranges {
                turns.append((range.lowerBound, index))
                if range.upperBound < last { turns.append((range.upperBound + 1, index)) }
            }
        }
        guard isNarrow else {
            turns.sort { $0.at < $1.at }
            return turns
        }
        // In one word both, for a fraction of the time.
        return turns.map { UInt64($0.at) << 24 | UInt64($0.condition) }.sorted()
            .map { (UInt128($0 >> 24), Int($0 & 0xff_ffff)) }
    }

    /// A page: keys, and what is behind them all ones, which leads where the last one does.
    private func words(of keys: ArraySlice<Interval>) -> [UInt64] {
        let last = keys.last?.to ?? 0
        let padding = repeatElement((start: UInt128.max, to: last), count: fanOut - keys.count)
        guard isNarrow else {
            return (Array(keys) + padding).flatMap { key in
                [UInt64(truncatingIfNeeded: key.start >> 64), UInt64(truncatingIfNeeded: key.start), UInt64(key.to)]
            }
        }
        return (Array(keys) + padding).map { key in
            UInt64(key.to) << 32 | UInt64(UInt32(truncatingIfNeeded: key.start))
        }
    }
}
