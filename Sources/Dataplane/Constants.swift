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
        let immediate = UInt32(bitPattern: instructions[index].imm)
        let jump = UInt8(BPF_JMP | BPF_JA)
        guard instructions[index].code == UInt8(BPF_ALU | BPF_MOV | BPF_K), immediate >> 16 == mark,
            instructions[index + 1].code == jump, instructions[index + 1].off == 0,
            instructions[index + 2].code == jump
        else { return nil }
        return immediate & 0xffff
    }

    private func fill(_ instructions: inout [bpf_insn], at index: Int, with value: Value) {
        switch value {
        case .known(let number):
            instructions[index].imm = Int32(bitPattern: number)
        case .unknown(let map):
            let register = instructions[index].dst_reg
            instructions[index].code = UInt8(BPF_LD | BPF_DW | BPF_IMM)
            instructions[index].src_reg = UInt8(BPF_PSEUDO_MAP_VALUE)
            instructions[index].imm = map.descriptor.number
            instructions[index + 1] = bpf_insn()
            instructions[index + 2].code = UInt8(BPF_LDX | BPF_MEM | BPF_W)
            instructions[index + 2].dst_reg = register
            instructions[index + 2].src_reg = register
        case .flag(let isSet):
            // The verifier wants a way to each instruction before it removes those that are never reached, and a
            // register whose value it knows: w0 = 0.
            instructions[index].imm = 0
            instructions[index + 2].code = UInt8(BPF_JMP | BPF_K) | UInt8(isSet ? BPF_JEQ : BPF_JNE)
        }
    }
}
