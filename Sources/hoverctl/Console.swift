// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Where a command reads and writes: the process's standard streams, or a test's.
struct Console: Sendable {
    @TaskLocal static var current = Console.standard

    /// Reads standard input up to so many bytes.
    var read: @Sendable (Int) throws -> [UInt8]
    /// Writes to standard output.
    var say: @Sendable (String) throws -> Void
    /// Writes to standard error.
    var complain: @Sendable (String) throws -> Void
    var coloursOutput: Bool
    var coloursErrors: Bool

    static let standard = Console(
        read: { try readBytes(STDIN_FILENO, atMost: $0) },
        say: { try write($0, to: STDOUT_FILENO) },
        complain: { try write($0, to: STDERR_FILENO) },
        coloursOutput: wantsColours(STDOUT_FILENO), coloursErrors: wantsColours(STDERR_FILENO))

    /// Colours are for people at a terminal who did not decline them (https://no-color.org).
    private static func wantsColours(_ descriptor: CInt) -> Bool {
        let environment = ProcessInfo.processInfo.environment
        return isatty(descriptor) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
}

/// The other end of the output's pipe was closed.
struct ReaderGone: Error {}

/// An error of the system's, in its words.
struct SystemError: Error, CustomStringConvertible {
    var code: CInt
    var description: String { String(cString: strerror(code)) }
}

/// Reads until the end or until `limit` bytes are there.
func readBytes(_ descriptor: CInt, atMost limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < limit {
        let count = Foundation.read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemError(code: errno) }
        guard count > 0 else { break }
        bytes += chunk[..<count]
    }
    return bytes
}

func readBytes(ofFile path: String, atMost limit: Int) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError(code: errno) }
    defer { close(descriptor) }
    return try readBytes(descriptor, atMost: limit)
}

private func write(_ text: String, to descriptor: CInt) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
            // Somebody else who has the stream open made it non-blocking.
            var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&state, 1, -1)
        } else if errno == EPIPE {
            throw ReaderGone()
        } else if errno != EINTR {
            throw SystemError(code: errno)
        }
    }
}
