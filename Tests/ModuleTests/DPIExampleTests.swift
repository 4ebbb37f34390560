// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The example does what its README says.
@Suite struct DPIExampleTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "examples/dpi").path()

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
            var outputs: [String] = []
            for block in try Self.blocks() {
                let commands = block.replacing("ns$i", with: "\(prefix)$i")
                    .replacing(/\bns([12])\b/) { "\(prefix)\($0.output.1)" }
                    .replacing("ip netns exec \(prefix)", with: "nsenter --net=/run/netns/\(prefix)")
                let script = """
                    set -e
                    PATH=\(HoverDaemon.products.path()):$PATH
                    export HOVER_ENDPOINT=\(daemon.socket)
                    cd \(Self.folder)
                    \(commands)
                    """
                outputs.append(try await daemon.network.run("bash", "-c", script))
            }
            #expect(outputs[2].contains("hello"), "the other transfer ends, or the block would fail")
            #expect(outputs[3].contains("www.example.com"), "\(outputs[3])")
            #expect(outputs[3].contains("www.youtube.com"))
            #expect(try await DPITests.count("blocked", of: "YouTube", in: "apps", daemon.client) > 0)
        }
    }
}
