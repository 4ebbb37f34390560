// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Testing

/// Something that a test cannot go on without.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
}

/// Runs a program to its end.
/// - Throws: when it does not exit with 0; with what it wrote to standard error.
@discardableResult
func run(_ program: String, _ arguments: [String], in folder: URL? = nil) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw TestFailure(description: "\(program) \(arguments.joined(separator: " ")): \(complaint)")
    }
    return text
}

/// Gives `body` a folder of its own, which is removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bpf-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// Gives `body` the path of a bpffs of its own, which is unmounted afterwards.
func withPrivateBPFFileSystem<Result>(_ body: (String) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
        let path = folder.appendingPathComponent("bpf").path
        try BPFFileSystem.mount(at: path)
        defer { umount2(path, Int32(MNT_DETACH)) }
        return try body(path)
    }
}

/// clang of the Swift toolchain, which is beside `swift`; else the first in PATH.
private let clang: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let swift = folders.map { $0 + "/swift" }.first(where: FileManager.default.isExecutableFile)
    let toolchain = swift.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent().path }
    return ([toolchain].compactMap(\.self) + folders).map { $0 + "/clang" }
        .first(where: FileManager.default.isExecutableFile)
}()

private let fixtures = Bundle.module.resourceURL?.appendingPathComponent("Fixtures").path ?? ""

/// Compiles C for eBPF. Errors and line information name the file `test.c`.
func compile(_ source: String, _ options: [String] = []) throws -> [UInt8] {
    try withTemporaryFolder { folder in
        try source.write(to: folder.appendingPathComponent("test.c"), atomically: true, encoding: .utf8)
        return try compile(file: "test.c", in: folder, options)
    }
}

/// Compiles `Fixtures/<name>.c` for eBPF.
func compileFixture(_ name: String) throws -> [UInt8] {
    try compile(try text(ofFixture: name + ".c"))
}

func text(ofFixture name: String) throws -> String {
    try String(contentsOfFile: fixtures + "/" + name, encoding: .utf8)
}

private func compile(file: String, in folder: URL, _ options: [String]) throws -> [UInt8] {
    let clang = try #require(clang)
    let system = "-I/usr/include/\(machine)-linux-gnu"
    try run(
        clang,
        ["-target", "bpf", "-mcpu=v3", "-g", "-O2", "-Wall", system, "-I\(fixtures)"] + options
            + ["-c", file, "-o", "test.o"],
        in: folder)
    return [UInt8](try Data(contentsOf: folder.appendingPathComponent("test.o")))
}

private var machine: String {
    #if arch(arm64)
        "aarch64"
    #else
        "x86_64"
    #endif
}

/// Runs `body` in a network namespace of its own, on a thread of its own, with the programs that it starts. The
/// namespace ends with the thread.
func inPrivateNetwork<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
    let box = ResultBox<Result>()
    let thread = Thread {
        box.fill {
            try leaveNetwork()
            return try body()
        }
    }
    thread.start()
    return try box.wait()
}

/// unshare(2) with CLONE_NEWNET, which the headers show to C with _GNU_SOURCE only.
private func leaveNetwork() throws {
    typealias Unshare = @convention(c) (Int32) -> Int32
    let function = try #require(dlsym(nil, "unshare"))
    guard unsafeBitCast(function, to: Unshare.self)(0x4000_0000) == 0 else {
        throw TestFailure(description: "unshare: \(String(cString: strerror(errno)))")
    }
}

private final class ResultBox<Value: Sendable>: @unchecked Sendable {
    // Written before the semaphore is signalled and read after it was waited for.
    private var result: Result<Value, any Error>?
    private let done = DispatchSemaphore(value: 0)

    func fill(_ body: () throws -> Value) {
        result = Result(catching: body)
        done.signal()
    }

    func wait() throws -> Value {
        done.wait()
        guard let result else { throw TestFailure(description: "the thread gave no result") }
        return try result.get()
    }
}

/// Creates the two ends of a veth and returns the index of the first.
func createVeth(_ name: String, _ peer: String) throws -> UInt32 {
    try run("/usr/sbin/ip", ["link", "add", name, "type", "veth", "peer", "name", peer])
    let index = if_nametoindex(name)
    try #require(index != 0)
    return index
}

/// A program on tc hooks that returns `verdict`.
func loadClassifier(returning verdict: Int) throws -> BPFProgram {
    let object = try BPFObject(
        bytes: compile(
            """
            #include "fixture.h"
            SEC("tc") int answer(struct __sk_buff *skb) { return \(verdict); }
            """), name: "classifier")
    try object.load()
    return try #require(object.programs.first).program
}

extension [UInt8] {
    /// Numbers of the host, one after the other.
    init<Number: FixedWidthInteger>(_ numbers: Number...) {
        self = numbers.flatMap { number in Swift.withUnsafeBytes(of: number.littleEndian) { Array($0) } }
    }
}

/// The number of the `KernelError` that `body` throws; nil when it throws none.
func errorNumber<Result>(_ body: () throws -> Result) -> Int32? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? KernelError)?.errno
    }
}
