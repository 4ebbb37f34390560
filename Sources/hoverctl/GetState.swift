// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TypedValue

struct GetState: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state", abstract: "Show what a module of a built-in type has learned and counted.",
        discussion: """
            Example:
              hoverctl get state lan
              hoverctl get state lan --limit 10000 -o json
            """)

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Option(help: "The most elements of each list, 1 to 10000.")
    var limit = 1000
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let state = try await common.client.state(of: module.text, limit: limit)
        try await common.show(state) { stateTables(state) }
    }
}

/// A table for each list, and one for what is alone.
func stateTables(_ state: [String: TypedValue]) -> [TextTable] {
    var alone: [[String]] = []
    var tables: [TextTable] = []
    for (name, value) in state.sorted(by: { $0.key < $1.key }) {
        switch value {
        case .array(let elements):
            if !elements.isEmpty {
                tables.append(TextTable(elements, named: name))
            }
        case .object(let members):
            alone += members.sorted { $0.key < $1.key }.map { ["\(name).\($0.key)", $0.value.cell] }
        default: alone.append([name, value.cell])
        }
    }
    return alone.isEmpty ? tables : [TextTable(columns: ["STATE", "VALUE"], rows: alone)] + tables
}

extension TextTable {
    /// The members of objects, or the elements themselves, under the list's name.
    fileprivate init(_ elements: [TypedValue], named name: String) {
        let objects = elements.map { element -> [String: TypedValue] in
            guard case .object(let members) = element else { return [name: element] }
            return members
        }
        let keys = Set(objects.flatMap(\.keys)).sorted()
        columns = [name.uppercased()] + keys.map { $0.uppercased() }
        rows = objects.enumerated().map { index, object in
            ["\(index + 1)"] + keys.map { object[$0]?.cell ?? "" }
        }
    }
}

extension TypedValue {
    /// Text without quotes.
    fileprivate var cell: String {
        switch self {
        case .string(let text): text
        case .null: ""
        case .array(let elements): elements.map(\.cell).joined(separator: ", ")
        default: description
        }
    }
}
