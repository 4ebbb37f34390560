// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import ModuleCompiler
import TestSupport
import Testing

/// Where a helper is to work.
enum StateHook: String, CaseIterable, Sendable {
    case tc, xdp
}

/// Something that a test cannot go on without.
struct StateFailure: Error, CustomStringConvertible {
    let description: String
}

/// A handler around the stateful helpers, compiled and loaded for one hook, with no more around it than a section.
///
/// The handler is `static __u32 handle(void *pkt)`. It gets what a test passes to `call` by `argument(pkt, index)`, and
/// its answer is what `call` returns.
final class StateRig: Sendable {
    let program: BPFProgram
    /// By the name in the source; those of global variables as `.bss`, `.rodata`, ….
    let maps: [String: BPFMap]
    let types: BTF

    /// - Parameter config: values for `const volatile` globals.
    init(_ source: String, at hook: StateHook, config: [String: UInt64] = [:]) throws {
        let object = try BPFObject(bytes: Self.compile(source, for: hook), name: "state")
        let types = try #require(try object.types)
        for (name, value) in config {
            let variable = try #require(types.variable(named: name), "no global \(name)")
            let map = try #require(object.maps.first { $0.name.hasSuffix(variable.section) })
            var bytes = try #require(map.initialValue)
            bytes.replaceSubrange(variable.offset..<variable.offset + variable.size, with: value.bytes(variable.size))
            try map.setInitialValue(bytes)
        }
        try object.load()
        program = try #require(object.programs.first).program
        maps = try Dictionary(
            uniqueKeysWithValues: object.maps.map { map in
                let name = map.isInternal ? "." + (map.name.split(separator: ".").last ?? "") : Substring(map.name)
                return (String(name), try map.map)
            })
        self.types = types
    }

    /// Runs the handler with numbers.
    @discardableResult
    func call(_ arguments: UInt64..., times: Int = 1) throws -> UInt32 {
        let packet = [UInt8](repeating: 0, count: 16) + arguments.flatMap { $0.bytes(8) }
        return try run(packet + [UInt8](repeating: 0, count: max(0, 64 - packet.count)), times: times)
    }

    /// Runs the handler on a packet.
    @discardableResult
    func run(_ packet: [UInt8], times: Int = 1) throws -> UInt32 {
        try program.testRun(data: packet, repeat: times).returnValue
    }

    func map(_ name: String) throws -> BPFMap {
        try #require(maps[name], "no map \(name)")
    }

    /// A global variable of up to 8 bytes.
    func global(_ name: String) throws -> UInt64 {
        let variable = try #require(types.variable(named: name), "no global \(name)")
        let bytes = try #require(try map(variable.section).value(for: [0, 0, 0, 0]))
        return UInt64(bytes[variable.offset..<variable.offset + variable.size])
    }

    /// Sets a global variable. No handler may run meanwhile.
    func set(_ name: String, to value: UInt64) throws {
        let variable = try #require(types.variable(named: name), "no global \(name)")
        var bytes = try #require(try map(variable.section).value(for: [0, 0, 0, 0]))
        bytes.replaceSubrange(variable.offset..<variable.offset + variable.size, with: value.bytes(variable.size))
        try map(variable.section).set(bytes, for: [0, 0, 0, 0])
    }

    /// What an ageing table has counted.
    func counts(_ table: String) throws -> StateCounts {
        StateCounts(try #require(try map(table + "_counts").value(for: [0, 0, 0, 0])))
    }

    /// How many entries there are in a map, as user space sees it.
    func size(_ map: String) throws -> Int {
        try self.map(map).entries(limit: .max).count
    }
}

/// `struct hover_table_counts`.
struct StateCounts: Equatable {
    var entries: UInt64 = 0
    var inserted: UInt64 = 0
    var expired: UInt64 = 0
    var deleted: UInt64 = 0
    var refused: UInt64 = 0
}

extension StateCounts {
    init(_ bytes: [UInt8]) {
        let words = stride(from: 0, to: 40, by: 8).map { UInt64(bytes[$0..<$0 + 8]) }
        self.init(entries: words[0], inserted: words[1], expired: words[2], deleted: words[3], refused: words[4])
    }
}

extension UInt64 {
    static let second: UInt64 = 1_000_000_000
    static let millisecond: UInt64 = 1_000_000

    func bytes(_ size: Int) -> [UInt8] {
        (0..<size).map { $0 < 8 ? UInt8(truncatingIfNeeded: self >> (8 * UInt64($0))) : 0 }
    }

    init(_ littleEndian: ArraySlice<UInt8>) {
        self = littleEndian.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Waits until a condition holds; fails after so many seconds.
func eventually(
    within seconds: Double = 10, _ what: Comment, sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) throws {
    let end = Date(timeIntervalSinceNow: seconds * Double(patience))
    while try !condition() {
        guard Date() < end else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        usleep(2_000)
    }
}

/// Runs `body` on several threads at once; throws what one of them has thrown. Threads of its own, for a pool may run
/// one after the other.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let errors = ErrorBox()
    let all = DispatchGroup()
    for number in 0..<count {
        all.enter()
        let thread = Thread {
            do {
                try body(number)
            } catch {
                errors.note(error)
            }
            all.leave()
        }
        thread.start()
    }
    all.wait()
    try errors.rethrow()
}

/// The first error of several threads; the lock guards it.
private final class ErrorBox: @unchecked Sendable {
    private let lock = NSLock()
    private var first: (any Error)?

    func note(_ error: any Error) {
        lock.withLock { first = first ?? error }
    }

    func rethrow() throws {
        if let first = lock.withLock({ first }) { throw first }
    }
}

extension StateRig {
    private static func compile(_ source: String, for hook: StateHook) throws -> [UInt8] {
        let environment = ProcessInfo.processInfo.environment
        let folder = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "state.c")
        let object = folder.appending(path: "state.o")
        try (before + source + after(hook)).write(to: file, atomically: true, encoding: .utf8)

        let clang = Process()
        clang.executableURL = URL(filePath: try ClangInstallation.find(environment: environment).path)
        clang.arguments =
            ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-std=gnu11", "-Wall", "-Wno-unused", "-Werror"]
            + ["-Xclang", "-disable-lifetime-markers", "-I", try findIncludeDirectory(environment: environment)]
            + ["-idirafter", "/usr/include/\(machine)-linux-gnu"] + (hook == .xdp ? ["-DHOVER_XDP"] : [])
            + ["-c", file.path(), "-o", object.path()]
        let complaint = Pipe()
        clang.standardError = complaint
        try clang.run()
        let words = String(decoding: complaint.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        clang.waitUntilExit()
        guard clang.terminationStatus == 0 else { throw StateFailure(description: words) }
        return [UInt8](try Data(contentsOf: object))
    }

    private static let machine = {
        #if arch(arm64)
            "aarch64"
        #else
            "x86_64"
        #endif
    }()

    private static let before = """
        #include <stdbool.h>
        #include <stddef.h>
        #include <linux/types.h>
        #include <linux/bpf.h>
        #include <linux/if_ether.h>
        #include <linux/in.h>
        #include <bpf/bpf_helpers.h>
        #include <hover/bcc.h>
        #include <hover/packet.h>
        static __always_inline __u64 argument(void *pkt, int index)
        {
        	__u64 number = 0;

        	pkt_load(pkt, 16 + 8 * index, &number, 8);
        	return number;
        }

        """

    private static func after(_ hook: StateHook) -> String {
        """

        char hover_license[] SEC("license") = "GPL";
        SEC("\(hook.rawValue)")
        int hover_state(HOVER_CONTEXT *pkt)
        {
        	return handle(pkt);
        }
        """
    }
}
