// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import ModuleCompiler
import Synchronization
import Testing

/// Where and how a helper runs. What it does must be the same everywhere.
enum Hook: String, CaseIterable, Sendable {
    case tc
    /// As at ingress: the kernel has taken the outer tag out of the frame.
    case tcTagBeside
    /// Nothing is reached in place, as where a packet is in pieces.
    case tcFar
    case xdp
    case xdpFar
    /// The frame's first piece is short, the rest is a fragment.
    case xdpPieces

    var isXDP: Bool { rawValue.hasPrefix("xdp") }
    var isFar: Bool { rawValue.hasSuffix("Far") }

    /// Bytes of the first piece; 0: all.
    var firstPiece: Int { self == .xdpPieces ? 36 : 0 }

    /// How clang is told of it.
    var options: [String] {
        (isXDP ? ["-DHOVER_XDP"] : []) + (isFar ? ["-DHOVER_IN_PLACE=0"] : [])
    }

    /// All that this kernel can test.
    static let available = allCases.filter { $0 != .xdpPieces || canTestPieces }

    /// Whether BPF_PROG_TEST_RUN can cut a frame that is shorter than a page (Linux 6.18).
    static let canTestPieces: Bool = {
        let length = HelperProgram(name: "length", hook: .xdp)
        return (try? length.run([UInt8](repeating: 0, count: 60), firstPiece: 36))?.value == 60
    }()
}

/// What a helper is told: `struct arguments` of Tests/HelperReference/exchange.h.
struct Arguments: Sendable {
    var source: [UInt8] = []
    var destination: [UInt8] = []
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    var icmpID: UInt16 = 0
    var tag = Tag(id: 0)
    var offset = 0
    var size = 0
    /// In the order in which the bytes go into the packet.
    var value: [UInt8] = []

    func encoded(hidesTag: Bool) -> [UInt8] {
        func padded(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
            bytes + [UInt8](repeating: 0, count: count - bytes.count)
        }
        var result = padded(source, 16) + padded(destination, 16)
        result += bytes(sourcePort) + bytes(destinationPort) + bytes(icmpID) + bytes(tag.type)
        result += bytes(tag.id.byteSwapped) + [UInt8(truncatingIfNeeded: tag.priority), 0]
        for number in [UInt32(offset), UInt32(size)] {
            result += bytes(number.byteSwapped)
        }
        result += padded(value, 4)
        result += bytes(UInt32(hidesTag ? 1 : 0).byteSwapped)
        return result + bytes(UInt32(0))
    }
}

/// A helper's program for one hook.
struct HelperProgram: Sendable {
    let name: String
    let hook: Hook

    private static let objects = Mutex<[[String]: LoadedObject]>([:])

    /// Runs it on a frame.
    /// - Parameter context: a `struct __sk_buff` for fields that the kernel lets a test set.
    func run(
        _ frame: [UInt8], _ arguments: Arguments = Arguments(), context: [UInt8]? = nil, firstPiece: Int? = nil
    ) throws -> Outcome {
        let firstPiece = firstPiece ?? hook.firstPiece
        var context = context
        if firstPiece > 0, firstPiece < frame.count {
            // struct xdp_md: data, data_end and four more numbers.
            context = bytes(UInt32(0)) + bytes(UInt32(firstPiece).byteSwapped) + [UInt8](repeating: 0, count: 16)
        }
        return try Self.objects.withLock { objects in
            let object = try objects[hook.options] ?? LoadedObject(file: "operations.c", options: hook.options)
            objects[hook.options] = object
            let only: [UInt8] = [0, 0, 0, 0]
            let nothing = [UInt8](repeating: 0, count: object.results.information.valueSize)
            try object.arguments.set(arguments.encoded(hidesTag: hook == .tcTagBeside), for: only)
            try object.results.set(nothing, for: only)
            let program = try #require(object.programs[name])
            let run = try program.testRun(data: frame, context: context)
            let results = try #require(try object.results.value(for: only))
            return Outcome(results: results, run: run)
        }
    }
}

/// A `struct __sk_buff` of a GSO packet (include/uapi/linux/bpf.h).
func gsoContext(size: UInt32, segments: UInt32) -> [UInt8] {
    var context = [UInt8](repeating: 0, count: 192)
    context.replaceSubrange(164..<168, with: bytes(segments.byteSwapped))
    context.replaceSubrange(176..<180, with: bytes(size.byteSwapped))
    return context
}

func gsoSegments(_ context: [UInt8]) -> UInt8 {
    context[164]
}

/// A fixture's object in the kernel.
struct LoadedObject: Sendable {
    let programs: [String: BPFProgram]
    let arguments: BPFMap
    let results: BPFMap

    init(file: String, options: [String]) throws {
        let object = try BPFObject(bytes: compileFixture(file, options: options), name: "helpers")
        try object.load()
        programs = Dictionary(
            uniqueKeysWithValues: try object.programs.map { ($0.name, try $0.program) })
        arguments = try #require(object.maps.first { $0.name == "arguments" }).map
        results = try #require(object.maps.first { $0.name == "results" }).map
    }
}

/// Compiles a fixture as `ModuleCompiler` compiles modules, but for the sandbox: the source is ours.
func compileFixture(_ file: String, options: [String]) throws -> [UInt8] {
    let clang = try ClangInstallation.find(environment: ProcessInfo.processInfo.environment)
    let fixtures = try #require(Bundle.module.resourceURL).appending(path: "Fixtures")
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let include = tests.deletingLastPathComponent().appending(path: "include")
    let process = Process()
    process.executableURL = URL(filePath: clang.path)
    process.arguments =
        [
            "-resource-dir", clang.resourceDirectory, "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-std=gnu11",
            "-Xclang", "-disable-lifetime-markers", "-Wall", "-Werror",
            "-I", include.path(), "-I", tests.appending(path: "HelperReference").path(),
            "-idirafter", "/usr/include/\(machine)-linux-gnu",
        ] + options + ["-c", fixtures.appending(path: file).path(), "-o", "-"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let object = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "clang compiles \(file)")
    return [UInt8](object)
}

private var machine: String {
    #if arch(arm64)
        "aarch64"
    #else
        "x86_64"
    #endif
}
