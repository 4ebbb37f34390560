// SPDX-License-Identifier: Apache-2.0

/// What clang printed, as read.
struct Diagnostics {
    /// As printed, without the sandbox's paths.
    let output: String
    let entries: [CompileDiagnostic]

    /// - Parameters:
    ///   - printed: clang's standard error.
    ///   - file: the source's name, for messages without a place.
    init(printed: String, file: String) {
        let output =
            printed
            .replacing(Sandbox.includes + "/", with: "")
            .replacing(Sandbox.resources + "/include/", with: "")
        self.output = output
        self.entries = output.split(separator: "\n").compactMap { Self.parse($0, file: file) }
    }

    var errors: [CompileDiagnostic] { entries.filter { $0.severity == "error" } }

    /// `file:line:column: severity: message`, or without the place.
    private static func parse(_ line: Substring, file: String) -> CompileDiagnostic? {
        if let match = line.wholeMatch(of: /(.+?):(\d+):(\d+): (?:fatal )?(error|warning|note|remark): (.*)/),
            let number = Int(match.2), let column = Int(match.3)
        {
            return CompileDiagnostic(
                file: String(match.1), line: number, column: column, severity: String(match.4),
                message: String(match.5))
        }
        if let match = line.wholeMatch(of: /(?:clang: |fatal )?(error|warning): (.*)/) {
            return CompileDiagnostic(
                file: file, line: 0, column: 0, severity: String(match.1), message: String(match.2))
        }
        return nil
    }
}
