// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Controller

@Suite struct StoreTests {
    @Test func remembersWhatSlowPathsTellIt() async throws {
        let store = try Store(path: ":memory:")
        try await store.remember([1, 2], for: [7], ofModule: "m:a")
        try await store.remember([3], for: [7], ofModule: "m:b")
        try await store.remember([4], for: [7], ofModule: "m:a")
        #expect(try await store.memory(ofModule: "m:a") == [[7]: [4]])
        try await store.forget([7], ofModule: "m:a")
        #expect(try await store.memory(ofModule: "m:a").isEmpty)
        #expect(try await store.memory(ofModule: "m:b") == [[7]: [3]])
    }
}
