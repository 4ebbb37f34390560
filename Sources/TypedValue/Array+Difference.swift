// SPDX-License-Identifier: Apache-2.0

extension Array where Element: Equatable {
    /// What differs from another array, when one part was exchanged: all before and behind is the same in both.
    ///
    /// - Returns: the part here, and the part there whose place it takes.
    public func difference(from other: [Element]) -> (here: Range<Int>, there: Range<Int>) {
        let shorter = Swift.min(count, other.count)
        var start = 0
        while start < shorter, self[start] == other[start] { start += 1 }
        var behind = 0
        while behind < shorter - start, self[count - 1 - behind] == other[other.count - 1 - behind] { behind += 1 }
        return (start..<count - behind, start..<other.count - behind)
    }
}
