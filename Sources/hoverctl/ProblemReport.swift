// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

/// Makes a request, and prints this report when hoverd refuses it.
///
/// - Throws: `ExitCode` then.
func reporting<Answer>(
    _ report: (Problem) -> ProblemReport, to request: () async throws -> Answer
) async throws -> Answer {
    do {
        return try await request()
    } catch let problem as Problem {
        try Console.current.complain(report(problem).rendered(coloured: Console.current.coloursErrors))
        throw ExitCode.failure
    }
}

/// What hoverd refused, for a person: the compiler's or verifier's words with their place, then one line `error: …`.
struct ProblemReport {
    private let problem: Problem
    private let source: (file: String, text: String)?
    private let wholeLog: Bool
    private let place: SourcePlace?

    /// - Parameters:
    ///   - source: what was sent, to show the lines that messages are about.
    ///   - wholeLog: prints the verifier's log.
    ///   - place: the part of a manifest that is refused; it stands before the last line then, in place of `error:`.
    init(
        _ problem: Problem, source: (file: String, text: String)? = nil, wholeLog: Bool = false,
        place: SourcePlace? = nil
    ) {
        self.place = place
        self.problem = problem
        self.source = source
        self.wholeLog = wholeLog
    }

    func rendered(coloured: Bool) -> String {
        var text = ""
        if isVerifier {
            if wholeLog, let log = problem.log { text += ClangOutput(log).rendered(coloured: false) }
            text += ClangOutput(verifierMessages).rendered(coloured: coloured)
        } else if let log = problem.log {
            text += ClangOutput(log).rendered(coloured: coloured)
        }
        text +=
            place.map { placedLine($0, problem.detail, coloured: coloured) }
            ?? errorLine(problem.detail, coloured: coloured)
        if isVerifier, !wholeLog, problem.log != nil {
            text += Colour.cyan.paint("hint:", if: coloured)
            text += " for the verifier's whole log run the same command with --verifier-log\n"
        }
        return text
    }

    private var isVerifier: Bool { problem.type.hasSuffix(":verifier") }

    /// The verifier's reasons in clang's form, with the lines of C.
    private var verifierMessages: String {
        var text = ""
        for diagnostic in problem.diagnostics ?? [] {
            let column = diagnostic.column > 0 ? ":\(diagnostic.column)" : ""
            text += "\(diagnostic.file):\(diagnostic.line)\(column): \(diagnostic.severity): \(diagnostic.message)\n"
            text += snippet(diagnostic)
        }
        return text
    }

    private func snippet(_ diagnostic: Diagnostic) -> String {
        let number = String(repeating: " ", count: max(0, 5 - "\(diagnostic.line)".count)) + "\(diagnostic.line)"
        guard let line = sentLine(diagnostic) else {
            return loggedLine(diagnostic).map { "\(number) | \($0)\n" } ?? ""
        }
        guard diagnostic.column > 0 else { return "\(number) | \(line)\n" }
        // Tabs stay tabs, so that the caret stands below its column however wide they are.
        let indent = line.utf8.prefix(diagnostic.column - 1).filter { $0 & 0xc0 != 0x80 }
            .map { $0 == UInt8(ascii: "\t") ? "\t" : " " }.joined()
        return "\(number) | \(line)\n" + String(repeating: " ", count: number.count) + " | \(indent)^\n"
    }

    /// The line in the source that was sent.
    private func sentLine(_ diagnostic: Diagnostic) -> Substring? {
        guard let source, source.file == diagnostic.file else { return nil }
        let lines = source.text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.indices.contains(diagnostic.line - 1) ? lines[diagnostic.line - 1] : nil
    }

    /// The line as the verifier's log has it, without its indentation: `; return *p; @ web.c:12`.
    private func loggedLine(_ diagnostic: Diagnostic) -> Substring? {
        let place = " @ \(diagnostic.file):\(diagnostic.line)"
        for line in (problem.log ?? "").split(whereSeparator: \.isNewline).reversed()
        where line.hasPrefix("; ") && line.hasSuffix(place) {
            return line.dropFirst(2).dropLast(place.count)
        }
        return nil
    }
}
