// SPDX-License-Identifier: Apache-2.0

/// The parts of a little-endian 64-bit ELF object (elf(5)) that tell where an instruction came from. Its bytes may come
/// from anybody.
struct ELFFile {
    struct Section {
        let name: String
        let type: UInt32
        let flags: UInt64
        let offset: Int
        let size: Int
        let link: Int
        let information: Int
    }

    struct Symbol {
        let name: String
        let isFunction: Bool
        /// The index of its section.
        let section: Int
        let value: Int
        let size: Int
    }

    struct Relocation {
        let offset: Int
        let symbol: Int
    }

    let bytes: [UInt8]
    let sections: [Section]

    /// nil when the bytes are something else, or refer to what is not there.
    init?(_ bytes: [UInt8]) {
        // \u{7f}ELF, 64 bits, little-endian.
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), let start: UInt64 = bytes.number(at: 40),
            let entrySize: UInt16 = bytes.number(at: 58), entrySize == 64, let count: UInt16 = bytes.number(at: 60),
            let namesIndex: UInt16 = bytes.number(at: 62), let start = Int(exactly: start), start <= bytes.count
        else { return nil }
        let headers = (0..<Int(count)).map { start + 64 * $0 }
        guard let names = headers.dropFirst(Int(namesIndex)).first.flatMap({ bytes.sectionRange(header: $0) }) else {
            return nil
        }
        var sections: [Section] = []
        for header in headers {
            guard let name: UInt32 = bytes.number(at: header), let type: UInt32 = bytes.number(at: header + 4),
                let flags: UInt64 = bytes.number(at: header + 8),
                let link: UInt32 = bytes.number(at: header + 40),
                let information: UInt32 = bytes.number(at: header + 44),
                // SHT_NOBITS (8) has a size, but no bytes.
                let range = type == 8 ? 0..<0 : bytes.sectionRange(header: header),
                let text = bytes.string(at: names.lowerBound + Int(name), before: names.upperBound)
            else { return nil }
            sections.append(
                Section(
                    name: text, type: type, flags: flags, offset: range.lowerBound, size: range.count, link: Int(link),
                    information: Int(information)))
        }
        self.bytes = bytes
        self.sections = sections
    }

    /// The bytes of the section with a name; nil when there is none.
    func contents(of name: String) -> [UInt8]? {
        sections.first { $0.name == name }.map(contents)
    }

    func contents(of section: Section) -> [UInt8] {
        Array(bytes[section.offset..<section.offset + section.size])
    }

    /// By number, as relocations refer to them.
    var symbols: [Symbol] {
        guard let table = sections.first(where: { $0.type == 2 /* SHT_SYMTAB */ }),
            sections.indices.contains(table.link)
        else { return [] }
        let names = sections[table.link]
        return (0..<table.size / 24).map { index in
            let entry = table.offset + 24 * index
            let name = Int(bytes.number(at: entry, as: UInt32.self) ?? 0)
            return Symbol(
                name: bytes.string(at: names.offset + name, before: names.offset + names.size) ?? "",
                isFunction: bytes[entry + 4] & 0xf == 2 /* STT_FUNC */,
                section: Int(bytes.number(at: entry + 6, as: UInt16.self) ?? 0),
                value: place(at: entry + 8), size: place(at: entry + 16))
        }
    }

    /// A number of 64 bits that is a place in the file, or beyond it, where nothing is.
    private func place(at offset: Int) -> Int {
        min(Int(clamping: bytes.number(at: offset, as: UInt64.self) ?? 0), bytes.count)
    }

    /// What the linker is to fill in in a section.
    func relocations(of section: Int) -> [Relocation] {
        sections.filter { $0.type == 9 /* SHT_REL */ && $0.information == section }.flatMap { table in
            (0..<table.size / 16).map { index in
                let entry = table.offset + 16 * index
                return Relocation(
                    offset: place(at: entry),
                    symbol: Int(bytes.number(at: entry + 12, as: UInt32.self) ?? 0))
            }
        }
    }
}

extension BPFObject {
    /// Where an object file's instructions are, subprograms included; nothing when it is no object file.
    public static func codeRanges(of bytes: [UInt8]) -> [Range<Int>] {
        // SHT_PROGBITS with SHF_EXECINSTR (elf(5)).
        (ELFFile(bytes)?.sections ?? []).filter { $0.type == 1 && $0.flags & 4 != 0 }.map {
            $0.offset..<$0.offset + $0.size
        }
    }
}

extension [UInt8] {
    fileprivate func sectionRange(header: Int) -> Range<Int>? {
        guard let offset: UInt64 = number(at: header + 24), let size: UInt64 = number(at: header + 32),
            let offset = Int(exactly: offset), let size = Int(exactly: size), offset <= count, size <= count - offset
        else { return nil }
        return offset..<offset + size
    }
}
