// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import APIClient
import HoverAPI

/// What all commands that talk to hoverd take.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where hoverd listens: its Unix socket, or http://HOST:PORT.",
            discussion: "Without it, $\(Endpoint.environmentVariable), else \(Endpoint.standard)."),
        completion: .file(), transform: { try Endpoint($0) })
    var endpoint: Endpoint?

    @Option(name: .shortAndLong, help: "How to print: a table for people, or the API's document as JSON or YAML.")
    var output = OutputFormat.table

    var client: HoverClient {
        get throws(ClientError) { HoverClient(endpoint: try chosenEndpoint) }
    }

    /// A client for transactions, which may compile and verify many modules.
    var patientClient: HoverClient {
        get throws(ClientError) { HoverClient(endpoint: try chosenEndpoint, limit: .seconds(600)) }
    }

    private var chosenEndpoint: Endpoint {
        get throws(ClientError) {
            // Not `??`, which takes no typed errors.
            guard let endpoint else { return try Self.environmentEndpoint() }
            return endpoint
        }
    }

    static func environmentEndpoint() throws(ClientError) -> Endpoint {
        guard let text = ProcessInfo.processInfo.environment[Endpoint.environmentVariable], !text.isEmpty else {
            return .standard
        }
        return try Endpoint(text)
    }

    /// Prints a value, for people as these tables.
    func show(_ value: some Encodable, as tables: () async throws -> [TextTable]) async throws {
        let console = Console.current
        switch output {
        case .json: try console.say(jsonDocument(value))
        case .yaml: try console.say(yamlDocument(value))
        case .table:
            let texts = try await tables().map { $0.rendered(coloured: console.coloursOutput) }
            try console.say(texts.joined(separator: "\n"))
        }
    }

    /// Prints what came of a request, for people in these lines.
    func confirm(_ value: some Encodable, _ lines: String...) throws {
        switch output {
        case .json: try Console.current.say(jsonDocument(value))
        case .yaml: try Console.current.say(yamlDocument(value))
        case .table: for line in lines { try confirm(line) }
        }
    }

    /// The same of a change that the API answers with nothing.
    func confirm(_ line: String) throws {
        guard output == .table else { return }
        try Console.current.say(line.escapedForTerminal() + "\n")
    }
}

/// What commands take that change something.
struct RevisionOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Refuse unless this is the current revision: nobody else has changed something since.",
            valueName: "revision"))
    var ifMatch: Int?
}

/// A name or an id on the command line: any text but the empty one.
struct Reference: ExpressibleByArgument, Hashable {
    var text: String

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        text = argument
    }
}

/// The names of the modules that there are, for the shell's completion.
@Sendable func completeModules(words: [String], index: Int, prefix: String) async -> [String] {
    guard let endpoint = try? CommonOptions.environmentEndpoint() else { return [] }
    let client = HoverClient(endpoint: endpoint, limit: .seconds(2))
    let names = (try? await client.modules().map(\.name)) ?? []
    // A shell takes one candidate a line.
    return names.filter { !$0.unicodeScalars.contains(where: \.controlsTerminals) }
}
