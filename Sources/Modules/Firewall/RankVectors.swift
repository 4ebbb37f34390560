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
        for word in part.words { toggle(word) }
        part.last.map { toggle($0) }
        hash.combine(part.hash)
    }

    private mutating func toggle(_ word: RankPart.Word) {
        words[word.block] ^= word.bits
        let bit = UInt64(1) << UInt64(word.block % 64)
        if words[word.block] == 0 {
            summary[word.block / 64] &= ~bit
        } else {
            summary[word.block / 64] |= bit
        }
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

    /// One half of it is enough to tell most apart.
    func hash(into hasher: inout Hasher) { hasher.combine(low) }

    mutating func combine(_ other: RankHash) {
        high ^= other.high
        low ^= other.low
    }
}

/// Rules that come and go together, few words of a set.
struct RankPart {
    typealias Word = (block: Int, bits: UInt64)

    private(set) var words: [Word] = []
    /// The word behind these. Most parts are one rule, and have only that.
    private(set) var last: Word?
    private(set) var hash = RankHash()

    init() {}

    /// Ranks come in ascending order.
    mutating func append(_ rank: Int) {
        let bit = UInt64(1) << UInt64(rank % 64)
        if let last, last.block == rank / 64 {
            self.last = (last.block, last.bits | bit)
        } else {
            last.map { words.append($0) }
            last = (rank / 64, bit)
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
        let blocks = set.summary.reduce(0) { $0 + $1.nonzeroBitCount }
        let reference = take(RankSet.summaryWords + 1 + blocks)
        var counts: UInt64 = 0
        var next = RankSet.summaryWords + 1
        for index in 0..<RankSet.summaryWords {
            pages[reference, index] = set.summary[index]
            counts |= UInt64(next - RankSet.summaryWords - 1) << UInt64(16 * index)
            var rest = set.summary[index]
            while rest != 0 {
                pages[reference, next] = set.words[64 * index + rest.trailingZeroBitCount]
                next += 1
                rest &= rest - 1
            }
        }
        pages[reference, RankSet.summaryWords] = counts
        known[set.hash] = reference
        return reference
    }

    /// Room for so many words on one page.
    private mutating func take(_ count: Int) -> UInt32 {
        if used + count > PageStore.words {
            _ = pages.append()
            used = 0
        }
        defer { used += count }
        return UInt32((pages.count - 1) * PageStore.words + used)
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
