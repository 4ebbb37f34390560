// SPDX-License-Identifier: Apache-2.0

/// A value, text or memory that does not fit a `TypeShape`.
public struct TypeMismatch: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it is, from the outermost value: `value.ports[2]`; empty for the whole.
    public var path: String
    /// What fits there: `an IPv4 address`.
    public var expected: String
    /// What is there instead: `"10.0.0"`.
    public var found: String

    public init(path: String, expected: String, found: String) {
        self.path = path
        self.expected = expected
        self.found = found
    }

    public var description: String {
        (path.isEmpty ? "" : "\(path): ") + "expected \(expected), found \(found)"
    }

    /// The same, seen from the value that has the mismatched one under this name: `src` inside `value` is `value.src`.
    public func inside(_ outer: String) -> TypeMismatch {
        let separator = path.isEmpty || path.hasPrefix("[") ? "" : "."
        return TypeMismatch(path: outer + separator + path, expected: expected, found: found)
    }
}

extension TypedValue {
    /// The value as an error message quotes it: not more than a line.
    var excerpt: String {
        let text = description
        return text.count <= 80 ? text : text.prefix(77) + "..."
    }
}
