// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Pings that go on while something is changed, a hundred a second.
public struct Pinging {
    private let process: Process
    private let output: URL

    private init(process: Process, output: URL) {
        self.process = process
        self.output = output
    }

    /// Pings an address from a host while `body` runs.
    ///
    /// - Returns: the sequence numbers that were not answered, of those before the last answer.
    public static func losses(
        from host: TestHost, to address: String, while body: () async throws -> Void
    ) async throws -> [Int] {
        let pinging = try start(from: host, to: address)
        do {
            try await pinging.waitForAnswers(3)
            try await body()
            try await pinging.waitForAnswers(pinging.answered().count + 5)
        } catch {
            _ = try? pinging.stop()
            throw error
        }
        return try pinging.stop()
    }

    private static func start(from host: TestHost, to address: String) throws -> Pinging {
        let output = FileManager.default.temporaryDirectory.appending(path: "ping-" + UUID().uuidString)
        _ = FileManager.default.createFile(atPath: output.path(), contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "stdbuf", "-oL", "nsenter", "--net=/run/netns/\(host.namespace)", "ping", "-n", "-i", "0.01", address,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        return Pinging(process: process, output: output)
    }

    /// Of the answers that came, in their order.
    private func answered() throws -> [Int] {
        try String(contentsOf: output, encoding: .utf8).split(separator: "\n").compactMap { line in
            guard line.hasPrefix("64 bytes"), line.hasSuffix("ms"), let mark = line.range(of: "icmp_seq=") else {
                return nil
            }
            return Int(line[mark.upperBound...].prefix { $0.isNumber })
        }
    }

    private func waitForAnswers(_ count: Int) async throws {
        try await wait(for: "\(count) answers to pings") { try answered().count >= count }
    }

    private func stop() throws -> [Int] {
        process.terminate()
        process.waitUntilExit()
        defer { try? FileManager.default.removeItem(at: output) }
        let answers = Set(try answered())
        return (1...(answers.max() ?? 1)).filter { !answers.contains($0) }
    }
}
