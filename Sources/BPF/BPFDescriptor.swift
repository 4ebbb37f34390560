// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The one owner of a file descriptor, which closes with it. Every descriptor that this target makes is close-on-exec.
public final class BPFDescriptor: Sendable {
    /// The file descriptor's number.
    public let number: Int32

    /// Takes over an open descriptor: nobody else may close it.
    public init(adopting number: Int32) {
        self.number = number
    }

    /// A second descriptor of the same kernel object.
    init(duplicating number: Int32, of object: String) throws(KernelError) {
        self.number = try check(fcntl(number, F_DUPFD_CLOEXEC, 3), "duplicate the descriptor of", object)
    }

    deinit {
        close(number)
    }
}
