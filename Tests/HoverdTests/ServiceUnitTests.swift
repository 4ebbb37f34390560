// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

private let analyze = "/usr/bin/systemd-analyze"

/// The unit that `make install` installs.
@Suite struct ServiceUnitTests {
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: analyze), "needs \(analyze) (package systemd)"))
    func `systemd finds nothing wrong with it`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "unit-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appending(path: "bin"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "bin/hoverd"), withDestinationURL: HoverDaemon.products.appending(path: "hoverd")
        )
        let unit = folder.appending(path: "hoverd.service")
        try text(prefix: folder.path()).write(to: unit, atomically: true, encoding: .utf8)

        // It only warns of keys that it does not know, and ends with 0.
        let result = try await attempt([analyze, "verify", "--man=no", unit.path()])
        #expect(result.succeeded)
        #expect(result.output + result.errors == "")
    }

    @Test func `interfaces come up behind it, and its folders are its own`() throws {
        let lines = try text(prefix: "/usr/local").split(separator: "\n")
        for line in [
            "After=network-pre.target", "Before=network.target", "RuntimeDirectory=hover",
            "RuntimeDirectoryMode=0700", "StateDirectory=hover", "StateDirectoryMode=0700",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
    }

    /// As `scripts/install` fills it in.
    private func text(prefix: String) throws -> String {
        let project = URL(filePath: #filePath).appending(path: "../../..").standardized
        return try String(contentsOf: project.appending(path: "dist/hoverd.service"), encoding: .utf8)
            .replacing("@PREFIX@", with: prefix)
    }
}
