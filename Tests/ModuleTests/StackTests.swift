// SPDX-License-Identifier: Apache-2.0

import Controller
import FirewallModule
import Testing

@testable import hoverd

/// A program and all that it calls have 512 bytes of stack together. Linux 6.1 rounds each function's part up to 32 bytes,
/// newer kernels with a JIT to 16 (`round_up_stack_depth` of `kernel/bpf/verifier.c`), so that this machine's kernel takes
/// more.
@Suite struct StackTests {
    private static let types = ModuleCatalog.builtIn.types

    @Test(arguments: types.map(\.name))
    func programsFitOlderKernels(_ name: String) throws {
        let objects = try #require(Self.types.first { $0.name == name }).objects
        for object in [objects.tc, try #require(objects.xdp)] {
            let depths = ProgramStacks(object: object).depths
            #expect(!depths.isEmpty)
            for (program, depth) in depths {
                #expect(depth <= 512, "\(program)")
            }
        }
    }

    @Test func whatIsCalledCounts() {
        // The stage that asks the rules calls the search, which calls its steps.
        let depths = ProgramStacks(object: FirewallType().objects.tc).depths
        #expect(depths["hover_stage_1"] ?? 0 > 256)
        #expect(depths["hover_stage_1"] ?? 0 > depths["hover_rx"] ?? 0)
    }
}

/// The stacks of the programs in an eBPF object (`Documentation/bpf/standardization/instruction-set.rst`).
private struct ProgramStacks {
    private struct Function: Hashable {
        var section: Int
        /// In bytes.
        var offset: Int
    }

    private let elf: ELF
    private var frames: [Function: Int] = [:]
    private var calls: [Function: Set<Function>] = [:]

    init(object: [UInt8]) {
        elf = ELF(object)
        for symbol in elf.symbols where symbol.isFunction {
            read(symbol)
        }
    }

    /// Bytes by program.
    var depths: [String: Int] {
        var depths: [String: Int] = [:]
        for symbol in elf.symbols where symbol.isFunction && elf.sections[symbol.section].name != ".text" {
            depths[symbol.name] = depth(of: Function(section: symbol.section, offset: symbol.value))
        }
        return depths
    }

    private func depth(of function: Function) -> Int {
        // As Linux 6.1 rounds (`check_max_stack_depth`).
        let frame = (max(frames[function] ?? 0, 1) + 31) / 32 * 32
        return frame + (calls[function] ?? []).map { depth(of: $0) }.reduce(0, max)
    }

    private mutating func read(_ symbol: ELF.Symbol) {
        let function = Function(section: symbol.section, offset: symbol.value)
        let start = elf.sections[symbol.section].offset + symbol.value
        var frame = 0
        // Registers that hold the address of the frame's end.
        var isFrame: Set<UInt8> = []
        for place in stride(from: 0, to: symbol.size, by: 8) {
            let code = elf.bytes[start + place]
            let (destination, source) = (elf.bytes[start + place + 1] & 15, elf.bytes[start + place + 1] >> 4)
            let offset = Int(Int16(truncatingIfNeeded: elf.number(at: start + place + 2, bytes: 2)))
            let immediate = Int(Int32(truncatingIfNeeded: elf.number(at: start + place + 4, bytes: 4)))
            switch code & 7 {
            case 1 where source == 10, 2 where destination == 10, 3 where destination == 10:
                frame = max(frame, -offset)
            case 7 where code == 0x07 && isFrame.contains(destination):
                frame = max(frame, -immediate)
            default: break
            }
            if code == 0xbf, source == 10 {
                isFrame.insert(destination)
            } else if [0, 1, 4, 7].contains(code & 7) {
                isFrame.remove(destination)
            }
            let target = elf.relocations[Function(section: symbol.section, offset: symbol.value + place)]
            if code == 0x85, source == 1 {
                let called = target.map {
                    Function(section: $0.section, offset: $0.isFunction ? $0.value : 8 * immediate + 8)
                }
                calls[function, default: []].insert(
                    called ?? Function(section: symbol.section, offset: symbol.value + place + 8 + 8 * immediate))
            } else if code == 0x18, let target, target.isFunction || elf.isCode(target.section) {
                // A function for bpf_loop or a timer.
                calls[function, default: []].insert(
                    Function(section: target.section, offset: target.value + (target.isFunction ? 0 : immediate)))
            }
        }
        frames[function] = frame
    }

    /// What is needed of the format: 64 bits, little-endian.
    private struct ELF {
        struct Section {
            var name: String
            var type: Int
            var flags: Int
            var offset: Int
            var size: Int
            /// The section that relocations are for.
            var info: Int
        }

        struct Symbol {
            var name: String
            var isFunction: Bool
            var section: Int
            var value: Int
            var size: Int
        }

        let bytes: [UInt8]
        private(set) var sections: [Section] = []
        private(set) var symbols: [Symbol] = []
        private(set) var relocations: [Function: Symbol] = [:]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            let (table, count) = (number(at: 0x28, bytes: 8), number(at: 0x3c, bytes: 2))
            let headers = (0..<count).map { table + 64 * $0 }
            let names = number(at: headers[number(at: 0x3e, bytes: 2)] + 24, bytes: 8)
            sections = headers.map { header in
                Section(
                    name: text(at: names + number(at: header, bytes: 4)), type: number(at: header + 4, bytes: 4),
                    flags: number(at: header + 8, bytes: 8), offset: number(at: header + 24, bytes: 8),
                    size: number(at: header + 32, bytes: 8), info: number(at: header + 44, bytes: 4))
            }
            guard let table = headers.indices.first(where: { sections[$0].type == 2 }) else { return }
            let texts = sections[number(at: headers[table] + 40, bytes: 4)].offset
            symbols = stride(from: sections[table].offset, to: sections[table].offset + sections[table].size, by: 24)
                .map {
                    Symbol(
                        name: text(at: texts + number(at: $0, bytes: 4)), isFunction: bytes[$0 + 4] & 15 == 2,
                        section: number(at: $0 + 6, bytes: 2), value: number(at: $0 + 8, bytes: 8),
                        size: number(at: $0 + 16, bytes: 8))
                }
            for section in sections where section.type == 9 {
                for entry in stride(from: section.offset, to: section.offset + section.size, by: 16) {
                    relocations[Function(section: section.info, offset: number(at: entry, bytes: 8))] =
                        symbols[number(at: entry + 12, bytes: 4)]
                }
            }
        }

        func isCode(_ section: Int) -> Bool { sections.indices.contains(section) && sections[section].flags & 4 != 0 }

        func number(at place: Int, bytes count: Int) -> Int {
            bytes[place..<place + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }

        private func text(at place: Int) -> String {
            String(decoding: bytes[place...].prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
