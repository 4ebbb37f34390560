// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TypedValue

/// Names for people in place of ids, where a name tells its module from the others.
struct NodeNames {
    private var names: [String: String] = [:]

    init(_ modules: [Module]) {
        self.init(modules.map { (id: $0.id, name: $0.name) })
    }

    init(_ nodes: [TopologyNode]) {
        self.init(nodes.filter { !$0.id.hasPrefix("i:") }.map { (id: $0.id, name: $0.name) })
    }

    private init(_ modules: [(id: String, name: String)]) {
        let counts = Dictionary(modules.map { ($0.name, 1) }, uniquingKeysWith: +)
        for module in modules where module.id.hasPrefix("m:") && counts[module.name] == 1 {
            names[module.id] = module.name
        }
    }

    func name(of node: String) -> String { names[node] ?? node }

    /// As `hoverctl link` takes it: `web:1`, `i:eth1`.
    func text(of end: LinkEnd) -> String {
        name(of: end.node) + (end.port.map { ":\($0)" } ?? "")
    }

    /// A port's peer, which the API writes as `m:<uuid>/1` or `i:eth1`.
    func text(ofPeer peer: String) -> String {
        guard peer.hasPrefix("m:"), let slash = peer.lastIndex(of: "/") else { return peer }
        return name(of: String(peer[..<slash])) + ":" + peer[peer.index(after: slash)...]
    }
}

extension TextTable {
    init(_ modules: [Module], names: NodeNames) {
        columns = ["NAME", "TYPE", "PORTS", "LINKS", "RX-PACKETS", "TX-PACKETS", "DROPS", "TAGS", "ID"]
        rows = modules.map { module in
            let linked = module.ports.count { $0.peer != nil }
            return [
                module.name, module.type, "\(module.ports.count)", "\(linked)",
                "\(module.ports.reduce(0) { $0 &+ $1.counters.rxPackets })",
                "\(module.ports.reduce(0) { $0 &+ $1.counters.txPackets })",
                "\(module.drops.values.reduce(0, &+))",
                module.tags.map(names.name).joined(separator: ","), module.id,
            ]
        }
    }

    init(_ ports: [Port], names: NodeNames) {
        columns = ["PORT", "PEER", "RX-PACKETS", "RX-BYTES", "TX-PACKETS", "TX-BYTES"]
        rows = ports.map { port in
            [
                "\(port.number)", port.peer.map(names.text(ofPeer:)) ?? "",
                "\(port.counters.rxPackets)", "\(port.counters.rxBytes)",
                "\(port.counters.txPackets)", "\(port.counters.txBytes)",
            ]
        }
    }

    init(drops: [String: UInt64]) {
        columns = ["DROP-REASON", "PACKETS"]
        rows = drops.sorted { $0.key < $1.key }.map { [$0.key, "\($0.value)"] }
    }

    init(_ links: [Link], names: NodeNames) {
        columns = ["FROM", "TO", "HOOK", "ID", "STATE"]
        rows = links.map { link in
            [
                names.text(of: link.from), names.text(of: link.to), link.hook ?? "", link.id,
                link.state + (link.detail.map { " (\($0))" } ?? ""),
            ]
        }
    }

    init(_ interfaces: [Interface]) {
        columns = ["NAME", "KIND", "STATE", "MTU", "ADDRESS", "BRIDGE", "LINK"]
        rows = interfaces.map { interface in
            [
                interface.name, interface.kind, interface.up ? "up" : "down", "\(interface.mtu)", interface.address,
                interface.bridge ?? "", interface.link ?? "",
            ]
        }
    }

    init(_ types: [ModuleType]) {
        columns = ["NAME", "CREATABLE", "SUMMARY"]
        rows = types.map { [$0.name, $0.creatable ? "yes" : "no", $0.summary] }
    }

    init(_ tables: [Table]) {
        columns = ["NAME", "KIND", "KEY", "VALUE", "MAX-ENTRIES", "MAP-ID"]
        rows = tables.map { table in
            [
                table.name, table.kind, table.key.summary, table.value.summary, "\(table.maxEntries)",
                "\(table.mapID)",
            ]
        }
    }

    init(_ entries: [TableEntry], of table: Table) {
        columns = ["KEY", "VALUE"]
        rows = entries.map { [table.key.text(of: $0.key), table.value.text(of: $0.value)] }
    }
}

extension TypeShape {
    /// The type in a word or two, in C's and the kernel's manner.
    var summary: String {
        switch self {
        case .integer(let size, let signed): "\(signed ? "s" : "u")\(8 * size)"
        case .boolean: "bool"
        case .enumeration: "enum"
        case .characters(let count): "char[\(count)]"
        case .bytes(let count): "byte[\(count)]"
        case .formatted(.bigEndian(let size)): "be\(8 * size)"
        case .formatted(.ipv4): "ipv4"
        case .formatted(.ipv6): "ipv6"
        case .formatted(.mac): "mac"
        case .formatted(.prefix4): "prefix4"
        case .formatted(.prefix6): "prefix6"
        case .array(let element, let count): "\(element.summary)[\(count)]"
        case .structure(let name, _, let isUnion, let members):
            (isUnion ? "union" : "struct") + " "
                + (name.isEmpty ? "{\(members.map(\.name).joined(separator: ","))}" : name)
        }
    }
}
