// SPDX-License-Identifier: Apache-2.0

import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A command that ended with another status than 0.
public struct CommandFailure: Error, CustomStringConvertible {
    public let command: [String]
    public let status: String
    public let output: String

    public init(command: [String], status: String, output: String) {
        self.command = command
        self.status = status
        self.output = output
    }

    public var description: String { "`\(command.joined(separator: " "))`: \(status)\n\(output)" }
}

/// Runs a command to its end and gives its standard output.
///
/// - Throws: `CommandFailure` with what it printed, when it does not end with status 0.
@discardableResult
public func shell(_ command: String..., input: String = "") async throws -> String {
    try await shell(command, input: input)
}

/// The same for a command that was put together.
@discardableResult
public func shell(_ command: [String], input: String = "") async throws -> String {
    let result = try await attempt(command, input: input)
    guard result.succeeded else {
        throw CommandFailure(command: command, status: result.status, output: result.output + result.errors)
    }
    return result.output
}

/// What a command that may fail answered.
public struct CommandResult: Sendable {
    public let status: String
    public let succeeded: Bool
    public let output: String
    public let errors: String
}

/// Runs a command to its end, whatever its status.
public func attempt(_ command: [String], input: String = "") async throws -> CommandResult {
    let limit = 64 << 20
    let result = try await run(
        command[0].contains("/") ? .path(FilePath(command[0])) : .name(command[0]),
        arguments: Arguments(Array(command.dropFirst())), input: .string(input),
        output: .string(limit: limit), error: .string(limit: limit))
    return CommandResult(
        status: "\(result.terminationStatus)", succeeded: result.terminationStatus.isSuccess,
        output: result.standardOutput, errors: result.standardError)
}

/// Asks again and again until `condition` holds, at most for `limit` times `patience`.
///
/// - Throws: `CommandFailure` that names what was waited for.
public func wait(
    for what: String, atMost limit: Duration = .seconds(30), until condition: () async throws -> Bool
) async throws {
    let limit = limit * patience
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw CommandFailure(command: ["wait for", what], status: "not within \(limit)", output: "")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
