// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import Foundation
import Logging
import ModuleCompiler

/// Packets that a module sends to its slow path: how long one takes there and back, and how many the slow path takes.
struct PuntBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "punt",
        abstract: "µs from packet-in to packet-out beside an AF_PACKET echo and a ping, and packet-ins a second.")

    @Option(help: "Runs of each, alternating.")
    var rounds = 9

    func run() async throws {
        var report = Report(bench: "punt", ours: "hover", peer: "peer")
        try await PuntRig.with { rig in
            try await roundTrips(rig, &report)
            try await rates(rig, &report)
        }
        try report.finish()
    }

    private func roundTrips(_ rig: PuntRig, _ report: inout Report) async throws {
        var times: [Answerer: [RoundTrips.Times]] = [:]
        try await RoundTrips.with(rig) { trips in
            for round in 0..<rounds {
                for answerer in round.isMultiple(of: 2) ? Answerer.allCases : Answerer.allCases.reversed() {
                    times[answerer, default: []].append(try await trips.run(answerer))
                }
            }
        }
        for peer in [Answerer.packetSocket, .kernel] {
            for (name, part) in [("p50", \RoundTrips.Times.half), ("p99", \.most)] {
                let figure = { (answerer: Answerer) in median(times[answerer, default: []].map { $0[keyPath: part] }) }
                report.add(
                    "round trip \(name), beside \(peer.rawValue)", ours: figure(.hover), peer: figure(peer),
                    unit: "µs", better: .lower)
            }
        }
    }

    private func rates(_ rig: PuntRig, _ report: inout Report) async throws {
        try pinToProcessor(1)
        var most: [PuntLoad.Outcome] = []
        var below: [PuntLoad.Outcome] = []
        var above: [PuntLoad.Outcome] = []
        for _ in 0..<rounds {
            most.append(
                try await PuntLoad(packets: 2_000_000, pace: .asConsumed(atOnce: 50_000))
                    .run(on: rig, limits: SlowPathLimits(rate: 10_000_000)))
            below.append(
                try await PuntLoad(packets: 250_000, pace: .perSecond(250_000))
                    .run(on: rig, limits: SlowPathLimits(rate: 300_000)))
            above.append(
                try await PuntLoad(packets: 500_000, pace: .perSecond(500_000))
                    .run(on: rig, limits: SlowPathLimits(rate: 50_000)))
        }
        report.add(
            "consumed on one core", ours: median(most.map { Double($0.received) / $0.seconds }), unit: "packets/s",
            better: .higher, bar: .value(200_000))
        report.add(
            "consumed, for a second of processor time", ours: median(most.map { Double($0.received) / $0.busySeconds }),
            unit: "packets/s", better: .higher)
        // Of all rounds together: no loss is excused by a median.
        let lost = { (outcomes: [PuntLoad.Outcome]) in Double(outcomes.map(\.dropped).reduce(0, +)) }
        let astray = { (outcomes: [PuntLoad.Outcome]) in Double(outcomes.map { abs($0.astray) }.reduce(0, +)) }
        report.add("lost meanwhile", ours: lost(most), unit: "packets", better: .lower, bar: .value(0))
        report.add(
            "250,000/s, limit 300,000/s: lost", ours: lost(below), unit: "packets", better: .lower, bar: .value(0))
        report.add(
            "500,000/s, limit 50,000/s: received", ours: median(above.map { Double($0.received) }), unit: "packets",
            better: .higher)
        report.add(
            "neither received nor counted as lost", ours: astray(most + below + above), unit: "packets",
            better: .lower, bar: .value(0))
    }
}

/// A data plane with one module of one port, all of whose packets go to its slow path, which is in this process.
struct PuntRig {
    let dataplane: Dataplane
    let root: String
    let module = "m:punt"

    /// Runs `body` with a data plane that is cleared afterwards, whatever happens.
    static func with(_ body: (PuntRig) async throws -> Void) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-bench-\(getpid())"
        let rig = PuntRig(
            dataplane: try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "bench")), root: root)
        do {
            try await rig.load()
            try await body(rig)
        } catch {
            try await rig.remove()
            throw error
        }
        try await rig.remove()
    }

    private func load() async throws {
        let environment = ProcessInfo.processInfo.environment
        let compiler = ModuleCompiler(
            clang: try ClangInstallation.find(environment: environment),
            includeDirectory: try findIncludeDirectory(environment: environment))
        let object = try await compiler.compile(try source("punt.c"), file: "punt.c").object
        try await dataplane.prepare()
        _ = try await dataplane.loadModule(
            module,
            image: ModuleImage(
                code: ModuleCode(ModuleObjects(tc: object)), number: 1, isPolicy: false, maxPort: 1, config: [:]))
        try await dataplane.loadPort(1, ofModule: module)
    }

    private func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }
}
