// SPDX-License-Identifier: Apache-2.0

import BPF
import CLibBPF

/// The numbers and flags that `include/hover/constant.h` leaves open in a program.
///
/// The placeholder is three instructions: a 32-bit immediate load, whose upper half is a mark and whose lower half is
/// the constant's id; `goto +0`; and a jump, `goto +0` as well, or to where a flag that is set leads.
struct Constants {
    /// What a constant becomes.
    enum Value {
        /// An immediate.
        case known(UInt32)
        /// A load from the first four bytes of a map's only value, which the verifier takes to be any number.
        case unknown(BPFMap)
        /// The jump, always or never.
        case flag(Bool)
    }

    var values: [UInt32: Value]

    /// The upper half: "HV".
    private static let mark: UInt32 = 0x4856
    private static let instructionSize = MemoryLayout<bpf_insn>.size

    /// An object file with each placeholder that has a value filled in, in programs and subprograms. libbpf would hand
    /// out the instructions of programs only.
    func fill(_ object: [UInt8]) -> [UInt8] {
        var filled = object
        filled.withUnsafeMutableBytes { bytes in
            for range in BPFObject.codeRanges(of: object) {
                fill(UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
            }
        }
        return filled
    }

    private func fill(_ code: UnsafeMutableRawBufferPointer) {
        let size = Self.instructionSize
        var offset = 0
        while offset + 3 * size <= code.count {
            var three = (0..<3).map { code.loadUnaligned(fromByteOffset: offset + $0 * size, as: bpf_insn.self) }
            if let id = Self.id(of: three), let value = values[id] {
                fill(&three, with: value)
                for (index, instruction) in three.enumerated() {
                    code.storeBytes(of: instruction, toByteOffset: offset + index * size, as: bpf_insn.self)
                }
                offset += 2 * size
            }
            offset += size
        }
    }

    private static func id(of three: [bpf_insn]) -> UInt32? {
        let immediate = UInt32(bitPattern: three[0].imm)
        let jump = UInt8(BPF_JMP | BPF_JA)
        guard three[0].code == UInt8(BPF_ALU | BPF_MOV | BPF_K), immediate >> 16 == mark, three[1].code == jump,
            three[1].off == 0, three[2].code == jump
        else { return nil }
        return immediate & 0xffff
    }

    private func fill(_ three: inout [bpf_insn], with value: Value) {
        switch value {
        case .known(let number):
            three[0].imm = Int32(bitPattern: number)
        case .unknown(let map):
            let register = three[0].dst_reg
            three[0].code = UInt8(BPF_LD | BPF_DW | BPF_IMM)
            three[0].src_reg = UInt8(BPF_PSEUDO_MAP_VALUE)
            three[0].imm = map.descriptor.number
            three[1] = bpf_insn()
            three[2].code = UInt8(BPF_LDX | BPF_MEM | BPF_W)
            three[2].dst_reg = register
            three[2].src_reg = register
        case .flag(let isSet):
            // The verifier wants a way to each instruction before it removes those that are never reached, and a
            // register whose value it knows: w0 = 0.
            three[0].imm = 0
            three[2].code = UInt8(BPF_JMP | BPF_K) | UInt8(isSet ? BPF_JEQ : BPF_JNE)
        }
    }
}
