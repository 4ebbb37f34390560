// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Why `hoverd` cannot work on this host as it is.
public struct HostError: Error, Sendable, CustomStringConvertible {
    public var description: String
}

/// A file or folder that one process at a time holds. The kernel lets go of it when the process ends, however it ends.
public final class ProcessLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameter path: an existing folder, or a file that is made when it is missing.
    /// - Throws: when another process holds it (the error says which), or the file cannot be opened.
    public init(path: String) throws(HostError) {
        var descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 {
            descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard descriptor >= 0 else {
            throw HostError(description: "open lock \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let holder = Self.holder(of: path)
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw HostError(description: "lock \(path): \(String(cString: strerror(reason)))")
            }
            throw HostError(
                description:
                    "\(path) is in use by \(holder): stop it first, or use another --run-dir, --bpffs and --state-dir")
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Who has the file open. The kernel's list of locks (/proc/locks) is read in pieces, and misses some now and then
    /// while others come and go.
    private static func holder(of path: String) -> String {
        guard let real = realpath(path, nil) else { return "another process" }
        defer { free(real) }
        let place = String(cString: real)
        let files = FileManager.default
        for process in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(process), pid != getpid(),
                let descriptors = try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd"),
                descriptors.contains(where: {
                    (try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")) == place
                })
            else { continue }
            let name = try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)
            return "\(name?.trimmingCharacters(in: .newlines) ?? "a process") (pid \(pid))"
        }
        return "another process"
    }
}
