// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "Link two ends: packets that leave at one arrive at the other.",
        discussion: """
            An end is a module's port (NAME:PORT or m:UUID:PORT), a module (NAME or m:UUID), whose lowest free port \
            it takes, or a network interface (i:NAME, or i:mac=AA:BB:CC:DD:EE:FF by its address, or i:path=PATH by \
            where it is plugged in).

            Example:
              hoverctl link i:eth1 web:1
              hoverctl link web:2 firewall
              hoverctl link i:eth2 firewall:2 --hook xdp
            """)

    @Argument(help: "One end.", completion: .custom(completeModules), transform: { try LinkEnd(argument: $0) })
    var from: LinkEnd
    @Argument(help: "The other end.", completion: .custom(completeModules), transform: { try LinkEnd(argument: $0) })
    var to: LinkEnd
    @Option(
        help: "Where an interface's packets enter: tc, xdp (native, else generic), xdp-native or xdp-generic.",
        completion: .list(["tc", "xdp", "xdp-native", "xdp-generic"]))
    var hook: String?
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let link = try await client.createLink(from: from, to: to, hook: hook, ifMatch: revision.ifMatch)
        try common.confirm(
            link, "linked \(text(link.from, given: from)) to \(text(link.to, given: to)) (\(link.id))")
        if link.state != "up" {
            let reason = (link.detail ?? link.state).escapedForTerminal()
            try Console.current.complain("the link is \(link.state.escapedForTerminal()): \(reason)\n")
        }
    }

    /// The end as the user named it, with the port that it got.
    private func text(_ end: LinkEnd, given: LinkEnd) -> String {
        given.node + (end.port.map { ":\($0)" } ?? "")
    }
}

extension LinkEnd {
    /// Reads `name`, `name:port`, `m:<uuid>`, `m:<uuid>:port`, `i:<interface>`, `i:mac=<address>` or `i:path=<path>`.
    /// What follows the last colon is a port when it is a number, so a module whose name ends so is named by its id.
    init(argument: String) throws(ValidationError) {
        let prefix = ["m:", "i:"].first { argument.hasPrefix($0) } ?? ""
        let rest = argument.dropFirst(prefix.count)
        guard !rest.isEmpty else {
            throw ValidationError("an end is NAME:PORT, NAME, m:UUID:PORT, m:UUID or i:INTERFACE")
        }
        // Addresses and paths of devices have colons of their own.
        if ["i:mac=", "i:path="].contains(where: argument.hasPrefix) {
            self.init(node: argument)
            return
        }
        guard let colon = rest.lastIndex(of: ":"), case let digits = rest[rest.index(after: colon)...],
            !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) })
        else {
            self.init(node: argument)
            return
        }
        guard prefix != "i:" else {
            throw ValidationError("an interface has no ports: give \(argument[..<colon])")
        }
        guard let port = Int(digits), port > 0 else {
            throw ValidationError("ports are numbered from 1")
        }
        guard colon != rest.startIndex else {
            throw ValidationError("the module before :\(port) is missing")
        }
        self.init(node: String(argument[..<colon]), port: port)
    }
}
