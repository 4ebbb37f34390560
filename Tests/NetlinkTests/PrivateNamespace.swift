// SPDX-License-Identifier: Apache-2.0

import Foundation

// Glibc's module leaves these two out (they are for _GNU_SOURCE only).
@_silgen_name("unshare") private func unshare(_ flags: Int32) -> Int32
@_silgen_name("setns") private func setns(_ descriptor: Int32, _ type: Int32) -> Int32

/// A network namespace that only this object holds: it and all that is in it end with the object.
final class PrivateNamespace: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let newNetwork: Int32 = 0x4000_0000  // linux/sched.h, CLONE_NEWNET
    private let descriptor: Int32

    init() async throws {
        descriptor = try await Self.onThread {
            guard unshare(Self.newNetwork) == 0 else {
                throw Failure(description: "unshare: \(String(cString: strerror(errno)))")
            }
            let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw Failure(description: "no namespace: \(String(cString: strerror(errno)))")
            }
            return descriptor
        }
    }

    deinit {
        close(descriptor)
    }

    /// A name of the namespace that `ip link set … netns` takes.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// Runs `body` on a thread that is in the namespace.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await Self.onThread { [descriptor] in
            guard setns(descriptor, Self.newNetwork) == 0 else {
                throw Failure(description: "setns: \(String(cString: strerror(errno)))")
            }
            return try body()
        }
    }

    /// Runs `ip` in the namespace, once for each line.
    func ip(_ lines: String) async throws {
        try await run {
            // Not Foundation's Process: it waits by a run loop, and does not promise to start from the calling thread.
            guard let output = popen("ip -batch - 2>&1 <<'end'\n\(lines)\nend\n", "re") else {
                throw Failure(description: "popen: \(String(cString: strerror(errno)))")
            }
            var messages: [UInt8] = []
            while case let byte = getc(output), byte != EOF {
                messages.append(UInt8(truncatingIfNeeded: byte))
            }
            guard pclose(output) == 0 else {
                throw Failure(description: "ip: \(String(decoding: messages, as: UTF8.self))")
            }
        }
    }

    private static func onThread<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Swift.Result { try body() }) }.start()
        }
    }
}
