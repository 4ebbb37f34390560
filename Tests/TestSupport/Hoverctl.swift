// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs `hoverctl` as a user does, against the `hoverd` at a socket.
public func hoverctl(_ words: [String], at socket: String, input: String = "") async throws -> CommandResult {
    try await attempt(
        ["env", "HOVER_ENDPOINT=\(socket)", HoverDaemon.products.appending(path: "hoverctl").path()] + words,
        input: input)
}

extension HoverDaemon {
    /// Runs `hoverctl` against it.
    public func hoverctl(_ words: String..., input: String = "") async throws -> CommandResult {
        try await TestSupport.hoverctl(words, at: socket, input: input)
    }

    /// `hoverctl apply`, which must succeed.
    ///
    /// - Returns: the lines that it printed.
    @discardableResult
    public func apply(_ manifest: String, _ words: String...) async throws -> [String] {
        let result = try await TestSupport.hoverctl(["apply", "-f", "-"] + words, at: socket, input: manifest)
        return try result.lines()
    }
}

extension DaemonSequence {
    /// Where the one that runs answers.
    public var socket: String { folder + "/hover.sock" }

    /// `hoverctl apply`, which must succeed.
    ///
    /// - Returns: the lines that it printed.
    @discardableResult
    public func apply(_ manifest: String, _ words: String...) async throws -> [String] {
        try await TestSupport.hoverctl(["apply", "-f", "-"] + words, at: socket, input: manifest).lines()
    }
}

extension CommandResult {
    /// What a command that succeeded printed.
    public func lines() throws -> [String] {
        guard succeeded else {
            throw CommandFailure(command: ["hoverctl"], status: status, output: output + errors)
        }
        return output.split(separator: "\n").map(String.init)
    }
}
