// SPDX-License-Identifier: Apache-2.0

import Glibc
import Subprocess

/// One run of clang in its sandbox, finished.
struct ClangRun: Sendable {
    private let object: Collected
    private let printed: Collected
    private let timedOut: Bool
    private let status: TerminationStatus

    /// Runs the command. Killing its process group ends it at any time: what has left the group is in a pid namespace
    /// that ends with its first process.
    init(command: [String], source: [UInt8], limits: CompileLimits) async throws(CompileError) {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1))]
        let configuration = Configuration(
            executable: .path(.init(command[0])), arguments: Arguments(Array(command.dropFirst())),
            environment: .custom([:] as [Environment.Key: String]), workingDirectory: "/", platformOptions: options)
        let file = try Self.unnamedFile(holding: source)
        do {
            let result = try await run(
                configuration, input: .fileDescriptor(.init(rawValue: file), closeAfterSpawningProcess: true),
                output: .sequence, error: .sequence
            ) {
                await Self.listen(to: $0, limits: limits)
            }
            (object, printed, timedOut) = result.closureResult
            status = result.terminationStatus
        } catch {
            throw Task.isCancelled
                ? Self.cancelled : CompileError(.unavailable, "\(command[0]) cannot be run: \(error)")
        }
        guard !Task.isCancelled else { throw Self.cancelled }
    }

    private static let cancelled = CompileError(.cancelled, "the compilation was cancelled")

    /// The source as a file without a name. A pipe would send hoverd SIGPIPE when the sandbox ends before it has read.
    private static func unnamedFile(holding source: [UInt8]) throws(CompileError) -> CInt {
        let path = "/tmp/hover-source-\(UInt64.random(in: .min ... .max))"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0, unlink(path) == 0, write(file, source, source.count) == source.count,
            lseek(file, 0, SEEK_SET) == 0
        else {
            let reason = String(cString: strerror(errno))
            if file >= 0 {
                close(file)
            }
            throw CompileError(.unavailable, "the source cannot be handed to clang through a file in /tmp: \(reason)")
        }
        return file
    }

    private enum Part {
        case object(Collected)
        case printed(Collected)
        case timer(ended: Bool)
    }

    private static func listen(
        to execution: Execution<FileDescriptorInput, SequenceOutput, SequenceOutput>, limits: CompileLimits
    ) async -> (Collected, Collected, Bool) {
        await withTaskGroup(of: Part.self) { group in
            group.addTask { .object(await Collected(execution.standardOutput, limit: limits.object)) }
            group.addTask { .printed(await Collected(execution.standardError, limit: limits.output)) }
            group.addTask {
                guard (try? await Task.sleep(for: .seconds(limits.seconds))) != nil else { return .timer(ended: false) }
                try? execution.send(signal: .kill, toProcessGroup: true)
                return .timer(ended: true)
            }
            var object = Collected()
            var printed = Collected()
            var timedOut = false
            var open = 2
            for await part in group {
                switch part {
                case .object(let all): (object, open) = (all, open - 1)
                case .printed(let all): (printed, open) = (all, open - 1)
                case .timer(let ended): timedOut = ended
                }
                if open == 0 {
                    group.cancelAll()
                }
            }
            return (object, printed, timedOut)
        }
    }

    /// The object, or why there is none.
    func module(file: String, limits: CompileLimits) throws(CompileError) -> CompiledModule {
        let cut = printed.isCut ? "\n(the rest of what clang printed is left out: over \(limits.output) bytes)\n" : ""
        let diagnostics = Diagnostics(printed: String(decoding: printed.bytes, as: UTF8.self) + cut, file: file)
        guard !object.isCut else {
            throw CompileError(
                .objectTooLarge,
                "the object of \(file) is over \(limits.object) bytes: declare smaller initialised data")
        }
        if status.isSuccess, !object.bytes.isEmpty {
            return CompiledModule(
                object: object.bytes, diagnostics: diagnostics.entries, output: diagnostics.output)
        }
        throw failure(diagnostics, file: file, limits: limits)
    }

    private func failure(_ diagnostics: Diagnostics, file: String, limits: CompileLimits) -> CompileError {
        let output = diagnostics.output
        // The kernel kills what is over its processor time with SIGKILL (setrlimit(2)), which bwrap passes on as 137.
        if timedOut || status == .exited(137) {
            return CompileError(
                .timeout, "clang did not finish \(file) in \(limits.seconds) s: make it expand to less code")
        }
        if let tool = ["bwrap: ", "setpriv: ", "prlimit: "].first(where: output.hasPrefix) {
            return CompileError(
                .unavailable, "the sandbox for compiling cannot run: \(tool)\(output.dropFirst(tool.count))")
        }
        if output.contains("No available targets are compatible") {
            return CompileError(
                .unavailable, "clang has no eBPF target: set HOVER_CLANG to one that has, as the Swift toolchain's")
        }
        if output.contains("out of memory") || output.contains("bad_alloc") {
            return CompileError(
                .outOfMemory,
                "clang needs more than \(limits.memory >> 20) MiB for \(file): make it expand to less code")
        }
        guard status == .exited(1), let first = diagnostics.errors.first else {
            return CompileError(.crashed, "clang broke down on \(file) (\(status)): simplify the source")
        }
        let more = diagnostics.errors.count - 1
        let place = first.line > 0 ? "\(first.file):\(first.line):\(first.column): " : "\(first.file): "
        return CompileError(
            .refused, place + first.message + (more > 0 ? " (and \(more) more)" : ""),
            diagnostics: diagnostics.entries, output: output)
    }
}

/// The beginning of a stream.
struct Collected: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Whether there was more.
    private(set) var isCut = false

    init() {}

    /// Reads a stream to its end and keeps what fits.
    init(_ stream: SubprocessOutputSequence, limit: Int) async {
        do {
            for try await buffer in stream {
                let room = limit - bytes.count
                isCut = isCut || buffer.count > room
                buffer.withUnsafeBytes { bytes.append(contentsOf: $0.prefix(room)) }
            }
        } catch {
            // A stream ends so when its task is cancelled; the status tells.
        }
    }
}
