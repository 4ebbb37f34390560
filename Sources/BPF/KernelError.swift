// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// A system call that the kernel refused, or that cannot be made because its arguments do not fit the object.
public struct KernelError: Error, CustomStringConvertible, Sendable, Hashable {
    /// What was tried: `create map`.
    public let operation: String
    /// Its object, by name, path or number: `redirect`.
    public let object: String
    /// The error number, positive (`errno(3)`). libbpf's own, from 4000, included.
    public let errno: Int32
    /// Why, in the kernel's words where it gave some, else the error number's.
    public let reason: String
    /// What to do about it, when that is known.
    public let remedy: String?

    /// - Parameters:
    ///   - reason: the kernel's own words; the error number's meaning when nil.
    ///   - remedy: the next step; the one that the error number suggests when nil.
    public init(
        operation: String, object: String, errno: Int32, reason: String? = nil, remedy: String? = nil
    ) {
        self.operation = operation
        self.object = object
        self.errno = errno
        self.reason = reason ?? errorWords(errno)
        self.remedy = remedy ?? suggestedRemedy(errno)
    }

    public var description: String {
        "cannot \(operation) '\(object)': \(reason)" + (remedy.map { "; \($0)" } ?? "")
    }
}

/// The meaning of a (positive or negative) error number of the kernel or of libbpf.
func errorWords(_ number: Int32) -> String {
    let number = Int32(clamping: number.magnitude)
    // ENOTSUPP is the kernel's own (include/linux/errno.h) and unknown to the C library.
    if number == kernelNotSupported { return "operation not supported by this object" }
    var characters = [CChar](repeating: 0, count: 256)
    _ = libbpf_strerror(number, &characters, characters.count)
    let words = String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return words.prefix(1).lowercased() + words.dropFirst()
}

/// The kernel's ENOTSUPP, which leaks from many bpf(2) commands.
let kernelNotSupported: Int32 = 524

private func suggestedRemedy(_ number: Int32) -> String? {
    switch number {
    case EPERM: "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
    case EMFILE, ENFILE: "raise the limit of open files"
    case ENOMEM: "free memory, or make the map smaller"
    default: nil
    }
}

/// The result of a system call or libbpf call that tells of an error by a negative number and errno.
@discardableResult
func check(
    _ result: Int32, _ operation: String, _ object: @autoclosure () -> String
) throws(KernelError) -> Int32 {
    guard result < 0 else { return result }
    throw KernelError(operation: operation, object: object(), errno: Glibc.errno)
}
