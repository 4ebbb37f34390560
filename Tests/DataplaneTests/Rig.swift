// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Logging
import ModuleCompiler
import TestSupport

/// A data plane of a test's own, with modules compiled from source, whose programs are run on packets without a device.
struct Rig {
    let dataplane: Dataplane
    let root: String
    private let compiler: ModuleCompiler

    /// One for all tests: it bounds how many compilations run at once.
    static let compiler = Result {
        let environment = ProcessInfo.processInfo.environment
        return ModuleCompiler(
            clang: try ClangInstallation.find(environment: environment),
            includeDirectory: try findIncludeDirectory(environment: environment), seconds: 10 * patience)
    }

    /// Runs `body` with an empty data plane, which is cleared afterwards, whatever happens.
    static func with(_ body: (Rig) async throws -> Void) async throws {
        try Host.prepare(pinFolder: "/sys/fs/bpf")
        let root = "/sys/fs/bpf/hover-rig-" + UUID().uuidString.prefix(8).lowercased()
        let rig = Rig(
            dataplane: try Dataplane(layout: PinLayout(root: root), logger: Logger(label: "rig")), root: root,
            compiler: try compiler.get())
        do {
            try await rig.dataplane.prepare()
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

    /// Compiles and loads a module with programs for its first ports.
    @discardableResult
    func load(
        _ name: String, _ source: String, ports: Int = 2, maxPort: Int = 16, isPolicy: Bool = false,
        number: UInt32 = 42,
        atXDP: Bool = false
    ) async throws -> [String: ModuleTable] {
        let object = try await compiler.compile(source, file: name + ".c").object
        let xdpObject =
            atXDP ? try await compiler.compile(source, file: name + ".c", defining: ["HOVER_XDP"]).object : nil
        let image = ModuleImage(
            code: ModuleCode(ModuleObjects(tc: object, xdp: xdpObject)), number: number, isPolicy: isPolicy,
            maxPort: maxPort, config: [:])
        let tables = try await dataplane.loadModule("m:" + name, image: image)
        if atXDP {
            try await dataplane.loadModuleAtXDP("m:" + name)
        }
        for port in 1...max(ports, 1) where ports > 0 {
            try await dataplane.loadPort(port, ofModule: "m:" + name)
        }
        return Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0) })
    }

    /// Links port to port in one direction.
    func wire(_ from: String, _ port: Int, to: String, _ other: Int) async throws {
        try await dataplane.wire(
            .port(module: "m:" + from, number: port), to: .port(module: "m:" + to, number: other))
    }

    /// What a module does with a packet that it receives on a port.
    func receive(_ packet: [UInt8], on port: Int = 1, of name: String, at hook: Hook = .tc) throws -> TestRun {
        let folder = "\(root)/modules/\(name)" + (hook == .xdp ? "/xdp" : "")
        return try BPFProgram(pinned: "\(folder)/ports/\(port)").testRun(data: packet)
    }

    /// The same for a packet that comes many times over.
    func receive(_ packet: [UInt8], of name: String, times: Int) throws {
        _ = try BPFProgram(pinned: "\(root)/modules/\(name)/ports/1").testRun(data: packet, repeat: times)
    }

    /// The same for a GSO packet.
    func receive(_ packet: [UInt8], of name: String, segmentSize: UInt32) throws {
        // struct __sk_buff (include/uapi/linux/bpf.h): gso_segs at 164, gso_size at 176.
        var context = [UInt8](repeating: 0, count: 192)
        context[164] = 2
        context.replaceSubrange(176..<180, with: withUnsafeBytes(of: segmentSize.littleEndian) { Array($0) })
        _ = try BPFProgram(pinned: "\(root)/modules/\(name)/ports/1").testRun(data: packet, context: context)
    }

    func setEntry(_ key: [UInt8], to value: [UInt8], of table: String, in name: String) async throws {
        try BPFMap(pinned: "\(root)/modules/\(name)/tables/\(table)").set(value, for: key)
    }

    func counters(_ name: String) async throws -> ModuleCount {
        try await dataplane.counters(ofModule: "m:" + name)
    }
}

extension TestRun {
    /// The verdict as the kernel's traffic control reads it.
    var verdict: Int32 { Int32(bitPattern: returnValue) }
}

/// Verdicts of traffic control (include/uapi/linux/pkt_cls.h).
enum Verdict {
    static let unspecified: Int32 = -1
    static let shot: Int32 = 2
}

/// An Ethernet frame of 64 bytes.
let frame: [UInt8] =
    [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5] + [UInt8](repeating: 0x5a, count: 50)
