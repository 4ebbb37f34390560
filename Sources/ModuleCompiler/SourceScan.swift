// SPDX-License-Identifier: Apache-2.0

/// What a C source says, without a compiler's understanding of it: its comments and literals left out.
struct SourceScan {
    /// The source's bytes with a space for each comment and literal.
    private let code: [UInt8]

    init(_ source: String) {
        var code: [UInt8] = []
        var rest = Array(source.utf8)[...]
        while let byte = rest.first {
            let length = Self.lengthWithoutCode(at: rest)
            code.append(length == 0 ? byte : UInt8(ascii: " "))
            rest = rest.dropFirst(max(length, 1))
        }
        self.code = code
    }

    /// Whether the name stands before an opening parenthesis, as in a function's definition.
    func names(function name: String) -> Bool {
        let name = Array(name.utf8)
        var index = code.startIndex
        while index < code.endIndex {
            let word = code[index...].prefix { $0.isInIdentifier }
            guard !word.isEmpty else {
                index += 1
                continue
            }
            index = word.endIndex
            let next = code[index...].first { !$0.isSpace }
            if word.elementsEqual(name), next == UInt8(ascii: "(") {
                return true
            }
        }
        return false
    }

    /// How many bytes the comment or literal has that begins here; 0 when none does.
    private static func lengthWithoutCode(at rest: ArraySlice<UInt8>) -> Int {
        switch rest.first {
        case UInt8(ascii: "/") where rest.starts(with: "//".utf8):
            length(of: rest) { $0 == UInt8(ascii: "\n") }
        case UInt8(ascii: "/") where rest.starts(with: "/*".utf8):
            rest.dropFirst(2).firstRange(of: "*/".utf8).map { $0.upperBound - rest.startIndex } ?? rest.count
        case let quote? where quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"):
            // No literal goes over a line's end: `#error don't` is none.
            1 + length(of: rest.dropFirst()) { $0 == quote || $0 == UInt8(ascii: "\n") }
        default:
            0
        }
    }

    /// The end included. A backslash takes the byte after it along: a quote in a literal, the end of a comment's line.
    private static func length(of rest: ArraySlice<UInt8>, until isEnd: (UInt8) -> Bool) -> Int {
        var index = rest.startIndex
        while index < rest.endIndex, !isEnd(rest[index]) {
            index += rest[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, rest.endIndex) - rest.startIndex
    }
}

extension UInt8 {
    fileprivate var isInIdentifier: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    fileprivate var isSpace: Bool { self == UInt8(ascii: " ") || (9...13).contains(self) }
}
