// SPDX-License-Identifier: Apache-2.0

/// Why an object cannot be opened or loaded.
public enum BPFError: Error, CustomStringConvertible, Sendable, Hashable {
    /// The kernel refused for a reason that lies outside of the object: permissions, memory, open files.
    case kernel(KernelError)
    /// The object itself is at fault.
    case object(ObjectError)
    /// The kernel's verifier refused a program.
    case verifier(VerifierError)

    public var description: String {
        switch self {
        case .kernel(let error): error.description
        case .object(let error): error.description
        case .verifier(let error): error.description
        }
    }
}

/// An object that libbpf cannot open or load, or that cannot be used as asked.
public struct ObjectError: Error, CustomStringConvertible, Sendable, Hashable {
    /// The object's name.
    public let object: String
    /// What is wrong, in one line.
    public let reason: String
    /// libbpf's warnings, a line each, without its prefix; empty when it gave none.
    public let messages: [String]

    public init(object: String, reason: String, messages: [String] = []) {
        self.object = object
        self.reason = reason
        self.messages = messages
    }

    public var description: String {
        let lines = messages.isEmpty ? "" : " (" + messages.joined(separator: "; ") + ")"
        return "object '\(object)': \(reason)\(lines)"
    }
}

/// A place in C source.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    /// The path as the compiler was given it; only its last part when it is known from the verifier's log alone.
    public let file: String
    /// From 1.
    public let line: Int
    /// From 1; 1 also when it is not known.
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
}

/// A program that the kernel's verifier refused.
public struct VerifierError: Error, CustomStringConvertible, Sendable, Hashable {
    /// The program's name.
    public let program: String
    /// The verifier's reason, in one line.
    public let summary: String
    /// Where in the C source it stopped, from BTF line information; nil when the object has none.
    public let location: SourceLocation?
    /// The source line there, without indentation.
    public let sourceLine: String?
    /// The verifier's log, whole up to 16 MiB.
    public let log: String

    public init(program: String, summary: String, location: SourceLocation?, sourceLine: String?, log: String) {
        self.program = program
        self.summary = summary
        self.location = location
        self.sourceLine = sourceLine
        self.log = log
    }

    public var description: String {
        let place = location.map { " at \($0)" } ?? ""
        let source = sourceLine.map { ": `\($0)`" } ?? ""
        return "the verifier refused program '\(program)'\(place)\(source): \(summary)"
    }
}
