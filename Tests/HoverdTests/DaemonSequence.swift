// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport

/// One `hoverd` after the other on the same kernel state and store, each ended as a test likes.
final class DaemonSequence {
    let network: Network
    let folder: String
    private var process: Process?

    var client: HoverClient { HoverClient(endpoint: .unixSocket(path: folder + "/hover.sock")) }
    var pinFolder: String { "/sys/fs/bpf/\(network.name)" }
    var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }
    var processID: Int32 { process?.processIdentifier ?? 0 }

    private init(network: Network, folder: String) {
        self.network = network
        self.folder = folder
    }

    /// Runs `body` in a private network. Afterwards everything is removed, and must be.
    static func with(_ body: (DaemonSequence) async throws -> Void) async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let sequence = DaemonSequence(network: network, folder: folder)
            do {
                try await body(sequence)
            } catch {
                sequence.kill()
                _ = try? await attempt(sequence.command() + ["--down"])
                throw DaemonFailure(reason: "\(error)", log: sequence.log)
            }
            sequence.kill()
            try await shell(sequence.command() + ["--down"])
            try await HoverDaemon.checkResidue(network)
        }
    }

    func command() -> [String] {
        HoverDaemon.command(in: network, folder: folder)
    }

    /// Starts one, and waits until it answers.
    ///
    /// - Parameters:
    ///   - environment: besides this process's.
    ///   - build: another `hoverd` than the one that was built with this test.
    func start(
        environment: [String: String] = [:], arguments: [String] = [], build: String? = nil
    ) async throws {
        try spawn(environment: environment, arguments: arguments, build: build)
        try await wait(for: "hoverd to answer", atMost: .seconds(30)) {
            guard self.isRunning else { throw DaemonFailure(reason: "hoverd ended at its start", log: self.log) }
            return (try? await self.client.version()) != nil
        }
    }

    /// Starts one that may end before it answers; false when it did.
    func startOrEnd(environment: [String: String]) async throws -> Bool {
        try spawn(environment: environment, arguments: [])
        var answered = false
        try await wait(for: "hoverd to answer or to end", atMost: .seconds(30)) {
            if !self.isRunning { return true }
            answered = (try? await self.client.version()) != nil
            return answered
        }
        return answered
    }

    private func spawn(environment: [String: String], arguments: [String], build: String? = nil) throws {
        // A socket of one that was killed would answer nothing, and be taken for the new one's.
        try? FileManager.default.removeItem(atPath: folder + "/hover.sock")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command().map { $0.hasSuffix("/hoverd") ? build ?? $0 : $0 } + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if !FileManager.default.fileExists(atPath: folder + "/log") {
            _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
        }
        let log = try FileHandle(forWritingTo: URL(filePath: folder + "/log"))
        try log.seekToEnd()
        process.standardError = log
        process.standardOutput = log
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    var isRunning: Bool { process?.isRunning ?? false }

    /// `kill -9`, if it runs.
    func kill() {
        guard let process else { return }
        if process.isRunning {
            Foundation.kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        self.process = nil
    }

    /// As a service is stopped.
    func stop() throws {
        guard let process else { return }
        process.terminate()
        process.waitUntilExit()
        self.process = nil
        guard process.terminationStatus == 0 else {
            throw DaemonFailure(reason: "hoverd ended with \(process.terminationStatus)", log: log)
        }
    }
}

extension DaemonSequence {
    @discardableResult
    func forward(_ name: String, source: String = Source.redirect, ports: Int = 2) async throws -> Module {
        try await client.createModule(
            ModuleRequest(name: name, type: "bpf/forward", source: source, file: "\(name).c", ports: ports))
    }

    @discardableResult
    func link(_ from: String, _ port: Int? = nil, to: String, _ other: Int? = nil) async throws -> Link {
        try await client.createLink(from: LinkEnd(node: from, port: port), to: LinkEnd(node: to, port: other))
    }

    /// Two hosts behind one module.
    func oneModule() async throws -> (left: TestHost, right: TestHost) {
        let left = try await network.addHost("left", address: "10.0.0.1/24", "fd00::1/64")
        let right = try await network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
        try await forward("middle")
        try await link("i:left", to: "middle", 1)
        try await link("middle", 2, to: "i:right")
        return (left, right)
    }
}
