// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// `hoverd` is killed at every step of every kind of change: the next one finds what was before, or what was to be.
@Suite struct FaultTests {
    enum Change: String, CaseIterable, Sendable {
        case create, link, unlink, delete, policy, swap, configure, apply, prune, rollback, entry
    }

    private static let policy = """
        static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }
        static int handle_tx(void *pkt, struct metadata *md) { return RX_OK; }
        """

    private static let other = Source.redirect + "\nconst volatile int unused = 1;\n"

    /// In three threads, or the machine is busy with one step after the other.
    @Test(arguments: [
        [Change.create, .swap, .unlink, .entry], [.policy, .link, .rollback], [.apply, .prune, .configure, .delete],
    ])
    func isBeforeOrAfter(changes: [Change]) async throws {
        for change in changes {
            try await crashAtEveryStep(of: change)
        }
    }

    private func crashAtEveryStep(of change: Change) async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            try await sequence.forward("spare", source: "const volatile int limit = 1;\n" + AdoptionTests.learning)
            try await prepare(change, sequence)
            let before = try await description(sequence)
            var after: String?
            // Without a crash first, to know what it is after it; then back again.
            try await make(change, sequence)
            after = try await description(sequence)
            try await goBack(to: before, change, sequence)
            try sequence.stop()
            var step = 1
            while true {
                try await sequence.start(environment: ["HOVER_CRASH_AT": "\(step)"])
                if (try? await make(change, sequence)) != nil, (try? await sequence.client.version()) != nil { break }
                sequence.kill()
                let pings = try await left.pings("10.0.0.2", wait: change.stopsTraffic ? "0.1" : "1")
                #expect(pings || change.stopsTraffic, "step \(step)")
                try await sequence.start()
                let now = try await description(sequence)
                #expect(now == before || now == after, "step \(step): \(now)\nneither\n\(before)\nnor\n\(after ?? "")")
                let findings = try await sequence.client.doctor().findings
                #expect(findings.isEmpty, "step \(step)")
                try await goBack(to: before, change, sequence)
                #expect(try await left.pings("10.0.0.2"), "step \(step)")
                sequence.kill()
                // There are hundreds of steps, of which an emulated processor would take hours.
                step += isEmulated ? 12 : 1
                guard step < 400 else { throw DaemonFailure(reason: "\(change) has no end", log: "") }
            }
            #expect(step > 2, "\(change) has steps")
        }
    }

    /// A start after a reboot, which has everything to make, is interrupted too.
    @Test func aStartThatIsInterruptedIsFinishedByTheNext() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            _ = try await sequence.client.createModule(
                ModuleRequest(name: "wall", type: "bpf/policy", tags: ["middle"], source: Self.policy))
            var step = 1
            while true {
                sequence.kill()
                try await shell(sequence.command() + ["--down"])
                let isUp = try await sequence.startOrEnd(
                    environment: ["HOVER_CRASH_AT": "\(step)", "HOVER_CRASH_AT_START": "1"])
                if isUp { break }
                try await sequence.start()
                #expect(try await left.pings("10.0.0.2"), "step \(step)")
                #expect(try await sequence.client.doctor().findings.isEmpty, "step \(step)")
                // Steps that follow each other are alike.
                step += isEmulated ? 25 : step < 30 ? 1 : 7
            }
            #expect(step > 30)
        }
    }

    private func make(_ change: Change, _ sequence: DaemonSequence) async throws {
        let client = sequence.client
        switch change {
        case .create: try await sequence.forward("new")
        case .link: try await sequence.link("middle", 3, to: "spare", 1)
        case .unlink:
            let links = try await client.links()
            try await client.deleteLink(links[0].id)
        case .delete: try await client.deleteModule("middle")
        case .policy:
            _ = try await client.createModule(
                ModuleRequest(name: "wall", type: "bpf/policy", tags: ["middle"], source: Self.policy))
        case .swap: _ = try await client.replaceCode(of: "middle", CodeRequest(source: Self.other))
        case .configure: _ = try await client.updateModule("spare", ModuleChange(config: ["limit": 2]))
        case .apply, .prune: _ = try await client.apply(Self.manifest, prune: change == .prune)
        case .rollback:
            let revisions = try await client.revisions().revisions
            _ = try await client.rollback(to: revisions[1].number)
        case .entry: try await client.setEntry(TableEntry(key: 5, value: 6), of: "seen", in: "spare")
        }
    }

    /// What there is to be undone.
    private func prepare(_ change: Change, _ sequence: DaemonSequence) async throws {
        if change == .rollback {
            try await sequence.link("middle", 3, to: "spare", 1)
        }
    }

    private static let manifest = Manifest(
        modules: [
            ModuleRequest(name: "one", type: "bpf/forward", source: Source.redirect, ports: 2),
            ModuleRequest(name: "two", type: "bpf/policy", tags: ["one"], source: policy),
        ],
        links: [LinkRequest(from: LinkEnd(node: "one", port: 1), to: LinkEnd(node: "spare", port: 1))])

    private func goBack(to before: String, _ change: Change, _ sequence: DaemonSequence) async throws {
        if try await description(sequence) == before { return }
        if change == .rollback { return try await prepare(change, sequence) }
        for entry in try await sequence.client.allEntries(of: "seen", in: "spare") where entry.key == 5 {
            try await sequence.client.deleteEntry("5", of: "seen", in: "spare")
        }
        for revision in try await sequence.client.revisions().revisions.dropFirst() {
            if try await description(sequence) == before { return }
            _ = try await sequence.client.rollback(to: revision.number)
        }
        #expect(try await description(sequence) == before)
    }

    /// Modules, links and entries, without what counts or is numbered anew.
    private func description(_ sequence: DaemonSequence) async throws -> String {
        let modules = try await sequence.client.modules()
        let names = Dictionary(uniqueKeysWithValues: modules.map { ($0.id, $0.name) })
        let shown = modules.map {
            "\($0.name) \($0.type) \($0.code?.prefix(8) ?? "") \($0.config) \($0.tags.map { names[$0] ?? $0 })"
        }
        let links = try await sequence.client.links().map { link in
            [link.from, link.to].map { "\(names[$0.node] ?? $0.node):\($0.port ?? 0)" }.sorted().joined(separator: "-")
                + link.state
        }
        let entries = try await sequence.client.allEntries(of: "seen", in: "spare").filter { $0.key == 5 }
            .map { "\($0.value)" }
        return (shown.sorted() + links.sorted() + entries).joined(separator: "\n")
    }
}

extension FaultTests.Change {
    /// Whether the way that the test's pings take is meant to end.
    fileprivate var stopsTraffic: Bool { [.unlink, .delete].contains(self) }
}
