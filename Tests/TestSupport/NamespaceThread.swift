// SPDX-License-Identifier: Apache-2.0

import Foundation

// Glibc's module leaves it out, for its header shows it with _GNU_SOURCE only.
@_silgen_name("setns") private func setns(_ descriptor: Int32, _ type: Int32) -> Int32
private let newNetwork: Int32 = 0x4000_0000  // CLONE_NEWNET, linux/sched.h

/// Runs `body` in another network namespace, on a thread of its own that ends with it.
public func inNamespace<Result: Sendable>(
    _ name: String, _ body: @Sendable @escaping () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result { try enter(name, body) }) }.start()
    }
}

private func enter<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
    let file = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
    guard file >= 0, setns(file, newNetwork) == 0 else {
        throw CommandFailure(command: ["enter", name], status: String(cString: strerror(errno)), output: "")
    }
    close(file)
    return try body()
}
