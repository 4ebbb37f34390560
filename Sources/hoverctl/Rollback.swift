// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make modules and links as they were in an earlier revision.",
        discussion: """
            That makes a new revision: it can be taken back in the same way. Tables of modules that are there keep \
            their entries; modules that are created again get those that users had set.

            Example:
              hoverctl get revisions
              hoverctl rollback 4 --dry-run
              hoverctl rollback 4
            """)

    @Argument(help: "The revision's number.")
    var number: Int
    @Flag(help: "Show what would change, as `plan` does, and change nothing.")
    var dryRun = false
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.patientClient
        let result = try await client.rollback(to: number, dryRun: dryRun, ifMatch: revision.ifMatch)
        if dryRun {
            try common.show(plan: result)
        } else {
            try common.show(result)
            try await complainOfPendingLinks(client)
        }
    }
}

struct GetRevisions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revisions", abstract: "Show what was changed, when and by whom; `rollback` goes back there.",
        discussion: """
            Example:
              hoverctl get revisions
              hoverctl get revisions -o json
            """,
        aliases: ["revision"])

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let revisions = try await common.client.revisions()
        try await common.show(revisions) { [TextTable(revisions.revisions)] }
    }
}

extension TextTable {
    init(_ revisions: [Revision]) {
        columns = ["REVISION", "CURRENT", "TIME", "AUTHOR", "SUMMARY"]
        rows = revisions.map { revision in
            ["\(revision.number)", revision.current ? "yes" : "", revision.time, revision.author, revision.summary]
        }
    }
}
