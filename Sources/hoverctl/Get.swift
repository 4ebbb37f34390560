// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show modules, links, interfaces, types, tables, ports, slow paths, the topology or revisions.",
        discussion: """
            Example:
              hoverctl get modules
              hoverctl get module web -o yaml
              hoverctl get tables web
              hoverctl get topology
            """,
        subcommands: [
            GetModules.self, GetLinks.self, GetInterfaces.self, GetTypes.self, GetTables.self, GetPorts.self,
            GetTopology.self, GetSlowPath.self, GetState.self, GetRevisions.self,
        ])
}

struct GetModules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules", abstract: "Show all modules and Linux bridges, or one with its ports and drops.",
        discussion: """
            Example:
              hoverctl get modules
              hoverctl get module web
            """,
        aliases: ["module"])

    @Argument(help: "A name or an id; all without.", completion: .custom(completeModules))
    var module: Reference?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        if let module {
            let module = try await client.module(module.text)
            try await common.show(module) {
                details(of: module, names: NodeNames(try await client.modules()))
                    + (module.isBuiltIn ? stateTables(try await client.state(of: module.id, limit: 20)) : [])
            }
        } else {
            let modules = try await client.modules()
            try await common.show(modules) { [TextTable(modules, names: NodeNames(modules))] }
        }
    }

    private func details(of module: Module, names: NodeNames) -> [TextTable] {
        var tables = [TextTable([module], names: names)]
        if !module.ports.isEmpty { tables.append(TextTable(module.ports, names: names)) }
        if !module.placements.isEmpty { tables.append(TextTable(module.placements, names: names)) }
        let drops = module.drops.filter { $0.value > 0 }
        if !drops.isEmpty { tables.append(TextTable(drops: drops)) }
        return tables
    }
}

extension Module {
    /// Whether Hover brings its code.
    fileprivate var isBuiltIn: Bool { !type.hasPrefix("bpf/") && type != "bridge" }
}

struct GetLinks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "links", abstract: "Show all links, or one.",
        discussion: """
            Example:
              hoverctl get links
              hoverctl get links -o json
            """,
        aliases: ["link"])

    @Argument(help: "An id (l:…); all without.")
    var link: Reference?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        if let link {
            let link = try await client.link(link.text)
            try await common.show(link) { [TextTable([link], names: NodeNames(try await client.modules()))] }
        } else {
            let links = try await client.links()
            try await common.show(links) { [TextTable(links, names: NodeNames(try await client.modules()))] }
        }
    }
}

struct GetInterfaces: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interfaces", abstract: "Show the network interfaces that modules can be linked to, or one.",
        discussion: """
            Example:
              hoverctl get interfaces
              hoverctl get interface eth1 -o json
            """,
        aliases: ["interface"])

    @Argument(help: "A name, with or without i: before it; all without.")
    var interface: Reference?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        if let name = interface?.text {
            let interface = try await client.interface(name.hasPrefix("i:") ? String(name.dropFirst(2)) : name)
            try await common.show(interface) { [TextTable([interface])] }
        } else {
            let interfaces = try await client.interfaces()
            try await common.show(interfaces) { [TextTable(interfaces)] }
        }
    }
}

struct GetTypes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "types", abstract: "Show the types that modules can be of.",
        discussion: """
            Example:
              hoverctl get types
            """,
        aliases: ["type"])

    @Argument(help: "A type's name; all without.")
    var type: Reference?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let types = try await common.client.types()
        if let name = type?.text {
            guard let type = types.first(where: { $0.name == name }) else {
                throw CommandFailure(
                    message: "there is no module type '\(name)': there are "
                        + types.map(\.name).joined(separator: ", "))
            }
            try await common.show(type) { [TextTable([type])] }
        } else {
            try await common.show(types) { [TextTable(types)] }
        }
    }
}

struct GetTables: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables", abstract: "Show a module's tables, or one; what they hold is shown by `table dump`.",
        discussion: """
            Example:
              hoverctl get tables web
              hoverctl get table web hits -o yaml
            """,
        aliases: ["table"])

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Argument(help: "A table's name; all without.")
    var table: Reference?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        if let table {
            let table = try await client.table(table.text, of: module.text)
            try await common.show(table) { [TextTable([table])] }
        } else {
            let tables = try await client.tables(of: module.text)
            try await common.show(tables) { [TextTable(tables)] }
        }
    }
}

struct GetPorts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ports", abstract: "Show a module's ports: what they are linked to, and what they counted.",
        discussion: """
            Example:
              hoverctl get ports web
            """,
        aliases: ["port"])

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Argument(help: "A port's number; all without.")
    var port: Int?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let ports = try await client.ports(of: module.text)
        if let number = port {
            guard let port = ports.first(where: { $0.number == number }) else {
                throw CommandFailure(
                    message: "module '\(module.text)' has no port \(number): see `hoverctl get ports \(module.text)`")
            }
            try await common.show(port) { [TextTable([port], names: NodeNames(try await client.modules()))] }
        } else {
            try await common.show(ports) { [TextTable(ports, names: NodeNames(try await client.modules()))] }
        }
    }
}
