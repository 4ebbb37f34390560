// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import Yams

extension ManifestReader {
    mutating func readLink(_ node: Node) -> PlacedLink? {
        guard let members = members(of: node, keys: ManifestKeys.link, "a link") else { return nil }
        let hook = text(members["hook"], "hook", among: ManifestKeys.hooks)
        let from = end(members["from"], "from", of: node)
        let to = end(members["to"], "to", of: node)
        guard let from, let to else { return nil }
        var places = ["": place(of: node)]
        for (key, member) in members { places["/" + key] = place(of: member) }
        return PlacedLink(request: LinkRequest(from: from, to: to, hook: hook), places: places)
    }

    private mutating func end(_ member: Node?, _ key: String, of node: Node) -> LinkEnd? {
        guard let member else {
            note(node, "a link has no \(key): add \(key): MODULE, MODULE:PORT or i:NAME")
            return nil
        }
        return text(member, key).flatMap { end($0, at: member) }
    }

    private mutating func end(_ text: String, at node: Node) -> LinkEnd? {
        do {
            return try LinkEnd(argument: text)
        } catch {
            note(node, error.message)
            return nil
        }
    }

    /// iovisor-ovn's form of a link between a module and an interface.
    mutating func readExternalInterface(_ node: Node) -> PlacedLink? {
        let subject = "an external interface"
        guard let members = members(of: node, keys: ManifestKeys.externalInterface, subject) else { return nil }
        let hook = text(members["hook"], "hook", among: ManifestKeys.hooks)
        let port = number(members["port"], "port")
        let module = text(members["module"], "module")
        let interface = text(members["iface"], "iface")
        for key in ["module", "iface"] where members[key] == nil {
            note(node, "\(subject) has no \(key): add \(key): NAME")
        }
        guard let module, let moduleNode = members["module"], let interface, let interfaceNode = members["iface"],
            var from = end(module, at: moduleNode),
            let to = end(interface.hasPrefix("i:") ? interface : "i:" + interface, at: interfaceNode)
        else { return nil }
        if let port, let portNode = members["port"] {
            if from.port != nil { note(portNode, "the port of \(module) is given already: leave one of them out") }
            from.port = port
        }
        var places = ["": place(of: node), "/from": place(of: moduleNode), "/to": place(of: interfaceNode)]
        places["/hook"] = members["hook"].map { place(of: $0) }
        places["/from/port"] = members["port"].map { place(of: $0) }
        return PlacedLink(request: LinkRequest(from: from, to: to, hook: hook), places: places)
    }
}
