// SPDX-License-Identifier: Apache-2.0

import BPF

/// The one program of an object, with its only constant (include/hover/constant.h) an interface's index.
func loadBare(_ bytes: [UInt8], name: String, redirectingTo interface: UInt32) throws -> BPFProgram {
    let object = try BPFObject(bytes: bytes, name: name)
    for program in object.programs {
        var instructions = program.instructions
        for index in instructions.indices where instructions[index].imm == 0x4856_0001 {
            instructions[index].imm = Int32(bitPattern: interface)
        }
        try program.setInstructions(instructions)
    }
    try object.load()
    guard let program = object.programs.first else { throw ObjectError(object: name, reason: "it has no program") }
    return try program.program
}
