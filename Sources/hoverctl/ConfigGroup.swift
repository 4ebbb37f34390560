// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TypedValue

struct ConfigGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Read and change one element of a list in a module's configuration.",
        discussion: """
            Elements are known by their member id, or name: a rule of a firewall, a set of prefixes, an interface of a \
            router. Each change is one of the whole configuration, in force at once or refused.

            Example:
              hoverctl config set wall rules '{"id": "ping", "action": "drop"}'
              hoverctl config get wall rules ping
              hoverctl config delete wall rules ping
            """,
        subcommands: [ConfigGet.self, ConfigSet.self, ConfigDelete.self])
}

struct ListName: ParsableArguments {
    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Argument(help: "The list's key in the configuration.")
    var list: Reference
}

struct ConfigGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show an element, in YAML without -o.",
        discussion: """
            Example:
              hoverctl config get wall rules ssh
            """)

    @OptionGroup var name: ListName
    @Argument(help: "The element's id or name.")
    var element: Reference
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let element = try await common.client.element(
            element.text, of: name.list.text, in: name.module.text)
        try Console.current.say(common.output == .json ? jsonDocument(element) : yamlDocument(element))
    }
}

struct ConfigSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change the element of an id or name, or add one.",
        discussion: """
            Example:
              hoverctl config set wall sets '{"name": "lan", "prefixes": ["10.0.0.0/8"]}'
              hoverctl config set wall rules '{"id": "ping", "action": "drop"}' --before b
            """)

    @OptionGroup var name: ListName
    @Argument(help: "The element, whole, as JSON with its id or name.")
    var element: String
    @Option(
        help: """
            The element before which it is to be. Without it, one that is there keeps its place, and a new one comes last.
            """)
    var before: Reference?
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let value: TypedValue
        do {
            value = try TypedValue(json: element)
        } catch {
            throw CommandFailure(message: "the element is not JSON: quote it for the shell, like '{\"id\": \"ssh\"}'")
        }
        guard case .object(let members) = value, case .string(let id)? = members["id"] ?? members["name"] else {
            throw CommandFailure(message: "the element has no id and no name: add the one that the list's others have")
        }
        let (module, list) = (name.module.text, name.list.text)
        try await common.client.setElement(
            id, to: value, of: list, in: module, before: before?.text, ifMatch: revision.ifMatch)
        try common.confirm("set \(id) in \(list) of module \(module)")
    }
}

struct ConfigDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete the element of an id or name.",
        discussion: """
            Example:
              hoverctl config delete wall rules ssh
            """)

    @OptionGroup var name: ListName
    @Argument(help: "The element's id or name.")
    var element: Reference
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let (module, list) = (name.module.text, name.list.text)
        try await common.client.deleteElement(element.text, of: list, in: module, ifMatch: revision.ifMatch)
        try common.confirm("deleted \(element.text) from \(list) of module \(module)")
    }
}
