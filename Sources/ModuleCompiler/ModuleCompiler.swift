// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Compiles C sources of modules to eBPF objects. A source is hostile: clang runs in a sandbox, under limits.
public struct ModuleCompiler: Sendable {
    private let clang: ClangInstallation
    private let includeDirectory: String
    private let limits: CompileLimits
    private let toolFolders: [String]
    private let places = Places(count: min(4, max(2, ProcessInfo.processInfo.activeProcessorCount)))

    /// - Parameters:
    ///   - includeDirectory: the folder that holds `hover/iomodule.h`.
    ///   - seconds: how long clang may take for one source.
    public init(clang: ClangInstallation, includeDirectory: String, seconds: Int = 10) {
        var limits = CompileLimits()
        limits.seconds = seconds
        self.init(clang: clang, includeDirectory: includeDirectory, limits: limits)
    }

    init(
        clang: ClangInstallation, includeDirectory: String, limits: CompileLimits,
        toolFolders: [String] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    ) {
        self.clang = clang
        self.includeDirectory = includeDirectory
        self.limits = limits
        self.toolFolders = toolFolders
    }

    /// Compiles one source, with `hover/iomodule.h` included before it. No more than a few run at once; others wait.
    ///
    /// - Parameters:
    ///   - source: up to 1 MiB.
    ///   - file: the name that diagnostics show; characters that are unusual in file names become `_`.
    ///   - macros: names that are defined before the source.
    public func compile(
        _ source: String, file: String, defining macros: [String] = []
    ) async throws(CompileError) -> CompiledModule {
        let name = Self.fileName(file)
        guard source.utf8.count <= limits.source else {
            throw CompileError(
                .sourceTooLarge,
                "\(name) has \(source.utf8.count) bytes, and a source can have \(limits.source)")
        }
        try Self.checkNoZeros(source, file: name)
        let command = try Sandbox(toolFolders: toolFolders)
            .command(
                clang: clang, includeDirectory: includeDirectory, file: name,
                defining: macros + Self.macros(for: source), limits: limits)
        await places.take()
        let result: Result<ClangRun, CompileError>
        do throws(CompileError) {
            result = .success(try await ClangRun(command: command, source: Array(source.utf8), limits: limits))
        } catch {
            result = .failure(error)
        }
        await places.giveBack()
        return try result.get().module(file: name, limits: limits)
    }

    /// What include/hover/program.h must know before it sees the source.
    private static func macros(for source: String) -> [String] {
        SourceScan(source).names(function: "handle_tx") ? ["HOVER_HANDLE_TX"] : []
    }

    /// Clang would warn of them and go on.
    private static func checkNoZeros(_ source: String, file: String) throws(CompileError) {
        guard let place = source.utf8.firstIndex(of: 0) else { return }
        let before = source.utf8[..<place]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
        let diagnostic = CompileDiagnostic(
            file: file, line: line, column: column, severity: "error", message: "the source has a zero byte here")
        throw CompileError(
            .refused, "\(file):\(line):\(column): the source has a zero byte here: send text",
            diagnostics: [diagnostic])
    }

    /// The last component, safe as an argument and in a path.
    static func fileName(_ file: String) -> String {
        let last = file.split(separator: "/").last ?? "module.c"
        let safe = last.unicodeScalars.prefix(100).map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains(scalar))
                ? Character(scalar) : "_"
        }
        let name = String(safe.drop { $0 == "-" || $0 == "." })
        return name.isEmpty ? "module.c" : name
    }
}

/// How many compilations run at once.
private actor Places {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(count: Int) {
        free = count
    }

    func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func giveBack() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
