// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// What rtnetlink or the way to it refused.
public struct NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried: `list`.
    public let operation: String
    /// Its object: `interfaces`, `interface veth0`.
    public let object: String
    /// Why, in libnl's or the kernel's words.
    public let reason: String

    public init(operation: String, object: String, reason: String) {
        self.operation = operation
        self.object = object
        self.reason = reason
    }

    public var description: String {
        "cannot \(operation) \(object): \(reason)"
    }

    /// - Parameter code: what a function of libnl has returned.
    init(_ operation: String, _ object: String, libraryCode code: Int32) {
        // libnl knows no name for some of the system's errors; then the number that it left says more.
        let words = abs(code) == NLE_FAILURE ? String(cString: strerror(errno)) : String(cString: nl_geterror(code))
        self.init(operation: operation, object: object, reason: words.prefix(1).lowercased() + words.dropFirst())
    }

    /// - Parameter number: what the kernel has answered, positive (errno(3)).
    init(_ operation: String, _ object: String, errno number: Int32) {
        let words = String(cString: strerror(number))
        let remedy = number == EPERM || number == EACCES ? "; run as root, or with CAP_NET_ADMIN" : ""
        self.init(
            operation: operation, object: object, reason: words.prefix(1).lowercased() + words.dropFirst() + remedy)
    }
}
