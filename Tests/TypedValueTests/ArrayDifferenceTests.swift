// SPDX-License-Identifier: Apache-2.0

import Testing
import TypedValue

@Suite struct ArrayDifferenceTests {
    /// What is found makes the one array of the other, and is no longer than it must be.
    @Test(arguments: [
        ([], [], 0, 0), ([1, 2, 3], [1, 2, 3], 0, 0), ([], [1], 1, 0), ([1], [], 0, 1), ([1, 2, 3], [1, 9, 3], 1, 1),
        ([1, 2], [1, 9, 2], 1, 0), ([1, 9, 2], [1, 2], 0, 1), ([1, 1, 1], [1, 1], 0, 1), ([1, 2, 3], [3, 2, 1], 3, 3),
        ([5, 1, 2], [1, 2, 5], 3, 3),
    ])
    func findsThePartThatWasExchanged(_ old: [Int], _ new: [Int], _ put: Int, _ taken: Int) {
        let (here, there) = new.difference(from: old)
        #expect((here.count, there.count) == (put, taken))
        var made = old
        made.replaceSubrange(there, with: new[here])
        #expect(made == new)
    }
}
