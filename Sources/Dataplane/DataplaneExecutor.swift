// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Runs an actor's work on a queue of its own: `bpf(2)`, libbpf and bpffs block, sometimes for milliseconds, and must
/// not hold a thread of the cooperative pool meanwhile.
final class DataplaneExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "hover.dataplane")

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async { unowned.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
