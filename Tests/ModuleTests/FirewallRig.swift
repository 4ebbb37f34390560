// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Logging
import ModuleKit
import TypedValue

@testable import FirewallModule

/// A firewall in the kernel without links, whose programs are run on packets that no device sends.
struct FirewallRig {
    let dataplane: Dataplane
    let root: String
    let id = "m:firewall"

    /// Where the counters of reasons are (`reasons.h`).
    enum Reason: UInt32 {
        case established = 0
        case related, ruleAccepted, defaultAccepted, fragment, discovery, arp, other
        case ruleDropped, ruleRejected, defaultDropped, defaultRejected, invalid, malformed
        case arpDropped, otherDropped, full, noRules
    }

    /// Runs `body` with a firewall of a configuration, which is removed afterwards, whatever happens.
    static func with(_ config: TypedValue, _ body: (FirewallRig, ModuleSetup) async throws -> Void) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-rig-" + UUID().uuidString.prefix(8).lowercased()
        let rig = FirewallRig(
            dataplane: try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "rig")), root: root)
        do {
            let setup = try FirewallRig.setup(config)
            try await rig.dataplane.prepare()
            try await rig.load(setup)
            try await body(rig, setup)
        } catch {
            try await rig.remove()
            throw error
        }
        try await rig.remove()
    }

    static func setup(_ config: TypedValue) throws -> ModuleSetup {
        let reader = try ConfigReader(config)
        let setup = try FirewallType().setup(reader)
        try reader.finish()
        return setup
    }

    private func load(_ setup: ModuleSetup) async throws {
        let image = ModuleImage(
            code: ModuleCode(FirewallType().objects), number: 42, isPolicy: true, maxPort: 2, config: setup.constants,
            sizes: setup.sizes)
        _ = try await dataplane.loadModule(id, image: image)
        try await dataplane.configure(id, generation: 0, tables: setup.tables, before: [])
        try await dataplane.loadHop(1, ofPolicy: id, handler: .ingress)
        try await dataplane.loadHop(2, ofPolicy: id, handler: .egress)
    }

    /// Another configuration of the same sizes in the place of one, as hoverd does it.
    func change(_ before: ModuleSetup, to setup: ModuleSetup) async throws {
        try await dataplane.configure(id, generation: 0, tables: setup.tables, before: before.tables)
    }

    private func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }

    /// Has the firewall look at a packet.
    @discardableResult
    func run(_ packet: [UInt8], egress: Bool = false, times: Int = 1) throws -> TestRun {
        try BPFProgram(pinned: "\(root)/modules/firewall/hops/\(egress ? 2 : 1)").testRun(data: packet, repeat: times)
    }

    private func map(_ name: String) throws -> BPFMap { try BPFMap(pinned: "\(root)/modules/firewall/tables/\(name)") }

    /// Packets that a rule was the match of: counted under its key, and in its place if that is its own.
    func packets(ofRule id: String) throws -> UInt64 {
        let key = Self.key(ofRule: id)
        let place = StructureBytes().u32(UInt32(key % UInt64(RuleCounters.places))).bytes
        let keyBytes = StructureBytes().u64(key).bytes
        let isOwner = try map("frequent_rules").value(for: place) == keyBytes
        return try packets(in: "rule_counts", at: keyBytes) + (isOwner ? packets(in: "frequent_counts", at: place) : 0)
    }

    static func key(ofRule id: String) -> UInt64 {
        var hash = StableHash()
        hash.add(id)
        return max(hash.value, 1)
    }

    /// Packets that something became of.
    func packets(_ reason: Reason, egress: Bool = false) throws -> UInt64 {
        try packets(in: "reasons", at: StructureBytes().u32(reason.rawValue + (egress ? 32 : 0)).bytes)
    }

    /// What all CPUs counted under a key.
    private func packets(in table: String, at key: [UInt8]) throws -> UInt64 {
        try map(table).perCPUValues(for: key)?.reduce(0) {
            var reader = StructureReader($1)
            return $0 + reader.u64()
        } ?? 0
    }
}
