// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs `body` with the path of a folder that has these files, by their paths in it.
func withFolder<Result>(
    _ files: [String: String], _ body: (String) async throws -> Result
) async throws -> Result {
    let folder = URL(filePath: "/tmp/hoverctl-\(UUID().uuidString)", directoryHint: .isDirectory)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (path, content) in files {
        let file = folder.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
    }
    return try await body(folder.path().hasSuffix("/") ? String(folder.path().dropLast()) : folder.path())
}
