// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ModuleCompiler

/// A source that expands to 10 to the power of 12 statements.
let expansionBomb: String = {
    let steps = (1...12).map { "#define E\($0) " + Array(repeating: "E\($0 - 1)", count: 10).joined(separator: " ") }
    return module("#define E0 md->reason++;\n" + steps.joined(separator: "\n"), body: "E12\nreturn RX_OK;")
}()

@Suite struct HostileSourceTests {
    @Test(arguments: [
        "#include \"/etc/shadow\"", "#include </etc/passwd>", "#include \"../../../../etc/hostname\"",
        "#include \"/proc/self/environ\"", "#include \"/dev/zero\"", "#include \"/dev/stdin\"",
        "#include \"/hover-include/../etc/passwd\"",
    ])
    func filesOfTheHostCannotBeIncluded(line: String) async throws {
        let error = try await refusal(of: module(line))
        #expect(error.kind == .refused)
        #expect(error.diagnostics.first?.line == 1)
        #expect(error.message.hasSuffix("file not found"))
        #expect(!error.output.contains("root:"))
    }

    @Test(arguments: ["/etc/passwd", "/etc/shadow", "/dev/zero", "/proc/self/environ"])
    func filesOfTheHostCannotBeEmbedded(path: String) async throws {
        let error = try await refusal(of: module("static const char stolen[] = {\n#embed \"\(path)\"\n};"))
        #expect(error.message == "x.c:2:8: '\(path)' file not found")
    }

    @Test(arguments: ["/etc/passwd", "/etc/shadow"])
    func theAssemblerReadsNoFilesOfTheHost(path: String) async throws {
        for directive in [".incbin", ".include"] {
            let error = try await refusal(of: module("", body: "asm(\"\(directive) \\\"\(path)\\\"\");\nreturn RX_OK;"))
            #expect(error.kind == .refused)
            #expect(error.message.contains("ould not find inc"))
            #expect(!error.output.contains("root:"))
        }
    }

    @Test func nothingOfTheHostIsThere() async throws {
        let paths = [
            "/etc", "/etc/passwd", "/etc/ld.so.cache", "/proc/self/environ", "/proc/version", "/sys/kernel",
            "/dev/zero", "/dev/random", "/root", "/root/.bashrc", "/home", "/run", "/var", "/usr/bin/env", #filePath,
            checkoutIncludes + "/hover/iomodule.h",
        ]
        let lines = paths.map { "#if __has_include(\"\($0)\")\n#error reaches \($0)\n#endif" }
        let compiled = try await makeCompiler().compile(module(lines.joined(separator: "\n")), file: "x.c")
        #expect(compiled.output == "")
        let leaked = compiled.object.holds(checkoutIncludes)
        #expect(!leaked)
    }

    @Test func expansionWithoutEndIsStopped() async throws {
        var limits = CompileLimits()
        limits.seconds = 1
        let error = try await refusal(of: expansionBomb, by: makeCompiler(limits: limits))
        #expect(error.kind == .timeout)
        #expect(error.message.contains("1 s"))
    }

    @Test func memoryIsBounded() async throws {
        var limits = CompileLimits()
        limits.memory = 400 << 20
        let source = module("char big[1 << 30] = { 1 };")
        let error = try await refusal(of: source, by: makeCompiler(limits: limits))
        #expect(error.kind == .outOfMemory)
        #expect(error.output == "")
        #expect(error.message.contains("400 MiB"))
    }

    @Test func includingOneselfWithoutEndIsRefused() async throws {
        let error = try await refusal(of: module("#include __FILE__"))
        #expect(error.kind == .refused)
        #expect(error.message.contains("#include nested too deeply"))
    }

    @Test(arguments: [("(", ")", 100_000), ("-+", "", 400_000)])
    func aBreakdownOfClangIsToldWithoutItsTrace(open: String, close: String, depth: Int) async throws {
        let expression = String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        let error = try await refusal(of: module("int x = \(expression);"))
        #expect(error.kind == .crashed)
        #expect(error.output == "")
        #expect(error.message.hasPrefix("clang broke down on x.c"))
    }

    @Test func aHugeObjectIsRefused() async throws {
        var limits = CompileLimits()
        limits.object = 1 << 20
        let source = module("char big[2 << 20] = { 1 };", body: "return big[md->in_ifc];")
        let error = try await refusal(of: source, by: makeCompiler(limits: limits))
        #expect(error.kind == .objectTooLarge)
    }

    @Test func whatClangPrintsIsCut() async throws {
        let compiled = try await makeCompiler()
            .compile(module(String(repeating: "#warning again\n", count: 2000)), file: "x.c")
        #expect(compiled.output.utf8.count < 66_000)
        #expect(compiled.output.hasSuffix("(the rest of what clang printed is left out: over 65536 bytes)\n"))
        #expect(compiled.diagnostics.count > 500)
    }

    @Test func tooMuchSourceIsRefusedUnread() async throws {
        let error = try await refusal(of: String(repeating: " ", count: 1 << 20 + 1))
        #expect(error.kind == .sourceTooLarge)
        #expect(error.message == "x.c has 1048577 bytes, and a source can have 1048576")
    }

    @Test func aZeroByteHasItsPlace() async throws {
        let error = try await refusal(of: "int a;\nint \0b;\n")
        #expect(error.kind == .refused)
        #expect(error.diagnostics.map(\.line) == [2])
        #expect(error.diagnostics.map(\.column) == [5])
    }

    @Test(arguments: [
        "#pragma clang diagnostic ignored \"-Wundefined-internal\"", "#pragma GCC poison handle_rx",
        "#pragma clang module import std", "#pragma comment(lib, \"/etc/passwd\")", "#import \"/etc/passwd\"",
        "#include_next </etc/passwd>", "#line 1 \"/etc/passwd\"\n#error here",
    ])
    func pragmasReachNothing(line: String) async throws {
        let compiler = try makeCompiler()
        do throws(CompileError) {
            let compiled = try await compiler.compile(module(line), file: "x.c")
            let leaked = compiled.object.holds("root:")
            #expect(!leaked)
        } catch {
            #expect(error.kind == .refused)
            #expect(!error.output.contains("root:"))
        }
    }
}
