// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ModuleCompiler

@Suite struct CompileTests {
    @Test func aModuleBecomesAnObjectWithoutAWord() async throws {
        let compiled = try await makeCompiler().compile(module(""), file: "x.c")
        #expect(compiled.object.starts(with: [0x7f, 0x45, 0x4c, 0x46]))
        #expect(compiled.diagnostics.isEmpty)
        #expect(compiled.output == "")
    }

    @Test func aSyntaxErrorHasItsPlaceAndCaret() async throws {
        let source = "static int handle_rx(void *pkt, struct metadata *md)\n{\n\tif () {}\n\treturn RX_OK;\n}\n"
        let error = try await refusal(of: source)
        #expect(error.kind == .refused)
        #expect(error.message == "x.c:3:6: expected expression")
        #expect(
            error.diagnostics == [
                CompileDiagnostic(file: "x.c", line: 3, column: 6, severity: "error", message: "expected expression")
            ])
        #expect(error.output.contains("    3 |         if () {}\n      |             ^\n"))
    }

    @Test func severalErrorsAreCounted() async throws {
        let error = try await refusal(of: module("int a = b;\nint c = d;"))
        #expect(error.message == "x.c:1:9: use of undeclared identifier 'b' (and 1 more)")
        #expect(error.diagnostics.map(\.line) == [1, 2])
    }

    @Test func aMissingHandlerIsNamed() async throws {
        let error = try await refusal(of: "int nothing;\n")
        #expect(error.kind == .refused)
        #expect(error.message.contains("handle_rx"))
        #expect(error.diagnostics.first?.file == "hover/iomodule.h")
    }

    @Test func warningsComeWithTheObject() async throws {
        let compiled = try await makeCompiler()
            .compile(module("", body: "int x = 1 / 0;\nreturn x;"), file: "x.c")
        let warning = try #require(compiled.diagnostics.first { $0.severity == "warning" })
        #expect(warning.line == 4)
        #expect(warning.message.contains("division by zero"))
        #expect(compiled.output.contains("int x = 1 / 0;"))
    }

    @Test func unusedThingsAreNoNews() async throws {
        let source = module(
            "static int unused(void) { return 0; }", body: "int nothing; goto END;\nEND: ;\n\tmd; return RX_OK;")
        #expect(try await makeCompiler().compile(source, file: "x.c").output == "")
    }

    @Test func theNameOfTheSourceIsInTheObject() async throws {
        let line = "return count && *count > 100 ? RX_DROP : RX_OK;"
        let source = module("BPF_ARRAY(packets);", body: "u64 *count = packets.lookup(&md->in_ifc);\n" + line)
        let compiled = try await makeCompiler().compile(source, file: "uploads/my switch.c")
        let named = compiled.object.holds("my_switch.c")
        #expect(named)
        // The verifier prints the lines of the source in its log.
        let quoted = compiled.object.holds(line)
        #expect(quoted)
    }

    @Test(arguments: [
        ("x.c", "x.c"), ("/a/b/x.c", "x.c"), ("-DHOVER=1", "DHOVER_1"), ("@file", "_file"), ("..", "module.c"),
        ("", "module.c"), ("a\nb\"c", "a_b_c"), ("größe.c", "gr__e.c"),
    ])
    func namesAreSafe(given: String, used: String) {
        #expect(ModuleCompiler.fileName(given) == used)
    }

    @Test func manyCompileAtOnce() async throws {
        let compiler = try makeCompiler()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<12 {
                group.addTask {
                    try await compiler.compile(module("int number = \(number);"), file: "\(number).c").object.count
                }
            }
            for try await size in group {
                #expect(size > 1000)
            }
        }
    }

    @Test func aCancelledCompilationEnds() async throws {
        let compiler = try makeCompiler()
        let task = Task { () -> CompileError? in
            do throws(CompileError) {
                _ = try await compiler.compile(expansionBomb, file: "x.c")
                return nil
            } catch {
                return error
            }
        }
        task.cancel()
        #expect(await task.value?.kind == .cancelled)
        #expect(try await compiler.compile(module(""), file: "x.c").object.count > 0)
    }
}

extension [UInt8] {
    /// Whether the text is somewhere in it.
    func holds(_ text: String) -> Bool {
        Data(self).range(of: Data(text.utf8)) != nil
    }
}
