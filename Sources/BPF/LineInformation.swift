// SPDX-License-Identifier: Apache-2.0

/// The source lines of an object's instructions, from its section `.BTF.ext` (Documentation/bpf/btf.rst).
struct LineInformation {
    struct Line {
        let location: SourceLocation
        let source: String
    }

    /// `struct bpf_line_info`.
    fileprivate struct Record {
        /// Where in its section, in bytes, the line's first instruction is.
        let offset: Int
        let file: Int
        let source: Int
        /// The line from bit 10 on, the column below (BPF_LINE_INFO_LINE_NUM, BPF_LINE_INFO_LINE_COL).
        let place: UInt32
    }

    /// By section name, in the order of their offsets.
    private var records: [String: [Record]] = [:]
    private let strings: BTF

    /// nil when the bytes are not well-formed.
    init?(_ bytes: [UInt8], strings: BTF) {
        guard let magic: UInt16 = bytes.number(at: 0), magic == 0xeb9f, let header: UInt32 = bytes.number(at: 4),
            let start: UInt32 = bytes.number(at: 16), let size: UInt32 = bytes.number(at: 20),
            let part = bytes.slice(at: Int(header) + Int(start), count: Int(size)).map(Array.init),
            let recordSize: UInt32 = part.number(at: 0), recordSize >= 16
        else { return nil }
        self.strings = strings
        var offset = 4
        while let nameOffset: UInt32 = part.number(at: offset), let count: UInt32 = part.number(at: offset + 4) {
            offset += 8
            let section = strings.name(at: Int(nameOffset))
            for _ in 0..<count {
                guard let record = Record(part, at: offset) else { return nil }
                records[section, default: []].append(record)
                offset += Int(recordSize)
            }
        }
        for section in records.keys {
            records[section]?.sort { $0.offset < $1.offset }
        }
    }

    /// The line that the instruction at an offset of a section came from.
    func line(at offset: Int, of section: String) -> Line? {
        records[section]?.last { $0.offset <= offset }.flatMap(line)
    }

    /// The line that the verifier's log names in a comment: its column is not there.
    func line(numbered number: Int, of file: String, source: String) -> Line? {
        for record in records.values.joined() where Int(record.place >> 10) == number {
            if let line = line(record), line.source == source, ("/" + line.location.file).hasSuffix("/" + file) {
                return line
            }
        }
        return nil
    }

    private func line(_ record: Record) -> Line? {
        guard let file = strings.string(at: record.file, limit: 4096) else { return nil }
        let location = SourceLocation(
            file: file, line: Int(record.place >> 10), column: max(Int(record.place & 0x3ff), 1))
        return Line(
            location: location, source: strings.string(at: record.source, limit: 65_536)?.trimmingBlanks() ?? "")
    }
}

extension LineInformation.Record {
    fileprivate init?(_ bytes: [UInt8], at start: Int) {
        guard let offset: UInt32 = bytes.number(at: start), let file: UInt32 = bytes.number(at: start + 4),
            let source: UInt32 = bytes.number(at: start + 8), let place: UInt32 = bytes.number(at: start + 12)
        else { return nil }
        self.init(offset: Int(offset), file: Int(file), source: Int(source), place: place)
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    func trimmingBlanks() -> String {
        let start = drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
