// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BPF

struct RefusedProgram: Sendable, CustomTestStringConvertible {
    let fixture: String
    let summary: String

    var testDescription: String { fixture }

    /// Each has its source and the log of Linux 6.18 in Fixtures.
    static let all = [
        ("callback", "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)"),
        ("context-bounds", "invalid bpf_context access off=400 size=4"),
        (
            "core",
            "failed to resolve CO-RE relocation <byte_off> [19] struct task_struct.no_such_member (0:0 @ offset 0)"
        ),
        ("endless", "infinite loop detected at insn 0"),
        ("forbidden-helper", "program of this type cannot use helper bpf_override_return#58"),
        ("leak", "Unreleased reference id=2 alloc_insn=12"),
        ("null-value", "R0 invalid mem access 'map_value_or_null'"),
        ("packet-bounds", "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)"),
        ("stack-bounds", "invalid write to stack R10 off=-520 size=8"),
        ("stack-of-calls", "combined stack size of 2 calls is 800. Too large"),
        ("subprogram", "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)"),
        ("uninitialised", "R7 !read_ok"),
        ("unknown-helper", "invalid func unknown#9999"),
        ("unreachable", "unreachable insn 1"),
        ("value-bounds", "R0 unbounded memory access, make sure to bounds check any such access"),
    ].map(RefusedProgram.init)
}

@Suite struct VerifierTests {
    @Test(arguments: RefusedProgram.all)
    func `a stored log has a summary of one line`(program: RefusedProgram) throws {
        #expect(VerifierLog(try text(ofFixture: program.fixture + ".log")).summary == program.summary)
    }

    @Test(arguments: RefusedProgram.all)
    func `the running kernel's refusal names the source line`(program: RefusedProgram) throws {
        let source = try text(ofFixture: program.fixture + ".c")
        let error = try #require(try refusal(of: compile(source)))
        #expect(error.program == "refused")
        #expect(!error.summary.isEmpty && !error.summary.contains("\n"))
        #expect(error.log.contains(error.summary))
        let lines = source.components(separatedBy: "\n")
        if let marked = lines.firstIndex(where: { $0.hasSuffix("// here") }) {
            let location = try #require(error.location)
            #expect(location.file.hasSuffix("test.c"))
            #expect(location.line == marked + 1)
            #expect(location.column > 1)
            #expect(error.sourceLine == lines[marked].trimmingCharacters(in: .whitespaces))
            #expect(error.description.contains("test.c:\(marked + 1):"))
        }
    }

    @Test(arguments: RefusedProgram.all)
    func `the place is found without the log's comments, as older kernels write it`(program: RefusedProgram) throws {
        let object = try BPFObject(bytes: try compile(text(ofFixture: program.fixture + ".c")), name: "refused")
        let error = try #require(try refusal(of: object))
        let log = error.log.split(separator: "\n").filter { !$0.hasPrefix(";") }.joined(separator: "\n")
        let refused = try #require(object.programs.first { $0.name == "refused" })
        #expect(object.verifierError(program: refused, log: log).location == error.location)
    }

    @Test func `without line information the refusal has a summary and no place`() throws {
        let bytes = try compile(try text(ofFixture: "packet-bounds.c"), ["-g0"])
        let error = try #require(try refusal(of: bytes))
        #expect(error.summary == "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)")
        #expect(error.location == nil)
        #expect(error.sourceLine == nil)
    }

    @Test func `a log of many megabytes is kept to its end`() throws {
        let error = try #require(try refusal(of: compileFixture("too-large")))
        #expect(error.summary == "BPF program is too large. Processed 1000001 insn")
        #expect(error.location != nil)
        #expect(error.log.utf8.count > 8 << 20)
        #expect(error.log.hasSuffix("\n") && error.log.contains("processed 1000001 insns"))
    }

    @Test(arguments: [
        ("back-edge from insn 3 to 5\nprocessed 0 insns (limit 1000000) max_states_per_insn 0\n", 3),
        ("func#0 @0\njump out of range from insn 7 to 90\nprocessed 0 insns (limit 1000000)\n", 7),
        ("unreachable insn 12\nprocessed 0 insns (limit 1000000)\n", 12),
    ])
    func `a refusal before the first instruction names its instruction`(log: String, instruction: Int) {
        #expect(VerifierLog(log).instruction == instruction)
        #expect(!VerifierLog(log).summary.hasPrefix("processed"))
        #expect(VerifierLog(log).summary.contains("insn \(instruction)"))
    }

    @Test(arguments: [
        ("", "the verifier gave no reason"),
        ("\n\n", "the verifier gave no reason"),
        ("processed 3 insns (limit 1000000)\n", "processed 3 insns (limit 1000000)"),
        ("0: (95) exit\nR0 !read_ok", "R0 !read_ok"),
        ("0: R1=ctx(id=0,off=0,imm=0) R10=fp0\n0: (95) exit\nR0 !read_ok\n\u{0}", "R0 !read_ok"),
        (
            "5: (85) call pc+2\ncaller:\n R10=fp0\ncallee:\n frame1: R1=ctx() R10=fp0\ntoo many tail calls\n",
            "too many tail calls"
        ),
        ("from 5 to 7: R0=1 R10=fp0\n7: (95) exit\nregs=4 stack=0 before 11: (95) exit\nbad\nhint\n", "bad"),
    ])
    func `whatever the log, there is a summary`(log: String, summary: String) {
        #expect(VerifierLog(log).summary.trimmingCharacters(in: .controlCharacters) == summary)
    }

    @Test func `a comment in the log is the place of last resort`() throws {
        let log = VerifierLog(try text(ofFixture: "subprogram.log"))
        let annotation = try #require(log.annotation)
        #expect(annotation.file == "subprogram.c")
        #expect(annotation.line == 13)
        #expect(annotation.source == "return eth->h_proto == bpf_htons(ETH_P_IP); // here")
        #expect(log.instruction == 22)
    }

    private func refusal(of bytes: [UInt8]) throws -> VerifierError? {
        try refusal(of: BPFObject(bytes: bytes, name: "refused"))
    }

    private func refusal(of object: BPFObject) throws -> VerifierError? {
        do {
            try object.load()
            return nil
        } catch .verifier(let error) {
            return error
        }
    }
}
