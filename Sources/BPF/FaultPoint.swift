// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization

/// A place where tests end the process, as a crash would, to see what the next one makes of what it left.
///
/// Builds for debugging only: with `HOVER_CRASH_AT=N` in its environment, the process is killed at the Nth step that
/// changes something outside of it, before the step. A build for release has none of it.
public enum FaultPoint {
    /// A step follows.
    @inlinable
    public static func pass() {
        #if DEBUG
            passCounting()
        #endif
    }

    #if DEBUG
        private static let crashAt = getenv("HOVER_CRASH_AT").flatMap { Int(String(cString: $0)) }
        private static let count = Mutex(0)

        /// Steps before `arm()` do not count, unless they are those of the start that a test is about.
        private static let isArmed = Mutex(getenv("HOVER_CRASH_AT_START") != nil)

        @usableFromInline
        static func passCounting() {
            guard let crashAt, isArmed.withLock({ $0 }) else { return }
            let step = count.withLock { count in
                count += 1
                return count
            }
            if step == crashAt {
                kill(getpid(), SIGKILL)
            }
        }

    #endif

    /// Counting begins: what came before was the start.
    public static func arm() {
        #if DEBUG
            isArmed.withLock { $0 = true }
        #endif
    }
}
