// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make modules and links as a manifest has them, all or nothing.",
        discussion: """
            A manifest is YAML or JSON with modules, links and external_interfaces. What is so already stays \
            untouched; what is there besides stays too, unless an earlier manifest named it and --prune is given. When \
            one thing fails, all is as it was before.

            Example:
              hoverctl plan -f hover.yaml
              hoverctl apply -f hover.yaml
              hoverctl apply -f manifests/ --prune
              sed s/eth1/eth2/ hover.yaml | hoverctl apply -f -
            """)

    @OptionGroup var options: ManifestOptions
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let manifest = try options.load()
        let client = try common.patientClient
        let result = try await reporting {
            manifest.report($0, wholeLog: options.verifierLog)
        } to: {
            try await client.apply(manifest.manifest, prune: options.prune, ifMatch: revision.ifMatch)
        }
        try common.show(result)
        try await complainOfPendingLinks(client)
    }
}

struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what `apply` would change, and change nothing.",
        discussion: """
            What would be created has + before it, what would change ~, and what would be deleted -.

            Example:
              hoverctl plan -f hover.yaml
              hoverctl plan -f manifests/ --prune -o json
            """)

    @OptionGroup var options: ManifestOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let manifest = try options.load()
        let client = try common.patientClient
        let result = try await reporting {
            manifest.report($0, wholeLog: options.verifierLog)
        } to: {
            try await client.apply(manifest.manifest, prune: options.prune, dryRun: true)
        }
        try common.show(plan: result)
    }
}

/// Which manifest, and how it is taken.
struct ManifestOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: "The manifest: a file, a folder (its *.yaml, *.yml and *.json), or - for standard input. Repeatable.",
        completion: .file())
    var file: [String]
    @Flag(help: "Delete the modules and links that an earlier manifest named and this one does not.")
    var prune = false
    @Flag(help: "When the kernel's verifier refuses a module, print its whole log.")
    var verifierLog = false

    func load() throws -> LoadedManifest { try LoadedManifest.load(file) }
}

extension LoadedManifest {
    /// What hoverd refused of it, with the place in its files.
    func report(_ problem: Problem, wholeLog: Bool) -> ProblemReport {
        ProblemReport(
            problem, source: problem.pointer.flatMap(source(of:)), wholeLog: wholeLog,
            place: problem.pointer.flatMap(place(of:)))
    }
}
