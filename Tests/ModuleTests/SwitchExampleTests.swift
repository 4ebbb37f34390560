// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The example does what its README says.
@Suite struct SwitchExampleTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "examples/switch").path()

    /// The shell commands of the README, block by block.
    private static func blocks() throws -> [String] {
        let text = try String(contentsOfFile: folder + "/README.md", encoding: .utf8)
        return text.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    @Test func theReadmesCommandsWork() async throws {
        try await HoverDaemon.with { daemon in
            // The namespaces get names of this test's own.
            let prefix = daemon.network.name + "-ns"
            for block in try Self.blocks() {
                let script = """
                    set -e
                    PATH=\(HoverDaemon.products.path()):$PATH
                    export HOVER_ENDPOINT=\(daemon.socket)
                    cd \(Self.folder)
                    \(block.replacing("ns$i", with: "\(prefix)$i").replacing(/\bns([123])\b/) { "\(prefix)\($0.output.1)" })
                    """
                try await daemon.network.run("bash", "-c", script)
            }
            let shown = try await daemon.hoverctl("get", "module", "upstairs").output
            #expect(shown.contains("veth3"), "\(shown)")
        }
    }
}
