// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI

/// One `hoverd` after the other on the same kernel state and store, each ended as a test likes.
public final class DaemonSequence {
    /// Where they run.
    public let network: Network
    /// Of their socket, log and store.
    public let folder: String
    private var process: Process?

    /// For the one that runs.
    public var client: HoverClient { HoverClient(endpoint: .unixSocket(path: folder + "/hover.sock")) }
    /// Of its pins.
    public var pinFolder: String { "/sys/fs/bpf/\(network.name)" }
    /// What all of them have logged.
    public var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }
    /// 0 when none runs.
    public var processID: Int32 { process?.processIdentifier ?? 0 }

    private init(network: Network, folder: String) {
        self.network = network
        self.folder = folder
    }

    /// Runs `body` in a private network. Afterwards everything is removed, and must be.
    public static func with(_ body: (DaemonSequence) async throws -> Void) async throws {
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

    /// The command line of the next one.
    public func command() -> [String] {
        HoverDaemon.command(in: network, folder: folder)
    }

    /// Starts one, and waits until it answers.
    ///
    /// - Parameters:
    ///   - environment: besides this process's.
    ///   - build: another `hoverd` than the one that was built with this test.
    public func start(
        environment: [String: String] = [:], arguments: [String] = [], build: String? = nil
    ) async throws {
        try spawn(environment: environment, arguments: arguments, build: build)
        try await wait(for: "hoverd to answer", atMost: .seconds(30)) {
            guard self.isRunning else { throw DaemonFailure(reason: "hoverd ended at its start", log: self.log) }
            return (try? await self.client.version()) != nil
        }
    }

    /// Starts one that may end before it answers; false when it did.
    public func startOrEnd(environment: [String: String]) async throws -> Bool {
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

    /// Whether one runs.
    public var isRunning: Bool { process?.isRunning ?? false }

    /// `kill -9`, if it runs.
    public func kill() {
        guard let process else { return }
        if process.isRunning {
            Foundation.kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        self.process = nil
    }

    /// As a service is stopped.
    public func stop() throws {
        guard let process else { return }
        process.terminate()
        process.waitUntilExit()
        self.process = nil
        guard process.terminationStatus == 0 else {
            throw DaemonFailure(reason: "hoverd ended with \(process.terminationStatus)", log: log)
        }
    }
}
