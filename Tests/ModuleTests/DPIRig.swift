// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Logging
import ModuleKit
import TypedValue

@testable import DPIModule

/// A classifier in the kernel without links, whose programs are run on packets that no device sends.
struct DPIRig {
    let dataplane: Dataplane
    let hook: Hook
    let root: String
    let id = "m:dpi"

    /// `enum dpi_event` (`tables.h`).
    enum Event: UInt32 {
        case notIP = 0
        case malformed, fragment, noFlow, tableFull, handed, nobodyListens, rate, ringFull, unanswered
    }

    /// Packets of an application (`struct dpi_amount`).
    struct Amount: Equatable {
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
        var blocked: UInt64 = 0
        var marked: UInt64 = 0
    }

    /// Runs `body` with a classifier of a configuration, which is removed afterwards, whatever happens.
    static func with(
        _ config: TypedValue, at hook: Hook = .tc, _ body: (DPIRig, ModuleSetup) async throws -> Void
    ) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-rig-" + UUID().uuidString.prefix(8).lowercased()
        let rig = DPIRig(
            dataplane: try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "rig")), hook: hook,
            root: root)
        do {
            let setup = try DPIRig.setup(config)
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
        let setup = try DPIType().setup(reader)
        try reader.finish()
        return setup
    }

    private func load(_ setup: ModuleSetup) async throws {
        let image = ModuleImage(
            code: ModuleCode(DPIType().objects), number: 43, isPolicy: true, maxPort: 2, config: setup.constants,
            sizes: setup.sizes)
        _ = try await dataplane.loadModule(id, image: image)
        if hook == .xdp {
            try await dataplane.loadModuleAtXDP(id)
        }
        try await dataplane.configure(id, generation: 0, tables: setup.tables, before: [])
        try await dataplane.loadHop(1, ofPolicy: id, handler: .ingress)
        try await dataplane.loadHop(2, ofPolicy: id, handler: .egress)
    }

    private func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }

    /// Another configuration of the same sizes in the place of one, as hoverd does it.
    func change(_ before: ModuleSetup, to config: TypedValue) async throws {
        try await dataplane.configure(id, generation: 0, tables: Self.setup(config).tables, before: before.tables)
    }

    /// Has the classifier look at a packet.
    ///
    /// - Returns: the packet as it left it.
    @discardableResult
    func run(_ packet: [UInt8], egress: Bool = false) throws -> [UInt8] {
        let folder = "\(root)/modules/dpi" + (hook == .xdp ? "/xdp" : "")
        return try BPFProgram(pinned: "\(folder)/hops/\(egress ? 2 : 1)").testRun(data: packet).data
    }

    @discardableResult
    func run(_ frame: DPIFrame, egress: Bool = false) throws -> [UInt8] { try run(frame.bytes, egress: egress) }

    func map(_ name: String) throws -> BPFMap { try BPFMap(pinned: "\(root)/modules/dpi/tables/\(name)") }

    func count(_ event: Event) throws -> UInt64 {
        try perCPU("events", event.rawValue).reduce(0) {
            var reader = StructureReader($1)
            return $0 + reader.u64()
        }
    }

    func amount(_ application: Int) throws -> Amount {
        try perCPU("applications", UInt32(application)).reduce(into: Amount()) {
            var reader = StructureReader($1)
            $0.packets += reader.u64()
            $0.bytes += reader.u64()
            $0.blocked += reader.u64()
            $0.marked += reader.u64()
        }
    }

    /// Behind the applications (`DPI_PENDING`, `DPI_UNCLASSIFIED`).
    static let pending = 512
    static let unclassified = 513

    private func perCPU(_ table: String, _ index: UInt32) throws -> [[UInt8]] {
        try map(table).perCPUValues(for: StructureBytes().u32(index).bytes) ?? []
    }

    var flows: [TrackedFlow] {
        get throws {
            try map("flows").entries(after: nil, limit: 1000).map { TrackedFlow(key: $0.key, value: $0.values[0]) }
        }
    }

    /// Says what the only flow is, as the slow path does.
    func answer(_ verdict: Verdict, id: UInt32? = nil) throws {
        let key = try flows[0].key
        try map("answers").set(verdict.answer(id: id ?? key.id), for: key.bytes)
    }

    /// The slow path of another `hoverd` begins.
    func begin(session: UInt32) throws {
        try map("listener").set(StructureBytes().u32(session).bytes, for: [0, 0, 0, 0])
    }

    /// nDPI's number of an application.
    static func number(_ name: String) -> Int { ApplicationNames.known.applications.firstIndex(of: name) ?? -1 }

    /// A verdict by names.
    static func verdict(
        _ application: String, in master: String? = nil, category: String = "Unspecified", isFinal: Bool = true
    ) -> Verdict {
        var verdict = Verdict()
        verdict.application = UInt16(number(application))
        verdict.master = master.map { UInt16(number($0)) } ?? 0
        verdict.category = UInt16(ApplicationNames.known.categories.firstIndex(of: category) ?? 0)
        verdict.isKnown = true
        verdict.isFinal = isFinal
        return verdict
    }
}
