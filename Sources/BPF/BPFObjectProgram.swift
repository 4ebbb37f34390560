// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// A program of an object.
public struct BPFObjectProgram {
    let object: BPFObject
    let pointer: OpaquePointer

    /// The C function's name.
    public var name: String { String(cString: bpf_program__name(pointer)) }

    /// The ELF section's name, as in `SEC("tc")`.
    public var sectionName: String { String(cString: bpf_program__section_name(pointer)) }

    /// The kind of program; libbpf takes it from the section's name.
    public var type: ProgramType { ProgramType(rawValue: bpf_program__type(pointer).rawValue) }

    /// Sets the kind of program, where the section's name does not tell it.
    public func setType(_ type: ProgramType) throws(BPFError) {
        try change("set the type of program '\(name)'") {
            bpf_program__set_type(pointer, bpf_prog_type(rawValue: type.rawValue))
        }
    }

    /// Whether `BPFObject.load()` loads it.
    public var autoload: Bool { bpf_program__autoload(pointer) }

    /// Sets whether `BPFObject.load()` loads it.
    public func setAutoload(_ autoload: Bool) throws(BPFError) {
        try change("choose whether program '\(name)' is loaded") { bpf_program__set_autoload(pointer, autoload) }
    }

    /// The raw instructions. Before `load()` as the compiler left them: not relocated, without the subprograms.
    public var instructions: [bpf_insn] {
        Array(UnsafeBufferPointer(start: bpf_program__insns(pointer), count: bpf_program__insn_cnt(pointer)))
    }

    /// Replaces the instructions before `load()`. Their number stays: libbpf's relocations and the line information
    /// refer to instructions by index.
    public func setInstructions(_ instructions: [bpf_insn]) throws(BPFError) {
        let count = bpf_program__insn_cnt(pointer)
        guard instructions.count == count else {
            throw .object(
                object.error("program '\(name)' has \(count) instructions, not \(instructions.count)"))
        }
        var instructions = instructions
        try change("set the instructions of program '\(name)'") {
            bpf_program__set_insns(pointer, &instructions, instructions.count)
        }
    }

    /// The loaded program, on a descriptor of its own, which outlives the object.
    public var program: BPFProgram {
        get throws(BPFError) {
            let number = bpf_program__fd(pointer)
            guard number >= 0 else { throw .object(object.error("program '\(name)' is not loaded")) }
            do {
                return BPFProgram(descriptor: try BPFDescriptor(duplicating: number, of: name))
            } catch {
                throw .kernel(error)
            }
        }
    }

    private func change(_ action: String, _ body: () -> Int32) throws(BPFError) {
        try object.check(LibBPFMessages.capture(body), action)
    }
}
