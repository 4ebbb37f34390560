// SPDX-License-Identifier: Apache-2.0

import BPF
import CLibBPF

/// The numbers that `HOVER_CONSTANT` in `include/hover/constant.h` leaves open in a program.
///
/// The placeholder is three instructions: a 64-bit immediate load, which is two, whose upper half is a mark and whose
/// lower half holds the constant's number, and `goto +0`.
struct Constants {
    /// What a constant becomes.
    enum Value {
        /// An immediate.
        case known(UInt32)
        /// A load from the first four bytes of a map's only value, which the verifier takes to be any number.
        case unknown(BPFMap)
    }

    var values: [UInt32: Value]

    /// The upper half: "HOVE".
    private static let mark: UInt32 = 0x484f_5645
    /// The upper three bytes of the lower half: "R", and zeros.
    private static let lowerMark: UInt32 = 0x5200_0000

    /// The instructions with each placeholder that has a value filled in.
    func fill(_ instructions: [bpf_insn]) -> [bpf_insn] {
        var filled = instructions
        var index = 0
        while index + 2 < filled.count {
            if let number = Self.number(at: index, of: filled), let value = values[number] {
                fill(&filled, at: index, with: value)
                index += 3
            } else {
                index += 1
            }
        }
        return filled
    }

    private static func number(at index: Int, of instructions: [bpf_insn]) -> UInt32? {
        let low = UInt32(bitPattern: instructions[index].imm)
        guard
            instructions[index].code == UInt8(BPF_LD | BPF_DW | BPF_IMM), instructions[index].src_reg == 0,
            UInt32(bitPattern: instructions[index + 1].imm) == mark, low & 0xff00_0000 == lowerMark,
            instructions[index + 2].code == UInt8(BPF_JMP | BPF_JA), instructions[index + 2].off == 0
        else { return nil }
        return low & 0x00ff_ffff
    }

    private func fill(_ instructions: inout [bpf_insn], at index: Int, with value: Value) {
        switch value {
        case .known(let number):
            instructions[index].imm = Int32(bitPattern: number)
            instructions[index + 1].imm = 0
        case .unknown(let map):
            instructions[index].src_reg = UInt8(BPF_PSEUDO_MAP_VALUE)
            instructions[index].imm = map.descriptor.number
            instructions[index + 1].imm = 0
            instructions[index + 2].code = UInt8(BPF_LDX | BPF_MEM | BPF_W)
            instructions[index + 2].dst_reg = instructions[index].dst_reg
            instructions[index + 2].src_reg = instructions[index].dst_reg
        }
    }
}
