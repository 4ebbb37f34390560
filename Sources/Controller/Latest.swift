// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A value that changes, for those who want to know each time: the present one first, and of those that come faster than
/// they are looked at only the last.
final class Latest<Value: Sendable & Equatable>: Sendable {
    private struct State {
        var value: Value
        var nextNumber = 0
        var streams: [Int: AsyncStream<Value>.Continuation] = [:]
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    var value: Value { state.withLock { $0.value } }

    func set(_ value: Value) {
        let streams = state.withLock { state -> [AsyncStream<Value>.Continuation] in
            guard state.value != value else { return [] }
            state.value = value
            return Array(state.streams.values)
        }
        for stream in streams {
            stream.yield(value)
        }
    }

    func values() -> AsyncStream<Value> {
        let (stream, continuation) = AsyncStream.makeStream(of: Value.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.nextNumber += 1
            state.streams[state.nextNumber] = continuation
            continuation.yield(state.value)
            return state.nextNumber
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.streams[number] = nil }
        }
        return stream
    }
}
