// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A `hoverd` process of a test's own.
public struct HoverDaemon: Sendable {
    public let network: Network
    public let client: HoverClient
    /// The folder of its socket, lock and log.
    public let folder: String
    public let pinFolder: String
    public let processID: Int32

    public var socket: String { folder + "/hover.sock" }

    /// What it has logged so far.
    public var log: String {
        get throws { try String(contentsOfFile: folder + "/log", encoding: .utf8) }
    }

    /// The folder of the executables that were built with the running one.
    public static var products: URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    }

    /// Runs `body` with a `hoverd` in a private network, which is stopped afterwards. Fails when it left anything
    /// behind, or logged a warning that `expected` does not allow.
    ///
    /// - Parameters:
    ///   - arguments: besides those for the folders.
    ///   - expected: parts of warnings that belong to the test.
    public static func with(
        arguments: [String] = [], expectedWarnings expected: [String] = [],
        _ body: (HoverDaemon) async throws -> Void
    ) async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try await run(in: network, folder: folder, arguments: arguments, body)
            try checkLog(String(contentsOfFile: folder + "/log", encoding: .utf8), expected: expected)
            try await checkResidue(network)
        }
    }

    private static func pins(of network: Network) -> String { "/sys/fs/bpf/\(network.name)" }

    /// The command line of a `hoverd` with folders of its own in a network's namespace.
    public static func command(
        in network: Network, folder: String, pinFolder: String? = nil, stateFolder: String? = nil
    ) -> [String] {
        [
            "nsenter", "--net=/run/netns/\(network.namespace)", products.appending(path: "hoverd").path(),
            "--run-dir", folder, "--bpffs", pinFolder ?? pins(of: network), "--state-dir",
            stateFolder ?? folder + "/state", "--compile-seconds", "\(10 * patience)",
        ]
    }

    /// Runs `body` with a `hoverd` in a network that is there, and stops it.
    ///
    /// - Parameter leavingTraffic: what it has in the kernel stays, as when a service is stopped.
    public static func run(
        in network: Network, folder: String, arguments: [String] = [], leavingTraffic: Bool = false,
        _ body: (HoverDaemon) async throws -> Void
    ) async throws {
        let words = command(in: network, folder: folder) + arguments
        let log = try FileDescriptor.open(
            folder + "/log", .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        let result = try await Subprocess.run(
            .name(words[0]), arguments: Arguments(Array(words.dropFirst())), input: .none,
            output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: true)
        ) { execution in
            let daemon = HoverDaemon(
                network: network, client: HoverClient(endpoint: .unixSocket(path: folder + "/hover.sock")),
                folder: folder, pinFolder: pins(of: network), processID: execution.processIdentifier.value)
            do {
                try await daemon.waitUntilReady()
                try await body(daemon)
                if !leavingTraffic, kill(daemon.processID, 0) == 0 {
                    try? await daemon.client.down()
                    try await wait(for: "hoverd to end", atMost: .seconds(20)) {
                        !FileManager.default.fileExists(atPath: daemon.socket)
                    }
                }
            } catch {
                try? await daemon.client.down()
                await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(10 * patience))])
                throw DaemonFailure(reason: "\(error)", log: (try? daemon.log) ?? "")
            }
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(20 * patience))])
        }
        guard result.terminationStatus.isSuccess else {
            throw DaemonFailure(
                reason: "hoverd ended with \(result.terminationStatus)",
                log: try String(contentsOfFile: folder + "/log", encoding: .utf8))
        }
    }

    private func waitUntilReady() async throws {
        try await wait(for: "hoverd to answer at \(socket)", atMost: .seconds(20)) {
            guard kill(processID, 0) == 0 else {
                throw DaemonFailure(reason: "hoverd ended at its start", log: try log)
            }
            guard FileManager.default.fileExists(atPath: socket) else { return false }
            return (try? await client.version()) != nil
        }
    }

    private static func checkLog(_ log: String, expected: [String]) throws {
        let unexpected = log.split(separator: "\n").filter { line in
            (line.contains(" warning ") || line.contains(" error ") || line.contains("Fatal error"))
                && !expected.contains { line.contains($0) }
        }
        guard unexpected.isEmpty else {
            throw DaemonFailure(reason: "hoverd warned:\n" + unexpected.joined(separator: "\n"), log: "")
        }
    }

    /// Fails when there are pins, programs on interfaces, or interfaces that are promiscuous.
    public static func checkResidue(_ network: Network) async throws {
        let pinFolder = pins(of: network)
        guard !FileManager.default.fileExists(atPath: pinFolder) else {
            throw DaemonFailure(reason: "hoverd left pins in \(pinFolder)", log: "")
        }
        let attached = try await network.programs()
        guard attached.isEmpty else {
            throw DaemonFailure(reason: "hoverd left programs on interfaces: \(attached)", log: "")
        }
        let promiscuous = try await network.ip("-o", "link", "show").split(separator: "\n").filter {
            $0.contains("PROMISC")
        }
        guard promiscuous.isEmpty else {
            throw DaemonFailure(reason: "hoverd left interfaces promiscuous: \(promiscuous)", log: "")
        }
    }
}

/// A `hoverd` that did not do what a test asked of it.
public struct DaemonFailure: Error, CustomStringConvertible {
    public let reason: String
    public let log: String

    public init(reason: String, log: String) {
        self.reason = reason
        self.log = log
    }

    public var description: String { log.isEmpty ? reason : "\(reason)\nits log:\n\(log)" }
}
