// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport

/// A `hoverd` that is killed and started again, on a store and a kernel that stay.
final class LastingDaemon {
    let network: Network
    /// Of socket, lock and log.
    private let folder: String
    /// Of the store: on a disk, as in earnest, for `/tmp` may be in memory.
    private let stateFolder: String
    private var process: Process?
    /// Changes of a thousand modules take their time.
    let client: HoverClient

    private init(network: Network) {
        self.network = network
        folder = "/tmp/" + network.name
        stateFolder = FileManager.default.currentDirectoryPath + "/.build/bench/" + network.name
        client = HoverClient(endpoint: .unixSocket(path: folder + "/hover.sock"), limit: .seconds(600))
    }

    /// Runs `body` in a private network; afterwards everything is removed.
    static func with(_ body: (LastingDaemon) async throws -> Void) async throws {
        try await Network.with { network in
            let daemon = LastingDaemon(network: network)
            let folders = [daemon.folder, daemon.stateFolder]
            for folder in folders {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            defer { folders.forEach { try? FileManager.default.removeItem(atPath: $0) } }
            do {
                try await body(daemon)
            } catch {
                daemon.kill()
                _ = try? await daemon.takeDown()
                throw DaemonFailure(reason: "\(error)", log: daemon.log)
            }
            daemon.kill()
            try await daemon.takeDown()
            try await HoverDaemon.checkResidue(network)
        }
    }

    private var command: [String] {
        HoverDaemon.command(in: network, folder: folder, stateFolder: stateFolder)
    }

    /// Removes all from the kernel, as a reboot does; the store stays.
    func takeDown() async throws {
        try await shell(command + ["--down"])
    }

    /// Starts one.
    ///
    /// - Returns: milliseconds from its execution to its first answer.
    @discardableResult
    func start() async throws -> Double {
        let socket = folder + "/hover.sock"
        try? FileManager.default.removeItem(atPath: socket)
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        let file = try FileHandle(forWritingTo: URL(filePath: logPath))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command + ["--log-level", "debug"]
        process.standardError = file
        process.standardOutput = file
        process.standardInput = FileHandle.nullDevice
        self.process = process
        return try await timed {
            try process.run()
            try await wait(for: "hoverd to answer", atMost: .seconds(120)) {
                guard process.isRunning else { throw DaemonFailure(reason: "hoverd ended at its start", log: log) }
                guard FileManager.default.fileExists(atPath: socket) else { return false }
                return (try? await client.version()) != nil
            }
        }.milliseconds
    }

    /// `kill -9`, if it runs.
    func kill() {
        guard let process else { return }
        if process.isRunning {
            Foundation.kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        self.process = nil
    }

    private var logPath: String { folder + "/log" }

    /// Of the last one that was started.
    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// The milliseconds that the parts of something took, as the log's last line about it says.
    func phases(of what: String) -> [(name: String, milliseconds: Double)] {
        guard let line = log.split(separator: "\n").last(where: { $0.contains("\(what): ") }),
            let start = line.range(of: "\(what): ")
        else { return [] }
        return line[start.upperBound...].split(separator: ",").compactMap { part in
            let words = part.split(separator: " ")
            guard words.count >= 3, let value = Double(words[words.count - 2]) else { return nil }
            return (words.dropLast(2).joined(separator: " "), value)
        }
    }

    /// Its resident memory in MB (2^20 bytes).
    var residentMegabytes: Double {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(process?.processIdentifier ?? 0)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            return Double(line?.split(whereSeparator: { $0 == " " || $0 == "\t" })[1] ?? "").map { $0 / 1024 } ?? .nan
        }
    }
}
