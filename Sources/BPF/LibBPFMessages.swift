// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc
import Synchronization

/// libbpf's warnings, taken off standard error. libbpf has one print callback per process and calls it on the thread
/// that is in libbpf, so messages are kept by thread.
enum LibBPFMessages {
    private static let byThread = Mutex<[pthread_t: [String]]>([:])

    private static let callbackIsSet: Void = {
        _ = libbpf_set_print { level, format, arguments in
            guard level == LIBBPF_WARN, let format, let arguments else { return 0 }
            // Longer than any of libbpf's messages; the verifier's log has a buffer of its own.
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8192) { buffer in
                guard let text = buffer.baseAddress, vsnprintf(text, buffer.count, format, arguments) > 0 else {
                    return
                }
                LibBPFMessages.append(String(cString: text))
            }
            return 0
        }
    }()

    private static func append(_ text: String) {
        let thread = pthread_self()
        byThread.withLock { $0[thread]?.append(text) }
    }

    /// Runs `body`, which calls libbpf, and returns its result with what libbpf warned of meanwhile: a line each,
    /// without the `libbpf: ` prefix.
    static func capture<Result>(_ body: () -> Result) -> (result: Result, messages: [String]) {
        _ = callbackIsSet
        let thread = pthread_self()
        byThread.withLock { $0[thread] = [] }
        let result = body()
        let texts = byThread.withLock { $0.removeValue(forKey: thread) } ?? []
        let lines = texts.joined().split(separator: "\n").map { line in
            String(line.hasPrefix("libbpf: ") ? line.dropFirst("libbpf: ".count) : line)
        }
        return (result, lines)
    }
}
