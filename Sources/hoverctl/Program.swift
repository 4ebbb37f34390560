// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import APIClient
import HoverAPI

@main enum Program {
    static func main() async {
        // Writing tells of a closed pipe, and only commands that write need to end by it.
        signal(SIGPIPE, SIG_IGN)
        exit(await Hoverctl.run(Array(CommandLine.arguments.dropFirst())))
    }
}

struct Hoverctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoverctl",
        abstract: "Inject IO Modules into the kernel, connect them, and look at them, by way of hoverd.",
        discussion: """
            Modules are named by their display name or by their id (m:…), network interfaces by i:NAME, Linux \
            bridges by b:NAME.

            First steps, as root, with hoverd running:
              hoverctl create module -f redirect.c --ports 2
              hoverctl link redirect:1 i:eth1
              hoverctl link redirect:2 i:eth2
              hoverctl get ports redirect

            The same from a file that says what is to be there:
              hoverctl apply -f hover.yaml

            Exit status: 0 done, 1 refused or failed, 2 wrong usage.
            """,
        version: hoverVersion,
        subcommands: [
            Apply.self, Plan.self, Rollback.self, Get.self, Create.self, Delete.self, Connect.self, Swap.self,
            ConfigGroup.self, TableGroup.self, Capture.self, Doctor.self, Down.self, VersionCommand.self,
        ])

    /// Runs one command line, without the program's name.
    ///
    /// - Returns: the exit status.
    static func run(_ arguments: [String]) async -> Int32 {
        do {
            do {
                var command = try await asyncParseAsRoot(TableGroup.protectingNegativeNumbers(arguments))
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return ExitStatus.done
            } catch {
                return try report(error)
            }
        } catch is ReaderGone {
            // Who reads the output has seen enough, as in `hoverctl … | head -1`.
            return ExitStatus.done
        } catch {
            // The streams themselves failed: nothing is left to say it with.
            return ExitStatus.failed
        }
    }

    private static func report(_ error: any Error) throws -> Int32 {
        let console = Console.current
        switch error {
        case is ReaderGone:
            throw error
        case let error as Problem:
            try console.complain(ProblemReport(error).rendered(coloured: console.coloursErrors))
            return ExitStatus.failed
        case let error as ClientError:
            try console.complain(errorLine("\(error)", coloured: console.coloursErrors))
            return error.isUsage ? ExitStatus.usage : ExitStatus.failed
        case let error as ManifestErrors:
            try console.complain(error.rendered(coloured: console.coloursErrors))
            return ExitStatus.failed
        case let error as CommandFailure:
            try console.complain(errorLine(error.message, coloured: console.coloursErrors))
            return ExitStatus.failed
        default:
            return try reportParsing(error)
        }
    }

    /// Usage errors, and what is no error at all: `--help`, `--version`, completion scripts.
    private static func reportParsing(_ error: any Error) throws -> Int32 {
        let status = exitCode(for: error)
        let message = fullMessage(for: error)
        if status == .success {
            try Console.current.say(message + "\n")
        } else if !message.isEmpty {
            try Console.current.complain(message + "\n")
        }
        return status == .validationFailure ? ExitStatus.usage : status.rawValue
    }
}

enum ExitStatus {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let usage: Int32 = 2
}

/// What stops a command on this side of the connection; `message` names the object, the reason and the next step.
struct CommandFailure: Error, Hashable {
    var message: String
}

extension ClientError {
    fileprivate var isUsage: Bool {
        if case .invalidEndpoint = self { true } else { false }
    }
}
