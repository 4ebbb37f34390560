// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets one task sleep until somebody wakes it, once. Waking before it sleeps is fine, and so is waking again.
final class Wakeup: Sendable {
    private enum State {
        case nobody
        case sleeping(CheckedContinuation<Void, Never>)
        case woken
    }

    private let state = Mutex(State.nobody)

    /// Sleeps until `wake` was called, or the task is cancelled.
    func sleep() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWoken = state.withLock { state in
                    if case .woken = state { return true }
                    state = .sleeping(continuation)
                    return false
                }
                if isWoken {
                    continuation.resume()
                }
            }
        } onCancel: {
            wake()
        }
    }

    func wake() {
        let sleeper: CheckedContinuation<Void, Never>? = state.withLock { state in
            defer { state = .woken }
            if case .sleeping(let continuation) = state { return continuation }
            return nil
        }
        sleeper?.resume()
    }
}
