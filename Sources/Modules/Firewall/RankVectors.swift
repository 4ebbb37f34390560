// SPDX-License-Identifier: Apache-2.0

/// Rules by their ranks, 0 first: a bit for each, with a hash of which they are, so that equal ones are found.
struct RankSet {
    static let blocks = 256
    static let summaryWords = blocks / 64

    private(set) var words = [UInt64](repeating: 0, count: blocks)
    /// A bit for each word that is not 0.
    private(set) var summary = [UInt64](repeating: 0, count: summaryWords)
    private(set) var hash = RankHash()

    /// Takes rules in that are not in, and out those that are.
    mutating func toggle(_ part: RankPart) {
        for (block, bits) in part.words {
            words[block] ^= bits
            let bit = UInt64(1) << UInt64(block % 64)
            if words[block] == 0 {
                summary[block / 64] &= ~bit
            } else {
                summary[block / 64] |= bit
            }
        }
        hash.combine(part.hash)
    }
}

/// What is added up of ranks: 128 bits, in which no two sets that anybody makes meet by accident.
struct RankHash: Hashable {
    var high: UInt64 = 0
    var low: UInt64 = 0

    init() {}

    init(_ rank: Int) {
        high = StableHash.mixed(UInt64(rank) &* 2 &+ 1)
        low = StableHash.mixed(high &+ UInt64(rank))
    }

    mutating func combine(_ other: RankHash) {
        high ^= other.high
        low ^= other.low
    }
}

/// Rules that come and go together, few words of a set.
struct RankPart {
    private(set) var words: [(block: Int, bits: UInt64)] = []
    private(set) var hash = RankHash()

    init() {}

    /// Ranks come in ascending order.
    mutating func append(_ rank: Int) {
        let bit = UInt64(1) << UInt64(rank % 64)
        if let last = words.last, last.block == rank / 64 {
            words[words.count - 1].bits |= bit
        } else {
            words.append((rank / 64, bit))
        }
        hash.combine(RankHash(rank))
    }
}

/// Writes vectors into the pages of a section, each set once. The empty one comes first, where all know it to be.
struct VectorStore {
    /// Where the vector without a bit is.
    static let empty: UInt32 = 0

    private(set) var pages = PageStore()
    private var known: [RankHash: UInt32] = [:]
    private var used = PageStore.words

    init() {
        _ = reference(to: RankSet())
    }

    /// Where a set's vector is: a summary of 4 words, one with the blocks before each of them, and the blocks that are not 0.
    mutating func reference(to set: borrowing RankSet) -> UInt32 {
        if let known = known[set.hash] { return known }
        var vector = set.summary
        var before: UInt64 = 0
        var counts: UInt64 = 0
        for index in 0..<RankSet.summaryWords {
            counts |= before << UInt64(16 * index)
            before += UInt64(set.summary[index].nonzeroBitCount)
        }
        vector.append(counts)
        for index in 0..<RankSet.summaryWords {
            var rest = set.summary[index]
            while rest != 0 {
                vector.append(set.words[64 * index + rest.trailingZeroBitCount])
                rest &= rest - 1
            }
        }
        let reference = write(vector)
        known[set.hash] = reference
        return reference
    }

    private mutating func write(_ vector: [UInt64]) -> UInt32 {
        if used + vector.count > PageStore.words {
            _ = pages.append()
            used = 0
        }
        let page = pages.count - 1
        pages.write(vector, at: used, of: page)
        defer { used += vector.count }
        return UInt32(page) << 9 | UInt32(used)
    }

    /// One more page, of what leads to vectors. No vectors come behind it.
    mutating func append(_ page: some Collection<UInt64>) -> Int {
        used = PageStore.words
        return pages.append(page)
    }
}

/// Hashes that are the same on all machines, each time: Swift's own differ from run to run.
struct StableHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ word: UInt64) {
        value = Self.mixed(value ^ word) &+ 0x9e37_79b9_7f4a_7c15
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 {
            value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        add(UInt64(text.utf8.count))
    }

    /// The finalizer of splitmix64 (Steele, Lea and Flood 2014).
    static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
