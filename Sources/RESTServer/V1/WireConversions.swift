// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI

// The controller's states as the API shows them.

extension Module {
    init(_ state: ModuleState) {
        self.init(
            id: state.id, name: state.name, type: state.builtIn ?? state.kind.rawValue, tags: state.tags,
            placements: state.placements.map { Placement($0) },
            ports: state.ports.map { HoverAPI.Port($0) }, drops: state.drops, config: state.config,
            number: state.number, warnings: state.warnings,
            hooks: state.kind == .bridge ? [] : state.unfitForXDP == nil ? ["tc", "xdp"] : ["tc"],
            xdpObstacle: state.unfitForXDP, packetIns: state.packetIns, copies: state.copies,
            generation: state.generation, code: state.code)
    }
}

extension HoverAPI.Port {
    init(_ state: PortState) {
        let peer: String? =
            switch state.peer {
            case .port(let module, let number): "\(module)/\(number)"
            case .interface(let name): "i:\(name)"
            case nil: nil
            }
        self.init(
            number: state.number, peer: peer,
            counters: PortCounters(
                rxPackets: state.rxPackets, rxBytes: state.rxBytes, txPackets: state.txPackets, txBytes: state.txBytes))
    }
}

extension Link {
    init(_ state: LinkState) {
        self.init(
            id: state.id, from: LinkEnd(node: state.from.node, port: state.from.port),
            to: LinkEnd(node: state.to.node, port: state.to.port), state: state.pending == nil ? "up" : "pending",
            detail: state.pending, hook: state.hook?.rawValue)
    }
}

extension Interface {
    init(_ state: InterfaceState) {
        self.init(
            id: "i:" + state.name, name: state.name, index: state.index, kind: state.kind, up: state.isUp,
            mtu: state.mtu, address: state.address, bridge: state.bridge, link: state.link)
    }
}

extension Table {
    init(_ state: TableState) {
        self.init(
            name: state.name, kind: state.kind, maxEntries: state.maxEntries, keySize: state.key.size,
            valueSize: state.value.size, key: state.key, value: state.value, perCPU: state.isPerCPU,
            mapID: state.mapID)
    }
}

extension Diagnostic {
    init(_ diagnostic: SourceDiagnostic) {
        self.init(
            file: diagnostic.file, line: diagnostic.line, column: diagnostic.column, severity: diagnostic.severity,
            message: diagnostic.message)
    }
}
