// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct GetTopology: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "Show what is connected with what, and which policies lie on the way.",
        discussion: """
            Each way is shown in both directions, with its policies in the order in which packets meet them.

            Example:
              hoverctl get topology
              hoverctl get topology -o yaml
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let topology = try await common.client.topology()
        try await common.show(topology) {
            let names = NodeNames(topology.nodes)
            return [TextTable(topology.edges, names: names), TextTable(topology.nodes, names: names)]
        }
    }
}

extension TextTable {
    init(_ edges: [TopologyEdge], names: NodeNames) {
        columns = ["FROM", "TO", "STATE", "ORDER", "POLICY", "HANDLER", "WHY"]
        rows = edges.flatMap { edge in
            let from = names.text(of: edge.from)
            let to = edge.to.map(names.text(of:)) ?? "(host)"
            let state = edge.state + (edge.detail.map { " (\($0))" } ?? "")
            return Self.rows([from, to, state], edge.forth, names) + Self.rows([to, from, state], edge.back, names)
        }
    }

    private static func rows(_ way: [String], _ policies: [EdgePolicy], _ names: NodeNames) -> [[String]] {
        guard !policies.isEmpty else { return [way + ["", "", "", ""]] }
        return policies.enumerated().map { index, applied in
            let why =
                applied.placement.map { "placed \(names.position(of: $0)) at \(names.place(of: $0))" }
                ?? applied.tag.map { "tag \(names.name(of: $0))" } ?? ""
            return way + ["\(index + 1)", names.name(of: applied.policy), applied.handler, why]
        }
    }

    init(_ nodes: [TopologyNode], names: NodeNames) {
        columns = ["NODE", "TYPE"]
        rows = nodes.map { [names.name(of: $0.id), $0.type] }
    }

    init(_ placements: [Placement], names: NodeNames) {
        columns = ["PLACED-AT", "DIRECTION", "POSITION"]
        rows = placements.map { [names.place(of: $0), $0.direction ?? "", names.position(of: $0)] }
    }
}

extension NodeNames {
    /// `web:1`, `i:eth1`.
    func place(of placement: Placement) -> String {
        text(of: LinkEnd(node: placement.node, port: placement.port))
    }

    /// `first`, `before firewall`.
    func position(of placement: Placement) -> String {
        placement.at ?? placement.before.map { "before \(name(of: $0))" }
            ?? placement.after.map { "after \(name(of: $0))" } ?? "last"
    }
}
