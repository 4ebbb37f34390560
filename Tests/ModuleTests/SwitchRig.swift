// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Logging
import ModuleKit
import NullModule
import SwitchModule
import TypedValue

/// A switch in a data plane of a test's own, whose programs are run on frames without a device. Each of its ports leads
/// to a module of its own, which counts what it gets.
struct SwitchRig {
    let dataplane: Dataplane
    private let root: String
    private let ports: ClosedRange<Int>

    private static let number: UInt32 = 42

    /// Runs `body` with a switch whose ports from 1 on are linked.
    static func with(
        _ configuration: TypedValue = [:], ports: Int = 4, atXDP: Bool = false,
        _ body: (SwitchRig) async throws -> Void
    ) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-switch-" + UUID().uuidString.prefix(8).lowercased()
        let rig = SwitchRig(
            dataplane: try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "rig")), root: root,
            ports: 1...ports)
        do {
            try await rig.dataplane.prepare()
            try await rig.load(configuration, atXDP: atXDP)
            try await body(rig)
        } catch {
            try await rig.remove()
            throw error
        }
        try await rig.remove()
    }

    private func remove() async throws {
        try await dataplane.clear()
        try Host.release(pinFolder: root)
    }

    private func load(_ configuration: TypedValue, atXDP: Bool) async throws {
        let setup = try switchSetup(configuration)
        try await add("switch", SwitchType().objects, Self.number, config: setup.constants, ports: ports, atXDP: atXDP)
        for table in setup.tables {
            for (key, value) in table.entries {
                try self.table(table.name).set(value, for: key)
            }
        }
        for port in ports {
            try await add(
                "end-\(port)", NullType().objects, UInt32(100 + port), config: [:], ports: 1...1, atXDP: atXDP)
            try await dataplane.wire(
                .port(module: "m:switch", number: port), to: .port(module: "m:end-\(port)", number: 1))
        }
    }

    private func add(
        _ name: String, _ objects: ModuleObjects, _ number: UInt32, config: [String: TypedValue],
        ports: ClosedRange<Int>, atXDP: Bool
    ) async throws {
        let image = ModuleImage(
            code: ModuleCode(objects), number: number, isPolicy: false, maxPort: 64, config: config)
        _ = try await dataplane.loadModule("m:" + name, image: image)
        if atXDP {
            try await dataplane.loadModuleAtXDP("m:" + name)
        }
        for port in ports {
            try await dataplane.loadPort(port, ofModule: "m:" + name)
        }
    }

    /// What the switch does with a frame that comes by a port.
    @discardableResult
    func receive(_ frame: [UInt8], on port: Int, at hook: Hook = .tc, times: Int = 1) throws -> TestRun {
        let folder = "\(root)/modules/switch" + (hook == .xdp ? "/xdp" : "")
        return try BPFProgram(pinned: "\(folder)/ports/\(port)").testRun(data: frame, repeat: times)
    }

    /// How many frames each port's module got.
    func sent() async throws -> [Int] {
        var sent: [Int] = []
        for port in ports {
            sent.append(Int(try await dataplane.counters(ofModule: "m:end-\(port)").ports[1].rxPackets))
        }
        return sent
    }

    /// The ports that get a frame.
    func ports(thatGet frame: [UInt8], from port: Int, at hook: Hook = .tc) async throws -> Set<Int> {
        let before = try await sent()
        try receive(frame, on: port, at: hook)
        return Set(zip(before, try await sent()).enumerated().filter { $1.0 != $1.1 }.map { $0.offset + 1 })
    }

    func table(_ name: String) throws -> BPFMap {
        try BPFMap(pinned: "\(root)/modules/switch/tables/\(name)")
    }

    /// What the module drops, by the framework's count.
    func drops() async throws -> UInt64 {
        try await dataplane.counters(ofModule: "m:switch").drops.values.reduce(0, +)
    }

    /// What `hoverctl get module` would show.
    func state(_ configuration: TypedValue = [:], limit: Int = 100) async throws -> TypedValue {
        .object(try await SwitchType().state(of: RigModule(rig: self, current: configuration), limit: limit))
    }

    /// The drops by reason that are not 0, in all ports.
    func reasons(_ configuration: TypedValue = [:]) async throws -> [String: UInt64] {
        nonzero(try await state(configuration)["drops"])
    }

    /// The counts that are not 0, in all ports.
    func counts(_ configuration: TypedValue = [:]) async throws -> [String: UInt64] {
        nonzero(try await state(configuration)["counts"])
    }

    private func nonzero(_ value: TypedValue?) -> [String: UInt64] {
        guard case .object(let members)? = value else { return [:] }
        return members.compactMapValues { if case .unsigned(let number) = $0, number > 0 { number } else { nil } }
    }
}

/// What a configuration means, or the error that it is refused with.
func switchSetup(_ configuration: TypedValue) throws(ConfigError) -> ModuleSetup {
    let reader = try ConfigReader(configuration)
    let setup = try SwitchType().setup(reader)
    try reader.finish()
    return setup
}

extension TypedValue {
    subscript(name: String) -> TypedValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }
}

/// The switch of a rig, as its type's `state` reaches it.
private struct RigModule: RunningModule {
    let rig: SwitchRig
    let current: TypedValue
    let id = "m:switch"
    let name = "switch"
    let logger = Logger(label: "rig")

    struct NotHere: Error {}

    func configurations() async -> AsyncStream<TypedValue> { once(current) }
    func configuration() async -> TypedValue { current }
    func links() async -> AsyncStream<[Int: LinkedPort]> { once([1: LinkedPort(peer: "end-1")]) }

    private func once<Element: Sendable>(_ element: Element) -> AsyncStream<Element> {
        AsyncStream {
            $0.yield(element)
            $0.finish()
        }
    }

    func publish(_ addresses: PublishedAddresses, port: Int) async {}

    func packets(_ limits: SlowPathLimits) async throws -> PacketIns { throw NotHere() }
    func send(_ packet: PacketOut, _ direction: PacketDirection, port: Int) async throws { throw NotHere() }
    func release(_ key: UInt64) async throws { throw NotHere() }

    func value(of key: [UInt8], in table: String) async throws -> [UInt8]? { try rig.table(table).value(for: key) }
    func entries(of table: String, limit: Int) async throws -> [(key: [UInt8], value: [UInt8])] {
        try rig.table(table).entries(limit: limit).map { ($0.key, Array($0.values.joined())) }
    }
    func set(_ value: [UInt8], for key: [UInt8], in table: String) async throws {
        try rig.table(table).set(value, for: key)
    }
    func remove(_ key: [UInt8], from table: String) async throws -> Bool { try rig.table(table).remove(key) }

    func remember(_ value: [UInt8], for key: [UInt8]) async throws { throw NotHere() }
    func forget(_ key: [UInt8]) async throws { throw NotHere() }
    func memory() async throws -> [[UInt8]: [UInt8]] { [:] }
}
