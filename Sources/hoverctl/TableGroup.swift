// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TypedValue

struct TableGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table", abstract: "Read and change the entries of a module's table.",
        discussion: """
            Keys and values are written as the table's types have them: 5, 0x5, 10.0.0.1, aa:bb:cc:dd:ee:ff, the \
            name of an enumeration's value, text, or JSON for structures and arrays. `hoverctl get table MODULE TABLE \
            -o yaml` shows the types. Options come before negative numbers.

            Example:
              hoverctl table set web routes 10.0.0.1 '{"port": 2, "metric": 10}'
              hoverctl table set web offsets 1 -5
              hoverctl table dump web routes
            """,
        subcommands: [TableGet.self, TableSet.self, TableDelete.self, TableDump.self])

    /// A command line whose negative keys and values are not taken for options: behind `--`, when no option follows.
    static func protectingNegativeNumbers(_ arguments: [String]) -> [String] {
        func isNegative(_ word: String) -> Bool { word.hasPrefix("-") && Int(word) != nil }
        guard arguments.first == "table", !arguments.contains("--"),
            let first = arguments.firstIndex(where: isNegative),
            arguments[first...].allSatisfy({ isNegative($0) || !$0.hasPrefix("-") })
        else { return arguments }
        return arguments[..<first] + ["--"] + arguments[first...]
    }
}

struct TableName: ParsableArguments {
    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Argument(help: "The table's name, as in the source.")
    var table: Reference
}

struct TableGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show the entry with a key.",
        discussion: """
            Example:
              hoverctl table get web hits 5
              hoverctl table get web hits '{"proto": 6, "port": 80}' -o json
            """)

    @OptionGroup var name: TableName
    @Argument(help: "The key.")
    var key: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let (module, table) = (name.module.text, name.table.text)
        let entry = try await client.entry(key, of: table, in: module)
        try await common.show(entry) {
            [TextTable([entry], of: try await client.table(table, of: module))]
        }
    }
}

struct TableSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Add an entry, or change the one with its key.",
        discussion: """
            Example:
              hoverctl table set web hits 5 0
            """)

    @OptionGroup var name: TableName
    @Argument(help: "The key.")
    var key: String
    @Argument(help: "The value.")
    var value: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let (module, table) = (name.module.text, name.table.text)
        let shapes = try await client.table(table, of: module)
        let entry = TableEntry(
            key: try parse(key, as: shapes.key, "key"), value: try parse(value, as: shapes.value, "value"))
        try await client.setEntry(entry, of: table, in: module)
        try common.confirm("set \(key) in table \(table) of module \(module)")
    }

    private func parse(_ text: String, as shape: TypeShape, _ what: String) throws -> TypedValue {
        do {
            return try shape.parse(text: text)
        } catch {
            throw CommandFailure(
                message: "the \(what) does not fit table \(name.table.text) of module \(name.module.text): "
                    + "\(error): see `hoverctl get table \(name.module.text) \(name.table.text) -o yaml`")
        }
    }
}

struct TableDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete the entry with a key.",
        discussion: """
            Example:
              hoverctl table delete web hits 5
            """)

    @OptionGroup var name: TableName
    @Argument(help: "The key.")
    var key: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let (module, table) = (name.module.text, name.table.text)
        try await common.client.deleteEntry(key, of: table, in: module)
        try common.confirm("deleted \(key) from table \(table) of module \(module)")
    }
}

struct TableDump: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Show all entries of a table.",
        discussion: """
            Numbers of a per-CPU table are sums; -o json and -o yaml show each CPU's too.

            Example:
              hoverctl table dump web hits
            """)

    @OptionGroup var name: TableName
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let (module, table) = (name.module.text, name.table.text)
        let entries = try await client.allEntries(of: table, in: module)
        try await common.show(TablePage(entries: entries, next: nil)) {
            [TextTable(entries, of: try await client.table(table, of: module))]
        }
    }
}
