// SPDX-License-Identifier: Apache-2.0

import APIClient
import HoverAPI

extension Change {
    /// What was done: `created module web`.
    var line: String {
        let done =
            switch action {
            case "create": "created"
            case "update": "updated"
            case "replace": "replaced the code of"
            case "delete": "deleted"
            default: "\(action):"
            }
        return "\(done) \(kind) \(name)" + explanation
    }

    /// What would be done: `+ module web`.
    var plannedLine: String {
        switch action {
        case "create": "+ \(kind) \(name)\(explanation)"
        case "delete": "- \(kind) \(name)\(explanation)"
        case "replace": "~ code of \(kind) \(name)\(explanation)"
        default: "~ \(kind) \(name)\(explanation)"
        }
    }

    private var explanation: String { detail.map { " (\($0))" } ?? "" }

    fileprivate var colour: Colour {
        switch action {
        case "create": .green
        case "delete": .red
        default: .cyan
        }
    }
}

extension CommonOptions {
    /// Prints what a transaction did.
    func show(_ result: ManifestResult) throws {
        var lines = result.changes.map(\.line)
        lines.append(lines.isEmpty ? "no changes" : "now at revision \(result.revision)")
        try show(result, lines.map { $0.escapedForTerminal() })
    }

    /// Prints what a transaction would do.
    func show(plan result: ManifestResult) throws {
        let coloured = Console.current.coloursOutput
        let lines = result.changes.map { $0.colour.paint($0.plannedLine.escapedForTerminal(), if: coloured) }
        try show(result, lines.isEmpty ? ["no changes"] : lines)
    }

    private func show(_ result: ManifestResult, _ lines: [String]) throws {
        switch output {
        case .json: try Console.current.say(jsonDocument(result))
        case .yaml: try Console.current.say(yamlDocument(result))
        case .table: try Console.current.say(lines.joined(separator: "\n") + "\n")
        }
    }
}

/// Says which links no packet can cross now, and why: a manifest may be applied before its interfaces are there.
func complainOfPendingLinks(_ client: HoverClient) async throws {
    let pending = try await client.links().filter { $0.state != "up" }
    guard !pending.isEmpty else { return }
    let names = NodeNames(try await client.modules())
    for link in pending {
        let line =
            "the link of \(names.text(of: link.from)) to \(names.text(of: link.to)) is \(link.state): "
            + (link.detail ?? "see `hoverctl get link \(link.id)`")
        try Console.current.complain(line.escapedForTerminal() + "\n")
    }
}
