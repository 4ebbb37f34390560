// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of hoverctl, of hoverd and of its kernel.",
        discussion: """
            Example:
              hoverctl version
              hoverctl version -o json
            """)

    @OptionGroup var common: CommonOptions

    struct Versions: Codable, Hashable {
        var client: String
        var server: Version
    }

    func run() async throws {
        let server: Version
        do {
            server = try await common.client.version()
        } catch {
            // One's own version can be told all the same.
            try common.confirm("hoverctl \(hoverVersion)")
            throw error
        }
        try common.confirm(
            Versions(client: hoverVersion, server: server), "hoverctl \(hoverVersion)", "hoverd \(server.version)",
            "kernel \(server.kernel)")
    }
}
