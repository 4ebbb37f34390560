// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete modules, links and placements.",
        usage: "hoverctl delete [module|link|placement] <reference> ... [options]",
        discussion: """
            A module's links go with it. Without a kind before it, l:… is a link and everything else a module.

            Example:
              hoverctl delete web
              hoverctl delete module web firewall
              hoverctl delete link l:0b1f6a52-7c7c-4b0c-9d2e-1f5f0f0e7a11
              hoverctl delete placement firewall web:1
            """,
        subcommands: [DeleteModules.self, DeleteLinks.self, DeletePlacements.self, DeleteAny.self],
        defaultSubcommand: DeleteAny.self)
}

struct DeleteModules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "module", abstract: "Delete modules and their links.",
        discussion: """
            Example:
              hoverctl delete module web firewall
            """,
        aliases: ["modules"])

    @Argument(help: "Names or ids.", completion: .custom(completeModules))
    var modules: [Reference]
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try revision.check(modules)
    }

    func run() async throws {
        try await common.delete(modules, revision) { _ in false }
    }
}

struct DeleteLinks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "Delete links; the ports stay.",
        discussion: """
            Example:
              hoverctl delete link l:0b1f6a52-7c7c-4b0c-9d2e-1f5f0f0e7a11
            """,
        aliases: ["links"])

    @Argument(help: "Ids, as `hoverctl get links` shows them.")
    var links: [Reference]
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try revision.check(links)
    }

    func run() async throws {
        try await common.delete(links, revision) { _ in true }
    }
}

struct DeleteAny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "any",
        abstract: "Delete modules by name or id, and links by id.",
        discussion: """
            Example:
              hoverctl delete web l:0b1f6a52-7c7c-4b0c-9d2e-1f5f0f0e7a11
            """)

    @Argument(help: "Names or ids.", completion: .custom(completeModules))
    var references: [Reference]
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try revision.check(references)
    }

    func run() async throws {
        try await common.delete(references, revision) { $0.hasPrefix("l:") }
    }
}

extension CommonOptions {
    /// Deletes all that can be, one after the other, and fails when something could not.
    fileprivate func delete(
        _ references: [Reference], _ revision: RevisionOption, isLink: (String) -> Bool
    ) async throws {
        let client = try client
        var failed = false
        for reference in references.map(\.text) {
            do {
                if isLink(reference) {
                    try await client.deleteLink(reference, ifMatch: revision.ifMatch)
                } else {
                    try await client.deleteModule(reference, ifMatch: revision.ifMatch)
                }
                try confirm("deleted \(isLink(reference) ? "link" : "module") \(reference)")
            } catch let problem as Problem {
                failed = true
                let report = ProblemReport(problem)
                try Console.current.complain(report.rendered(coloured: Console.current.coloursErrors))
            }
        }
        if failed { throw ExitCode.failure }
    }
}

extension RevisionOption {
    /// The first deletion makes a new revision.
    fileprivate func check(_ references: [Reference]) throws(ValidationError) {
        guard ifMatch != nil, references.count > 1 else { return }
        throw ValidationError("With --if-match, delete one thing at a time, or apply a manifest with --prune.")
    }
}
