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
        let reader = try ConfigReader(configuration)
        let setup = try SwitchType().setup(reader)
        try reader.finish()
        try await add("switch", SwitchType().objects, Self.number, config: setup.constants, ports: ports, atXDP: atXDP)
        for table in setup.tables {
            for (key, value) in table.entries {
                try BPFMap(pinned: "\(root)/modules/switch/tables/\(table.name)").set(value, for: key)
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

    func table(_ name: String) throws -> BPFMap {
        try BPFMap(pinned: "\(root)/modules/switch/tables/\(name)")
    }
}

/// An Ethernet frame of 64 bytes.
func frame(from source: UInt8, to destination: UInt8, type: [UInt8] = [0x88, 0xb5]) -> [UInt8] {
    [2, 0, 0, 0, 0, destination, 2, 0, 0, 0, 0, source] + type + [UInt8](repeating: 0x5a, count: 64 - 12 - type.count)
}
