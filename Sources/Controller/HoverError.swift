// SPDX-License-Identifier: Apache-2.0

/// Why a request was refused or failed; what every public method of `Controller` throws.
public struct HoverError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the northbound makes of an error.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The request cannot mean anything (400).
        case invalid
        /// It names something that does not exist (404).
        case notFound = "not-found"
        /// It contradicts what exists: a port or interface linked twice, an ambiguous name (409).
        case conflict
        /// It is larger than a limit (413).
        case tooLarge = "too-large"
        /// Clang refused the source (422).
        case compile
        /// The object is not an IO Module: not ELF, no `handle_rx`, a map type that modules may not have (422).
        case object
        /// The kernel's verifier refused the program (422).
        case verifier
        /// The kernel refused an operation (500).
        case kernel
    }

    public var kind: Kind
    /// The object, the reason in the kernel's or clang's words, and the next step; lowercase.
    public var message: String
    /// Places in the source, when the source is at fault.
    public var diagnostics: [SourceDiagnostic]
    /// Clang's output as printed, or the verifier's log.
    public var log: String?

    public init(_ kind: Kind, _ message: String, diagnostics: [SourceDiagnostic] = [], log: String? = nil) {
        self.kind = kind
        self.message = message
        self.diagnostics = diagnostics
        self.log = log
    }

    public var description: String { message }
}

/// A message about a place in a module's source.
public struct SourceDiagnostic: Sendable, Hashable {
    public var file: String
    public var line: Int
    /// From 1, in bytes.
    public var column: Int
    /// `error`, `warning` or `note`.
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
