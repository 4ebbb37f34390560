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
        /// It was thought for another revision (412).
        case stale
        /// The kernel refused an operation (500).
        case kernel
        /// The store could not be read or written (500).
        case store
    }

    public var kind: Kind
    /// The object, the reason in the kernel's or clang's words, and the next step; lowercase.
    public var message: String
    /// Places in the source, when the source is at fault.
    public var diagnostics: [SourceDiagnostic]
    /// Clang's output as printed, or the verifier's log.
    public var log: String?
    /// The member of a manifest that is at fault, like `/modules/3/config` (RFC 6901).
    public var pointer: String?
    /// The id of the module whose programs could not be loaded.
    public var module: String?

    public init(_ kind: Kind, _ message: String, diagnostics: [SourceDiagnostic] = [], log: String? = nil) {
        self.kind = kind
        self.message = message
        self.diagnostics = diagnostics
        self.log = log
    }

    public var description: String { message }

    /// The same, about a member of a manifest.
    func at(_ pointer: String) -> HoverError {
        var error = self
        error.pointer = pointer + (self.pointer ?? "")
        return error
    }
}

/// Runs `body`; what it throws is about a member of a manifest.
func inManifest<Result>(_ pointer: String, _ body: () throws(HoverError) -> Result) throws(HoverError) -> Result {
    do throws(HoverError) {
        return try body()
    } catch {
        throw error.at(pointer)
    }
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
