// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import TestSupport

/// How long a `hoverd` that was killed is away, and what it weighs.
struct RestartBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "ms from kill -9 and start to adoption of 1,000 modules and 2,000 links; MB of the idle hoverd.")

    @Option(help: "Modules, in rings of ten.")
    var modules = 1000

    @Option(help: "Starts.")
    var rounds = 7

    func run() async throws {
        var times: [Double] = []
        var phases: [String: [Double]] = [:]
        var names: [String] = []
        var idle: [Double] = []
        var busy = 0.0
        var reboot: (milliseconds: Double, phases: [(name: String, milliseconds: Double)]) = (0, [])
        try await LastingDaemon.with { daemon in
            try await Fleet.addHosts(to: daemon.network)
            try await daemon.start()
            let fleet = try Fleet(modules)
            _ = try await daemon.client.apply(fleet.manifest)
            for _ in 0..<rounds {
                daemon.kill()
                let taken = try await daemon.start()
                times.append(taken)
                let parts = Self.complete(daemon.phases(of: "began"), taken)
                names = parts.map(\.name)
                for part in parts { phases[part.name, default: []].append(part.milliseconds) }
                try await Task.sleep(for: .seconds(5))
                idle.append(try daemon.residentMegabytes)
                try await check(fleet, daemon)
                try await Task.sleep(for: .seconds(2))
                busy = try daemon.residentMegabytes
            }
            guard try await daemon.client.doctor().findings.isEmpty else {
                throw DaemonFailure(reason: "the doctor found something", log: daemon.log)
            }
            daemon.kill()
            try await daemon.takeDown()
            let taken = try await daemon.start()
            reboot = (taken, Self.complete(daemon.phases(of: "began"), taken))
            try await check(fleet, daemon)
        }
        var report = Report(bench: "restart", ours: "median")
        report.add("killed, started, adopted", ours: median(times), unit: "ms", better: .lower, bar: .value(2000))
        report.add("the slowest of \(rounds)", ours: times.max() ?? .nan, unit: "ms", better: .lower)
        for name in names { report.add("· " + name, ours: median(phases[name] ?? []), unit: "ms", better: .lower) }
        report.add("resident, idle", ours: median(idle), unit: "MB", better: .lower, bar: .value(60))
        report.add("resident, after GET of all", ours: busy, unit: "MB", better: .lower)
        report.add("after a reboot: all made anew", ours: reboot.milliseconds, unit: "ms", better: .lower)
        for part in reboot.phases {
            report.add("· after a reboot: " + part.name, ours: part.milliseconds, unit: "ms", better: .lower)
        }
        try report.finish()
    }

    /// With what came before the controller began, and after.
    private static func complete(
        _ phases: [(name: String, milliseconds: Double)], _ taken: Double
    ) -> [(name: String, milliseconds: Double)] {
        phases + [("execution, opening, listening", taken - phases.map(\.milliseconds).reduce(0, +))]
    }

    private func check(_ fleet: Fleet, _ daemon: LastingDaemon) async throws {
        let (modules, links) = try await (daemon.client.modules(), daemon.client.links())
        guard modules.count == fleet.modules.count, links.count == fleet.links.count else {
            throw DaemonFailure(
                reason: "\(modules.count) modules and \(links.count) links are there", log: daemon.log)
        }
    }
}
