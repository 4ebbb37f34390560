// SPDX-License-Identifier: Apache-2.0

import ModuleKit

/// Pages of a compiled set of rules that belong together (`rules.h`), as the table `pages` has them.
struct RuleSection: Sendable {
    /// What the pages are kept under: a hash of all that is in them.
    let key: UInt64
    let entries: [(key: [UInt8], value: [UInt8])]

    init(_ pages: PageStore) {
        var hash = StableHash()
        hash.add(UInt64(pages.words.count))
        for word in pages.words { hash.add(word) }
        let key = Self.key(of: hash)
        self.key = key
        entries = (0..<pages.count).map { number in
            (StructureBytes().u64(key | UInt64(number)).bytes, pages.bytes(of: number))
        }
    }

    /// The low bits of a key are the page's number; 0 is no key.
    static func key(of hash: StableHash) -> UInt64 { max(hash.value >> 20, 1) << 20 }
}

/// The pages of a section.
struct PageStore {
    static let words = 512
    static let bytes = 8 * words

    private(set) var words: [UInt64] = []

    var count: Int { words.count / Self.words }

    /// The number of one more page, with zeros behind what it begins with.
    mutating func append(_ page: some Collection<UInt64> = EmptyCollection()) -> Int {
        words += page
        words += repeatElement(0, count: Self.words - page.count)
        return count - 1
    }

    /// A word behind the place that a reference means: a page's number, and where on it.
    subscript(reference: UInt32, offset: Int) -> UInt64 {
        get { words[Int(reference) + offset] }
        set { words[Int(reference) + offset] = newValue }
    }

    func bytes(of page: Int) -> [UInt8] {
        words[page * Self.words..<(page + 1) * Self.words].withUnsafeBytes(Array.init)
    }
}
