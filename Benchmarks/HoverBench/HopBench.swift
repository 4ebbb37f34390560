// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BPF
import Dataplane
import Foundation
import Logging
import ModuleCompiler

/// What one more module in a chain costs a packet, beside the original Hover's way to reach it.
struct HopBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hop", abstract: "ns a hop, 0 to 32 hops: Hover's constant slots beside next-hop lookups.")

    /// The longest chain: the kernel lets a packet make 33 tail calls.
    private static let lengths = [0, 1, 2, 4, 8, 16, 32]
    /// Where the kernel places programs in memory is chance, and from 8 hops on it matters as much as what is in them:
    /// everything is loaded so many times.
    private static let placements = 9
    /// For each placement.
    private static let rounds = 3
    private static let repetitions = 300_000

    func run() async throws {
        if !BPFFileSystem.isMounted(at: "/sys/fs/bpf") {
            try BPFFileSystem.mount(at: "/sys/fs/bpf")
        }
        var rounds: [[Int: Times]] = []
        for placement in 0..<Self.placements {
            let root = "/sys/fs/bpf/hover-bench-\(getpid())-\(placement)"
            let plain = try await Chain(longest: 32, counters: false, root: root + "-plain")
            let counted = try await Chain(longest: 32, counters: true, root: root + "-counted")
            let measured: Result<[[Int: Times]], any Error>
            do {
                measured = .success(try await measure(plain, counted, try NextHopChain(longest: 32)))
            } catch {
                measured = .failure(error)
            }
            try await plain.remove()
            try await counted.remove()
            rounds += try measured.get()
        }
        try report(rounds).finish()
    }

    /// All lengths in turn, and for each all ways in turn.
    private func measure(_ plain: Chain, _ counted: Chain, _ peer: NextHopChain) async throws -> [[Int: Times]] {
        let packet = [UInt8](repeating: 0, count: 12) + [8, 0] + [UInt8](repeating: 0, count: 50)
        var rounds: [[Int: Times]] = []
        for _ in 0..<Self.rounds {
            var times: [Int: Times] = [:]
            for length in Self.lengths {
                try await plain.setLength(length)
                try await counted.setLength(length)
                try peer.setLength(length)
                times[length] = Times(
                    plain: try await time(plain.entry, packet), counted: try await time(counted.entry, packet),
                    peer: try await time(peer.entry, packet), bare: try await time(peer.bareEntry, packet))
            }
            rounds.append(times)
        }
        return rounds
    }

    private func report(_ rounds: [[Int: Times]]) -> Report {
        var report = Report(bench: "hop", ours: "hover", peer: "next-hop lookup")
        let none = { (way: KeyPath<Times, Double>) in median(rounds.compactMap { $0[0]?[keyPath: way] }) }
        report.add("0 hops, a packet", ours: none(\.plain), peer: none(\.peer), unit: "ns", better: .lower)
        // Of each round the difference to its own chain of no hops: the machine's speed drifts.
        let each = { (way: KeyPath<Times, Double>, length: Int) in
            median(
                rounds.compactMap { round in
                    guard let some = round[length], let none = round[0] else { return nil }
                    return (some[keyPath: way] - none[keyPath: way]) / Double(length)
                })
        }
        let ways: [(String, KeyPath<Times, Double>, Double?)] = [
            ("", \.plain, 0.125), (" with counters", \.counted, nil), (" of a bare tail call", \.bare, nil),
        ]
        for (what, way, bar) in ways {
            for length in Self.lengths.dropFirst() {
                report.add(
                    "\(length) \(length == 1 ? "hop" : "hops")\(what), each", ours: each(way, length),
                    peer: each(\.peer, length), unit: "ns", better: .lower,
                    bar: length <= 8 ? bar.map { .ratio($0) } : nil)
            }
        }
        return report
    }

    /// Nanoseconds a packet needs for a chain of some length.
    private struct Times {
        var plain: Double
        var counted: Double
        var peer: Double
        var bare: Double
    }

    /// Nanoseconds a packet. By the clock, for the kernel's own figure has no fractions.
    private func time(_ program: BPFProgram, _ packet: [UInt8]) async throws -> Double {
        let run = try await timed { try program.testRun(data: packet, repeat: Self.repetitions) }
        return run.milliseconds * 1e6 / Double(Self.repetitions)
    }
}

/// Modules in a row, as `hoverd` would load and link them: out of port 2 of each into port 1 of the next.
private struct Chain {
    private let dataplane: Dataplane
    private let count: Int
    private let root: String
    /// The program that receives on port 1 of the first module.
    let entry: BPFProgram

    init(longest: Int, counters: Bool, root: String) async throws {
        let environment = ProcessInfo.processInfo.environment
        let compiler = ModuleCompiler(
            clang: try ClangInstallation.find(environment: environment),
            includeDirectory: try findIncludeDirectory(environment: environment))
        let object = try await compiler.compile(
            try source("forward.c"), file: "forward.c", defining: counters ? [] : ["HOVER_NO_COUNTERS"]
        ).object
        count = longest + 1
        self.root = root
        dataplane = try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "bench"))
        try await dataplane.prepare()
        for number in 0..<count {
            let image = ModuleImage(
                code: ModuleCode(ModuleObjects(tc: object)), number: UInt32(number + 1), isPolicy: false, maxPort: 2,
                config: [:])
            _ = try await dataplane.loadModule("m:\(number)", image: image)
            try await dataplane.loadPort(1, ofModule: "m:\(number)")
            try await dataplane.loadPort(2, ofModule: "m:\(number)")
        }
        entry = try BPFProgram(pinned: root + "/modules/0/ports/1")
    }

    /// Links the first modules so that a packet makes `hops` hops and is dropped in the last one.
    func setLength(_ hops: Int) async throws {
        for number in 0..<count - 1 {
            let next = Target.port(module: "m:\(number + 1)", number: 1)
            try await dataplane.wire(.port(module: "m:\(number)", number: 2), to: number < hops ? next : nil)
        }
    }

    func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }
}

/// The same with the original Hover's way from module to module.
private struct NextHopChain {
    private let ways: [BPFMap]
    /// Held: the kernel empties a prog array with its last reference from user space.
    private let modules: BPFMap
    private let following: [BPFMap]
    private let bare: [BPFProgram]
    let entry: BPFProgram
    /// Where a chain of nothing but tail calls begins.
    let bareEntry: BPFProgram

    init(longest: Int) throws {
        let modules = try BPFMap(create: .programArray, name: "modules", keySize: 4, valueSize: 4, maxEntries: 64)
        var ways: [BPFMap] = []
        var following: [BPFMap] = []
        var programs: [String: [BPFProgram]] = [:]
        for number in 1...longest + 1 {
            let object = try BPFObject(bytes: HopsObject.bytes, name: "hops")
            for map in object.maps where map.name == "modules" {
                try map.reuse(modules)
            }
            try object.load()
            for map in object.maps {
                if map.name == "ways" { ways.append(try map.map) }
                if map.name == "following" { following.append(try map.map) }
            }
            for program in object.programs {
                programs[program.name, default: []].append(try program.program)
                if program.name == "hop" {
                    try modules.set(program: program.program, at: UInt32(number))
                }
            }
        }
        self.ways = ways
        self.modules = modules
        self.following = following
        guard let entry = programs["enter"]?.first, let bare = programs["bare_hop"], let bareEntry = bare.first else {
            throw ObjectError(object: "hops", reason: "it has no programs")
        }
        self.entry = entry
        self.bare = bare
        self.bareEntry = bareEntry
    }

    func setLength(_ hops: Int) throws {
        for (index, map) in ways.enumerated() {
            let next = index < hops ? UInt32(index + 2) << 16 | 1 : 0
            let value = withUnsafeBytes(of: next.littleEndian) { Array($0) } + [UInt8](repeating: 0, count: 12)
            try map.set(value, for: [2, 0, 0, 0])
        }
        for (index, map) in following.enumerated() {
            if index < hops {
                try map.set(program: bare[index + 1], at: 0)
            } else {
                try map.remove(index: 0)
            }
        }
    }
}
