// SPDX-License-Identifier: Apache-2.0

/// A message of clang about a place in a source.
public struct CompileDiagnostic: Sendable, Hashable {
    /// The name that the source was given, or a header as it is included (`hover/iomodule.h`).
    public var file: String
    /// From 1; 0 when clang names no place.
    public var line: Int
    /// From 1, in bytes; 0 when clang names no place.
    public var column: Int
    /// `error`, `warning`, `note` or `remark`.
    public var severity: String
    public var message: String

    public init(file: String, line: Int, column: Int, severity: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.severity = severity
        self.message = message
    }
}

/// A compiled source.
public struct CompiledModule: Sendable, Hashable {
    /// An eBPF object (ELF).
    public var object: [UInt8]
    /// What clang warned of.
    public var diagnostics: [CompileDiagnostic]
    /// The same as clang printed it, carets included.
    public var output: String
}

/// Why a source did not become an object.
public struct CompileError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The source is over 1 MiB.
        case sourceTooLarge
        /// Clang found errors in the source.
        case refused
        /// Clang took more than 10 s.
        case timeout
        /// Clang took more than 2 GiB.
        case outOfMemory
        /// The object is over 16 MiB.
        case objectTooLarge
        /// Clang broke down on the source.
        case crashed
        /// The host lacks clang, its eBPF target, the headers or the sandbox: no source compiles on it.
        case unavailable
        /// The task that asked for it was cancelled.
        case cancelled
    }

    public var kind: Kind
    /// What went wrong and what to do, lowercase, in one line.
    public var message: String
    /// Where, if the source is at fault.
    public var diagnostics: [CompileDiagnostic]
    /// What clang printed, carets included; empty if it does not matter.
    public var output: String

    public init(_ kind: Kind, _ message: String, diagnostics: [CompileDiagnostic] = [], output: String = "") {
        self.kind = kind
        self.message = message
        self.diagnostics = diagnostics
        self.output = output
    }

    public var description: String { message }
}
