// SPDX-License-Identifier: Apache-2.0

/// What clang printed, safe for a terminal, and with the colours that clang would have given it there.
struct ClangOutput {
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    /// - Returns: lines, each with its end.
    func rendered(coloured: Bool) -> String {
        guard !text.isEmpty else { return "" }
        // A line's own carriage return belongs to its end.
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        let ended = lines.last?.isEmpty == true ? lines.dropLast() : lines[...]
        return ended.map { line in
            let safe = String(line).escapedForTerminal(keeping: ["\t"])
            return (coloured ? Self.painted(safe) : safe) + "\n"
        }.joined()
    }

    private static func painted(_ line: String) -> String {
        for (severity, colour) in [("error", Colour.red), ("warning", .magenta), ("note", .cyan)] {
            for mark in [" \(severity): ", " fatal \(severity): "] {
                // `file:line:column:` comes before it.
                guard let range = line.firstRange(of: mark), line[..<range.lowerBound].last == ":" else { continue }
                return Colour.bold.paint(line[..<range.lowerBound], if: true)
                    + " " + colour.paint(mark.dropFirst().dropLast(), if: true)
                    + " " + Colour.bold.paint(line[range.upperBound...], if: true)
            }
        }
        // `      |     ^~~~`, the line below the source's.
        guard let bar = line.firstIndex(of: "|"), line[..<bar].allSatisfy({ $0 == " " }),
            let caret = line[bar...].firstIndex(where: { $0 == "^" || $0 == "~" })
        else { return line }
        return line[..<caret] + Colour.green.paint(line[caret...], if: true)
    }
}
