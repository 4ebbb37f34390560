// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Logging
import ModuleKit
import NullModule
import Testing
import TypedValue

/// A built-in module with two ports, whose programs are run on packets without a device.
struct NATRig {
    let dataplane: Dataplane
    let hook: Hook
    private let root: String
    private let setup: ModuleSetup

    /// Runs `body` with a module of a configuration; all is removed afterwards.
    static func with(
        _ type: some ModuleType, _ config: TypedValue, at hook: Hook = .tc, _ body: (NATRig) async throws -> Void
    ) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-nat-" + UUID().uuidString.prefix(8).lowercased()
        let dataplane = try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "rig"))
        let rig = NATRig(
            dataplane: dataplane, hook: hook, root: root, setup: try type.setup(ConfigReader(config)))
        do {
            try await dataplane.prepare()
            try await rig.load("nat", type.objects, rig.setup, number: 42)
            try await rig.load("end", NullType().objects, ModuleSetup(), number: 43)
            for port in 1...2 {
                try await dataplane.wire(
                    .port(module: "m:nat", number: port), to: .port(module: "m:end", number: port))
            }
            try await body(rig)
        } catch {
            try await rig.remove()
            throw error
        }
        try await rig.remove()
    }

    private func load(_ name: String, _ objects: ModuleObjects, _ setup: ModuleSetup, number: UInt32) async throws {
        let id = "m:" + name
        let image = ModuleImage(
            code: ModuleCode(objects), number: number, isPolicy: false, maxPort: 2, config: setup.constants,
            sizes: setup.sizes)
        _ = try await dataplane.loadModule(id, image: image)
        if hook == .xdp {
            try await dataplane.loadModuleAtXDP(id)
        }
        for port in 1...2 {
            try await dataplane.loadPort(port, ofModule: id)
        }
        try await dataplane.configure(id, generation: 0, tables: setup.tables, before: [])
    }

    private func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }

    /// What comes out of a module for what came in.
    struct Outcome {
        /// The port that it left by; nil when it was dropped.
        var port: Int?
        var frame: [UInt8]
        var nanoseconds: UInt32

        /// `2: udp 192.0.2.1:5000 > 198.51.100.7:53`, or `dropped`.
        var text: String { port.map { "\($0): " + NATPacket.text(frame) } ?? "dropped" }
    }

    /// Sends a frame into a port.
    func send(_ frame: [UInt8], into port: Int) async throws -> Outcome {
        let before = try await sent()
        let folder = "\(root)/modules/nat" + (hook == .xdp ? "/xdp" : "")
        let run = try BPFProgram(pinned: "\(folder)/ports/\(port)").testRun(data: frame)
        let after = try await sent()
        let to = zip(before, after).enumerated().first { $0.element.1 > $0.element.0 }.map { $0.offset + 1 }
        return Outcome(port: to, frame: run.data, nanoseconds: run.duration)
    }

    /// Sends a frame into a port, and says what came out.
    func text(of frame: [UInt8], into port: Int) async throws -> String {
        try await send(frame, into: port).text
    }

    /// The same for an ICMP error that quotes a datagram.
    func error(_ text: String, type: UInt8, quoting datagram: [UInt8], into port: Int) async throws -> String {
        try await self.text(of: NATPacket.error(text, type: type, quoting: datagram), into: port)
    }

    /// The same for a packet by its text.
    @discardableResult
    func callAsFunction(_ port: Int, _ text: String) async throws -> String {
        try await send(NATPacket.frame(text), into: port).text
    }

    /// The same without asking which port: for many packets.
    func run(_ frame: [UInt8], into port: Int, times: Int = 1) throws -> TestRun {
        let folder = "\(root)/modules/nat" + (hook == .xdp ? "/xdp" : "")
        return try BPFProgram(pinned: "\(folder)/ports/\(port)").testRun(data: frame, repeat: times)
    }

    private func sent() async throws -> [UInt64] {
        let counters = try await dataplane.counters(ofModule: "m:nat")
        return (1...2).map { counters.ports[$0].txPackets }
    }

    func map(_ table: String) throws -> BPFMap { try BPFMap(pinned: "\(root)/modules/nat/tables/\(table)") }

    func size(_ table: String) throws -> Int { try map(table).entries(limit: .max).count }

    /// Packets that were dropped, by the number of the reason.
    func drops(_ reason: Int) throws -> UInt64 {
        let values = try map("drops").perCPUValues(for: StructureBytes().u32(reason).bytes) ?? []
        return values.reduce(0) { sum, bytes in
            var reader = StructureReader(bytes)
            return sum + reader.u64()
        }
    }

    /// `struct hover_table_counts` of the sessions: how many there are, begun, expired, removed, refused.
    func sessionCounts() throws -> [UInt64] {
        var reader = StructureReader(try map("sessions_counts").value(for: [0, 0, 0, 0]) ?? [])
        return (0..<5).map { _ in reader.u64() }
    }
}
