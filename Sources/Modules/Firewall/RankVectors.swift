// SPDX-License-Identifier: Apache-2.0

/// The pages of a compiled set of rules (`rules.h`).
struct PageStore {
    static let words = 512
    static let bytes = 8 * words

    private(set) var pages: [[UInt64]] = []

    /// The number of one more page.
    mutating func append(_ page: [UInt64] = []) -> Int {
        pages.append(page + repeatElement(0, count: Self.words - page.count))
        return pages.count - 1
    }

    subscript(page: Int, word: Int) -> UInt64 {
        get { pages[page][word] }
        set { pages[page][word] = newValue }
    }

    mutating func replace(_ page: Int, with words: [UInt64]) {
        pages[page] = words + repeatElement(0, count: Self.words - words.count)
    }
}

/// Rules by their ranks, 0 first: a bit for each, with a hash of which they are, so that equal ones are found.
struct RankSet {
    static let blocks = 256

    private(set) var words = [UInt64](repeating: 0, count: blocks)
    private(set) var hash = RankHash()

    /// Takes rules in that are not in, and out those that are.
    mutating func toggle(_ part: RankPart) {
        for (block, bits) in part.words {
            words[block] ^= bits
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

/// Writes vectors into pages, each set once.
struct VectorStore {
    private var known: [RankHash: UInt32] = [:]
    private var page: Int?
    private var used = 0
    /// How many blocks there are rules in.
    private let blocks: Int

    init(rules: Int) {
        blocks = (rules + 63) / 64
    }

    /// Where a set's vector is: a summary of 4 words, one with the blocks before each of them, and the blocks that are not 0.
    mutating func reference(to set: borrowing RankSet, in pages: inout PageStore) -> UInt32 {
        if let known = known[set.hash] { return known }
        var vector = [UInt64](repeating: 0, count: 5)
        for block in 0..<blocks {
            let word = set.words[block]
            guard word != 0 else { continue }
            vector[block / 64] |= 1 << UInt64(block % 64)
            vector.append(word)
        }
        var before: UInt64 = 0
        for index in 0..<4 {
            vector[4] |= before << UInt64(16 * index)
            before += UInt64(vector[index].nonzeroBitCount)
        }
        if page == nil || used + vector.count > PageStore.words {
            page = pages.append()
            used = 0
        }
        let number = page ?? 0
        for (index, word) in vector.enumerated() {
            pages[number, used + index] = word
        }
        let reference = UInt32(number) << 9 | UInt32(used)
        used += vector.count
        known[set.hash] = reference
        return reference
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
