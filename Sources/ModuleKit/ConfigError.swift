// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a configuration.
public struct ConfigError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where, as a JSON pointer into the configuration (RFC 6901); empty for all of it.
    public var pointer: String
    /// What is wrong, and what to do.
    public var message: String

    public init(pointer: String = "", _ message: String) {
        self.pointer = pointer
        self.message = message
    }

    public var description: String { pointer.isEmpty ? message : "\(pointer.dropFirst()): \(message)" }
}
