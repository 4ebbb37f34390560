// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// Where in an ELF object the instructions of a program come from, which libbpf puts together from a function and the
/// subprograms that it calls.
struct ProgramOrigin {
    private let file: ELFFile
    private let symbols: [ELFFile.Symbol]
    /// First instruction in the program, and the place that it came from.
    private var functions: [(start: Int, section: Int, offset: Int)] = []

    /// - Parameter instructions: as they went to the kernel.
    init?(program: String, section: String, instructions: [bpf_insn], file: ELFFile) {
        self.file = file
        symbols = file.symbols
        let main = symbols.first { symbol in
            symbol.isFunction && symbol.name == program && file.sections.indices.contains(symbol.section)
                && file.sections[symbol.section].name == section
        }
        guard let main else { return nil }
        functions = [(0, main.section, main.value)]
        var next = 0
        // The kernel takes 256 functions (BPF_MAX_SUBPROGS).
        while next < min(functions.count, 256) {
            let function = functions[next]
            next += 1
            followCalls(from: function, size: size(of: function), in: instructions)
        }
        functions.sort { $0.start < $1.start }
    }

    /// The section's name and the offset in it, in bytes, of an instruction.
    func place(of instruction: Int) -> (section: String, offset: Int)? {
        guard (0..<1 << 32).contains(instruction), let function = functions.last(where: { $0.start <= instruction })
        else { return nil }
        let distance = (instruction - function.start) * 8
        guard distance < size(of: function) else { return nil }
        return (file.sections[function.section].name, function.offset + distance)
    }

    private func size(of function: (start: Int, section: Int, offset: Int)) -> Int {
        symbols.first { $0.isFunction && $0.section == function.section && $0.value == function.offset }?.size ?? 0
    }

    private mutating func followCalls(
        from function: (start: Int, section: Int, offset: Int), size: Int, in instructions: [bpf_insn]
    ) {
        let relocations = Dictionary(
            file.relocations(of: function.section).map { ($0.offset, $0.symbol) },
            uniquingKeysWith: { first, _ in first })
        let contents = file.contents(of: file.sections[function.section])
        let end = min(function.start + size / 8, instructions.count)
        guard function.start >= 0, function.start < end else { return }
        for index in function.start..<end {
            let instruction = instructions[index]
            let isCall = instruction.code == UInt8(BPF_JMP | BPF_CALL) && instruction.src_reg == UInt8(BPF_PSEUDO_CALL)
            let isAddress =
                instruction.code == UInt8(BPF_LD | BPF_DW | BPF_IMM)
                && instruction.src_reg == UInt8(BPF_PSEUDO_FUNC)
            let start = index + Int(instruction.imm) + 1
            guard isCall || isAddress, !functions.contains(where: { $0.start == start }) else { continue }
            let offset = function.offset + (index - function.start) * 8
            guard let number: Int32 = contents.number(at: offset + 4) else { continue }
            if let relocation = relocations[offset] {
                guard symbols.indices.contains(relocation) else { continue }
                let symbol = symbols[relocation]
                // Against a section's symbol the number has the function's place: in instructions before a call's next
                // one, in bytes for an address.
                let addend = symbol.isFunction ? 0 : isCall ? (Int(number) + 1) * 8 : Int(number)
                append(start, section: symbol.section, offset: symbol.value + addend)
            } else if isCall {
                append(start, section: function.section, offset: offset + (Int(number) + 1) * 8)
            }
        }
    }

    private mutating func append(_ start: Int, section: Int, offset: Int) {
        guard start >= 0, offset >= 0, file.sections.indices.contains(section) else { return }
        functions.append((start, section, offset))
    }
}

extension BPFObject {
    /// The error for a program that the verifier refused, with the place in its source.
    func verifierError(program: BPFObjectProgram, log text: String) -> VerifierError {
        let log = VerifierLog(text)
        let file = ELFFile(Array(bytes))
        var lines: LineInformation?
        // A refusal without its place is better than an error about types in its stead.
        if let contents = file?.contents(of: ".BTF.ext"), let types = try? types {
            lines = LineInformation(contents, strings: types)
        }
        var line: LineInformation.Line?
        if let file, let lines, let instruction = log.instruction,
            let origin = ProgramOrigin(
                program: program.name, section: program.sectionName, instructions: program.instructions, file: file),
            let place = origin.place(of: instruction)
        {
            line = lines.line(at: place.offset, of: place.section)
        }
        let annotation = log.annotation
        if line == nil, let annotation {
            line = lines?.line(numbered: annotation.line, of: annotation.file, source: annotation.source)
        }
        return VerifierError(
            program: program.name, summary: log.summary,
            location: line?.location ?? annotation.map { SourceLocation(file: $0.file, line: $0.line, column: 1) },
            sourceLine: line?.source ?? annotation?.source, log: text)
    }
}
