// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import TestSupport

/// What a manifest takes: of all modules, of nothing new, and of a change of one module beside few and many.
struct ApplyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "ms of a manifest of 1,000 modules, and of a change of one among 10 and 1,000.")

    /// Few enough to count for none.
    private static let few = 10

    @Option(help: "Modules, in rings of ten.")
    var modules = 1000

    @Option(help: "Changes of each kind.")
    var rounds = 21

    func run() async throws {
        let (few, many) = try await (measure(Self.few), measure(modules))
        var report = Report(bench: "apply", ours: "of \(modules)", peer: "of \(Self.few)")
        for kind in Kind.allCases {
            let (here, there) = (many.times[kind] ?? [], few.times[kind] ?? [])
            report.add(
                kind.rawValue, ours: median(here), peer: median(there), unit: "ms", better: .lower, bar: kind.bar)
            for part in many.phases[kind] ?? [] where median(part.milliseconds) > 0 {
                let other = (few.phases[kind] ?? []).first { $0.name == part.name }.map { median($0.milliseconds) }
                report.add(
                    "· " + part.name, ours: median(part.milliseconds), peer: other.flatMap { $0 > 0 ? $0 : nil },
                    unit: "ms", better: .lower)
            }
        }
        try report.finish()
    }
}

extension ApplyBench {
    /// What is applied.
    enum Kind: String, CaseIterable {
        case everything = "all, for the first time"
        case nothing = "all again: nothing to do"
        case config = "one module's config"
        case link = "one link more"
        case source = "one module's source"

        var bar: Case.Bar? { self == .config || self == .link ? .value(20) : nil }
    }

    struct Figures {
        var times: [Kind: [Double]] = [:]
        var phases: [Kind: [(name: String, milliseconds: [Double])]] = [:]
    }

    private func measure(_ count: Int) async throws -> Figures {
        var figures = Figures()
        try await LastingDaemon.with { daemon in
            try await Fleet.addHosts(to: daemon.network)
            try await daemon.start()
            let fleet = try Fleet(count)
            try await apply(fleet.manifest, .everything, changes: true, daemon, into: &figures)
            for round in 1...rounds {
                if round <= 5 {
                    try await apply(fleet.manifest, .nothing, changes: false, daemon, into: &figures)
                }
                try await apply(
                    fleet.reconfigured(longest: 1000 + round), .config, changes: true, daemon, into: &figures)
                try await apply(fleet.linked(round), .link, changes: true, daemon, into: &figures)
                if round <= 5 {
                    try await apply(fleet.recoded(round), .source, changes: true, daemon, into: &figures)
                    _ = try await daemon.client.apply(fleet.manifest)
                }
            }
        }
        return figures
    }

    private func apply(
        _ manifest: Manifest, _ kind: Kind, changes: Bool, _ daemon: LastingDaemon, into figures: inout Figures
    ) async throws {
        let taken = try await timed { try await daemon.client.apply(manifest) }
        guard taken.result.changes.isEmpty != changes else {
            throw DaemonFailure(reason: "\(kind.rawValue): \(taken.result.changes)", log: daemon.log)
        }
        figures.times[kind, default: []].append(taken.milliseconds)
        let parts = daemon.phases(of: "code of a manifest") + daemon.phases(of: "apply a manifest")
        let rest = taken.milliseconds - parts.map(\.milliseconds).reduce(0, +)
        for (name, value) in [(name: "HTTP and JSON", milliseconds: rest)] + parts {
            if let index = figures.phases[kind]?.firstIndex(where: { $0.name == name }) {
                figures.phases[kind]?[index].milliseconds.append(value)
            } else {
                figures.phases[kind, default: []].append((name, [value]))
            }
        }
    }
}
