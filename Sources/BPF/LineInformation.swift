// SPDX-License-Identifier: Apache-2.0

/// The source lines of an object's instructions, from its section `.BTF.ext` (Documentation/bpf/btf.rst).
struct LineInformation {
    struct Line {
        /// Where in its section, in bytes, its first instruction is.
        let offset: Int
        let location: SourceLocation
        let source: String
    }

    /// By section name, in the order of their offsets.
    private var lines: [String: [Line]] = [:]

    /// nil when the bytes are not well-formed.
    init?(_ bytes: [UInt8], strings: BTF) {
        guard let magic: UInt16 = bytes.number(at: 0), magic == 0xeb9f, let header: UInt32 = bytes.number(at: 4),
            let start: UInt32 = bytes.number(at: 16), let size: UInt32 = bytes.number(at: 20),
            let part = bytes.slice(at: Int(header) + Int(start), count: Int(size)).map(Array.init),
            let recordSize: UInt32 = part.number(at: 0), recordSize >= 16
        else { return nil }
        var offset = 4
        while let nameOffset: UInt32 = part.number(at: offset), let count: UInt32 = part.number(at: offset + 4) {
            offset += 8
            guard let section = strings.string(at: Int(nameOffset)) else { return nil }
            for _ in 0..<count {
                guard let line = Line(part, at: offset, strings: strings) else { return nil }
                lines[section, default: []].append(line)
                offset += Int(recordSize)
            }
        }
        for section in lines.keys {
            lines[section]?.sort { $0.offset < $1.offset }
        }
    }

    /// The line that the instruction at an offset of a section came from.
    func line(at offset: Int, of section: String) -> Line? {
        lines[section]?.last { $0.offset <= offset }
    }

    /// The line that the verifier's log names in a comment: its column is not there.
    func line(numbered number: Int, of file: String, source: String) -> Line? {
        lines.values.lazy.joined().first { line in
            line.location.line == number && line.source == source
                && (line.location.file == file || line.location.file.hasSuffix("/" + file))
        }
    }
}

extension LineInformation.Line {
    fileprivate init?(_ bytes: [UInt8], at start: Int, strings: BTF) {
        guard let offset: UInt32 = bytes.number(at: start), let file: UInt32 = bytes.number(at: start + 4),
            let line: UInt32 = bytes.number(at: start + 8), let place: UInt32 = bytes.number(at: start + 12),
            let file = strings.string(at: Int(file)), let text = strings.string(at: Int(line))
        else { return nil }
        self.offset = Int(offset)
        // BPF_LINE_INFO_LINE_NUM and BPF_LINE_INFO_LINE_COL.
        location = SourceLocation(file: file, line: Int(place >> 10), column: max(Int(place & 0x3ff), 1))
        source = text.trimmingBlanks()
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    func trimmingBlanks() -> String {
        let start = drop { $0.isWhitespace }
        return String(start.prefix(upTo: start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex))
    }
}
