// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import ModuleCompiler
import TestSupport

/// How long it takes from an upload to the first packet through it.
struct InjectBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inject", abstract: "ms from the upload of a module to the first packet through it.")

    private static let rounds = 11

    func run() async throws {
        var figures: [String: [Double]] = [:]
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let path = try await FirstPacket(from: left, to: right, address: "10.0.0.2")
            let environment = ProcessInfo.processInfo.environment
            let compiler = ModuleCompiler(
                clang: try ClangInstallation.find(environment: environment),
                includeDirectory: try findIncludeDirectory(environment: environment))
            let text = try source("fifty.c")
            for _ in 0..<Self.rounds {
                let compiled = try await timed { try await compiler.compile(text, file: "fifty.c") }
                figures["compile", default: []].append(compiled.milliseconds)
                let source = ModuleRequest(name: "fifty", type: "bpf/forward", source: text, file: "fifty.c", ports: 2)
                try await inject(source, kind: "source", over: path, daemon, into: &figures)
                let object = ModuleRequest(
                    name: "fifty", type: "bpf/forward", object: Data(compiled.result.object).base64EncodedString(),
                    ports: 2)
                try await inject(object, kind: "object", over: path, daemon, into: &figures)
            }
        }
        var report = Report(bench: "inject", ours: "median")
        let add = { (report: inout Report, name: String, bar: Double?) in
            report.add(
                name, ours: median(figures[name] ?? []), unit: "ms", better: .lower, bar: bar.map { .value($0) })
        }
        add(&report, "compile", nil)
        add(&report, "source: compile and load", nil)
        add(&report, "source: first packet", 150)
        add(&report, "object: load", nil)
        add(&report, "object: first packet", 10)
        add(&report, "link", 2)
        add(&report, "link to an interface", 2)
        try report.finish()
    }

    /// One upload with its links, up to the first packet; then all is deleted.
    private func inject(
        _ request: ModuleRequest, kind: String, over path: FirstPacket, _ daemon: HoverDaemon,
        into figures: inout [String: [Double]]
    ) async throws {
        let client = daemon.client
        let start = ContinuousClock.now
        let created = try await timed { try await client.createModule(request) }
        let module = created.result.id
        let links = try await timed {
            _ = try await client.createLink(from: LinkEnd(node: "i:left"), to: LinkEnd(node: module, port: 1))
            _ = try await client.createLink(from: LinkEnd(node: module, port: 2), to: LinkEnd(node: "i:right"))
        }
        try path.send()
        let taken = (ContinuousClock.now - start).components
        let name = kind == "source" ? "source: compile and load" : "object: load"
        figures[name, default: []].append(created.milliseconds)
        figures["link to an interface", default: []].append(links.milliseconds / 2)
        figures["\(kind): first packet", default: []].append(
            Double(taken.seconds) * 1e3 + Double(taken.attoseconds) / 1e15)

        let other = try await client.createModule(request)
        let added = try await client.addPort(to: module)
        let link = try await timed {
            try await client.createLink(
                from: LinkEnd(node: module, port: added.number), to: LinkEnd(node: other.id, port: 1))
        }
        figures["link", default: []].append(link.milliseconds)
        try await client.deleteModule(other.id)
        try await client.deleteModule(module)
    }
}

/// Two UDP sockets in two hosts that know each other's addresses.
private struct FirstPacket {
    private let sender: Int32
    private let receiver: Int32

    init(from left: TestHost, to right: TestHost, address: String) async throws {
        try await left.learn(right, as: address)
        sender = try await Self.socket(in: left.namespace) { try Self.connect($0, address, 9) }
        receiver = try await Self.socket(in: right.namespace) { try Self.bind($0, address, 9) }
    }

    /// Sends one packet and waits until it is there, at most a second.
    func send() throws {
        var byte: UInt8 = 1
        guard Glibc.send(sender, &byte, 1, 0) == 1, recv(receiver, &byte, 1, 0) == 1 else {
            throw CommandFailure(command: ["first packet"], status: String(cString: strerror(errno)), output: "")
        }
    }

    /// A socket stays in the network namespace of the thread that made it.
    private static func socket(
        in namespace: String, _ prepare: @Sendable @escaping (Int32) throws -> Void
    ) async throws -> Int32 {
        try await inNamespace(namespace) {
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            guard descriptor >= 0 else { throw failure("make a socket") }
            try prepare(descriptor)
            return descriptor
        }
    }

    private static func connect(_ descriptor: Int32, _ address: String, _ port: UInt16) throws {
        try withAddress(address, port) { pointer, size in
            guard Glibc.connect(descriptor, pointer, size) == 0 else { throw failure("connect") }
        }
    }

    private static func bind(_ descriptor: Int32, _ address: String, _ port: UInt16) throws {
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try withAddress(address, port) { pointer, size in
            guard Glibc.bind(descriptor, pointer, size) == 0 else { throw failure("bind") }
        }
    }

    private static func withAddress(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
    ) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func failure(_ what: String) -> CommandFailure {
        CommandFailure(command: [what], status: String(cString: strerror(errno)), output: "")
    }
}
