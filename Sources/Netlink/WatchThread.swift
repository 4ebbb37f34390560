// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc
import Synchronization

/// The thread of a watcher. It ends when it is stopped or released.
final class WatchThread: Sendable {
    private struct Running {
        let thread: pthread_t
        /// An eventfd.
        let wakeup: Int32
    }

    /// What the thread does. Nothing else refers to it once the thread runs.
    private final class Work {
        let run: (Int32) -> Void
        let wakeup: Int32

        init(_ run: @escaping (Int32) -> Void, wakeup: Int32) {
            (self.run, self.wakeup) = (run, wakeup)
        }
    }

    private let running: Mutex<Running?>

    /// - Parameters:
    ///   - name: what an error calls the thread.
    ///   - run: what it does, until the descriptor that it is given can be read.
    init(_ name: String, _ run: sending @escaping (_ wakeup: Int32) -> Void) throws(NetlinkError) {
        let wakeup = eventfd(0, Int32(EFD_CLOEXEC))
        guard wakeup >= 0 else { throw NetlinkError("make", "an eventfd", errno: errno) }
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(run, wakeup: wakeup))
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                work.run(work.wakeup)
                return nil
            }, work.toOpaque())
        guard result == 0 else {
            work.release()
            close(wakeup)
            throw NetlinkError("start", name, errno: result)
        }
        running = Mutex(Running(thread: thread, wakeup: wakeup))
    }

    deinit {
        stop()
    }

    /// On return the thread is gone. Any number of calls is fine.
    func stop() {
        running.withLock { running in
            guard let stopped = running.take() else { return }
            eventfd_write(stopped.wakeup, 1)
            pthread_join(stopped.thread, nil)
            close(stopped.wakeup)
        }
    }
}
