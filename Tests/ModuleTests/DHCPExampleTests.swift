// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The example does what its README says.
@Suite struct DHCPExampleTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "examples/dhcp").path()

    /// The shell commands of the README, block by block.
    private static func blocks() throws -> [String] {
        let text = try String(contentsOfFile: folder + "/README.md", encoding: .utf8)
        return text.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    @Test func theReadmesCommandsWork() async throws {
        try await HoverDaemon.with { daemon in
            // Namespaces and files get names of this test's own.
            let prefix = daemon.network.name + "-ns"
            let blocks = try Self.blocks().map { block in
                """
                set -e
                PATH=\(HoverDaemon.products.path()):$PATH
                export HOVER_ENDPOINT=\(daemon.socket)
                cd \(Self.folder)
                \(block.replacing("ns$i", with: "\(prefix)$i").replacing(/\bns([123])\b/) { "\(prefix)\($0.output.1)" }
                    .replacing("/tmp/lease", with: daemon.folder + "/lease"))
                """
            }
            for block in blocks.dropLast() {
                try await daemon.network.run("bash", "-c", block)
            }
            let state = DHCPShown(try await daemon.client.state(of: "mydhcp"))
            #expect(
                state.leases == ["192.168.1.100 bound", "192.168.1.101 bound", "192.168.1.102 bound"])
            // The last one removes all of it.
            try await daemon.network.run("bash", "-c", blocks[blocks.count - 1])
            #expect(try await daemon.client.modules().isEmpty)
        }
    }
}
