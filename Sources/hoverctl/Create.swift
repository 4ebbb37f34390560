// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import TypedValue

struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Create a module from C source or an eBPF object, one more port of a module, a policy's placement, or a packet.",
        discussion: """
            Example:
              hoverctl create module -f web.c --ports 2
              hoverctl create port web
              hoverctl create placement firewall web:1/ingress@first
              hoverctl create packet web:1 out ffffffffffff020000000001 88b5 00
            """,
        subcommands: [CreateModule.self, CreatePort.self, CreatePlacement.self, CreatePacket.self])
}

struct CreateModule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "module", abstract: "Compile, check and load an IO Module.",
        discussion: """
            The file is C source for hover/iomodule.h, or an eBPF object (ELF) compiled from such. Errors of the \
            compiler and of the kernel's verifier are shown with their place in the source.

            Example:
              hoverctl create module -f web.c --ports 2 --config limit=1000
              hoverctl create module -f counter.c --type bpf/policy --tag web --tag i:eth1
              hoverctl create module -f wall.c --type bpf/policy --place web:1/ingress@first
              hoverctl create module --type switch --name lan --config fdb_size=8192
              sed s/PORTS/4/ web.c | hoverctl create module -f - --name web
            """)

    @Option(
        name: .shortAndLong, help: "The C source or eBPF object; - is standard input. Built-in types have their own.",
        completion: .file())
    var file: String?
    @Option(help: "The display name. (default: the file's name without its extension)")
    var name: String?
    @Option(
        help:
            "The module type: bpf/forward has ports, bpf/policy lies on the links around what it tags, and where it is placed; or a built-in type (`hoverctl get types`).",
        completion: .list(["bpf/forward", "bpf/policy"]))
    var type = "bpf/forward"
    @Option(help: "How many ports to make at once; links make more as they need them.")
    var ports: Int?
    @Option(help: "The most ports that the module can have, 1 to 1000. (default: 64)")
    var maxPorts: Int?
    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp(
            "What a policy applies to: a module, a bridge (b:NAME) or an interface (i:NAME). Repeatable.",
            valueName: "node"))
    var tags: [Reference] = []
    @Option(
        name: .customLong("place"),
        help: ArgumentHelp(
            "Where a policy is put besides: NODE:PORT or i:NAME, then /ingress or /egress, then @first, @last, "
                + "@before:POLICY or @after:POLICY, as for `create placement`. Repeatable.",
            valueName: "place"),
        completion: .custom(completeModules), transform: { try Placement(argument: $0) })
    var placements: [Placement] = []
    @Option(
        help: ArgumentHelp(
            "The value of a `const volatile` global, or of a built-in type's key: a number, true or false, text, or JSON. Repeatable.",
            valueName: "name=value"),
        transform: ConfigSetting.init)
    var config: [ConfigSetting] = []
    @Flag(help: "Leave the ports' packet and byte counters out of the fast path.")
    var noCounters = false
    @Flag(help: "When the kernel's verifier refuses the module, print its whole log.")
    var verifierLog = false
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if file == "-", name == nil {
            throw ValidationError("Source from standard input needs a name: add --name NAME.")
        }
        if type.hasPrefix("bpf/") {
            guard file != nil else { throw ValidationError("A module of type \(type) needs its code: add -f FILE.") }
        } else if file != nil {
            throw ValidationError("A module of type \(type) brings its own code: leave -f out.")
        } else if name == nil {
            throw ValidationError("A module without a file needs a name: add --name NAME.")
        }
        let names = config.map(\.name)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ValidationError("--config \(twice) is given twice.")
        }
    }

    func run() async throws {
        let client = try common.client
        let code = try file.map { try ModuleCode(reading: $0) }
        let module = try await reporting {
            ProblemReport($0, source: code?.source, wholeLog: verifierLog)
        } to: {
            try await client.createModule(request(code), ifMatch: revision.ifMatch)
        }
        try complain(ofWarningsOf: module)
        try common.confirm(module, "created module \(module.name) (\(module.id))")
    }

    func request(_ code: ModuleCode?) -> ModuleRequest {
        var request = ModuleRequest(name: name ?? code?.name ?? "", type: type)
        if !tags.isEmpty { request.tags = tags.map(\.text) }
        if !placements.isEmpty { request.placements = placements }
        if !config.isEmpty { request.config = Dictionary(config.map { ($0.name, $0.value) }) { _, last in last } }
        if noCounters { request.counters = false }
        request.ports = ports
        request.maxPorts = maxPorts
        switch code?.content {
        case .source(let source):
            request.source = source
            request.file = code?.file
        case .object(let object):
            request.object = Data(object).base64EncodedString()
        case nil: break
        }
        return request
    }
}

/// `name=value` on the command line.
struct ConfigSetting: Hashable {
    var name: String
    var value: TypedValue

    /// What is no JSON is text: hoverd reads `0x10` or `10.0.0.1` by the global's type.
    init(_ text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw ValidationError("give NAME=VALUE, as in --config limit=1000")
        }
        name = String(text[..<equals])
        let written = String(text[text.index(after: equals)...])
        value = (try? TypedValue(json: written)) ?? .string(written)
    }
}

struct CreatePort: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "Make one more port of a module: the lowest number that is free.",
        discussion: """
            Example:
              hoverctl create port web
            """)

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let port = try await common.client.addPort(to: module.text, ifMatch: revision.ifMatch)
        try common.confirm(port, "created port \(module.text):\(port.number)")
    }
}
