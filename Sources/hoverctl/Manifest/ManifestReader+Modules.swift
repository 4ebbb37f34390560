// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import TypedValue
import Yams

extension ManifestReader {
    mutating func readModule(_ node: Node) {
        let subject = name(in: node).map { "module '\($0)'" } ?? "a module"
        guard let members = members(of: node, keys: ManifestKeys.module, subject) else { return }
        let name = text(members["name"], "name")
        let type = text(members["type"], "type")
        var module = ModuleRequest(name: name ?? "", type: type ?? "")
        module.ports = number(members["ports"], "ports")
        module.maxPorts = number(members["max_ports"], "max_ports")
        module.counters = truth(members["counters"], "counters")
        module.config = config(members["config"])
        if let tags = members["tags"] {
            module.tags = elements(of: tags, "tags").compactMap { text($0, "a tag") }
        }
        if let placements = members["placements"] {
            module.placements = elements(of: placements, "placements").compactMap { placement($0) }
        }
        let codePlace = readCode(of: &module, members, at: node, subject)
        for key in ["name", "type"] where members[key] == nil {
            note(node, "\(subject) has no \(key): add \(key): …")
        }
        guard name != nil, let nameNode = members["name"] else { return }
        var places = self.places(of: members, at: node)
        places["/source"] = codePlace
        places["/object"] = codePlace
        add(module, nameAt: nameNode, places: places)
    }

    /// The name, for messages, before anything is checked.
    private func name(in node: Node) -> String? {
        guard case .mapping(let mapping) = node, case .string(let name)? = mapping["name"].map({ TypedValue($0) }),
            !name.isEmpty
        else { return nil }
        return name
    }

    /// Takes the code from where the module has it.
    ///
    /// - Returns: where that is.
    private mutating func readCode(
        of module: inout ModuleRequest, _ members: [String: Node], at node: Node, _ subject: String
    ) -> SourcePlace? {
        module.file = text(members["file"], "file")
        let isProgram = module.type.hasPrefix("bpf/")
        switch (members["code"], members["source"]) {
        case (_?, let source?):
            note(source, "\(subject) has code and source: keep one of them")
            return nil
        case (let code?, nil):
            if let path = text(code, "code") { readFile(path, at: code, into: &module) }
            return place(of: code)
        case (nil, let source?):
            setSource(text(source, "source"), of: &module)
            return place(of: source)
        case (nil, nil) where isProgram:
            // iovisor-ovn and the original Hover have the source in the configuration.
            guard case .string(let source)? = module.config?.removeValue(forKey: "code") else {
                note(node, "\(subject) of type \(module.type) has no code: add code: FILE, or source: with C in it")
                return nil
            }
            if module.config?.isEmpty == true { module.config = nil }
            setSource(source, of: &module)
            return members["config"]?.mapping?["code"].map { place(of: $0) }
        case (nil, nil):
            return nil
        }
    }

    private func setSource(_ source: String?, of module: inout ModuleRequest) {
        module.source = source
        // What the compiler says of it names the module.
        module.file = module.file ?? "\(module.name).c"
    }

    private mutating func readFile(_ path: String, at node: Node, into module: inout ModuleRequest) {
        do {
            let code = try ModuleCode(reading: file.resolve(path))
            switch code.content {
            case .source(let source):
                module.source = source
                module.file = module.file ?? code.file
            case .object(let object):
                module.object = Data(object).base64EncodedString()
            }
        } catch let failure as CommandFailure {
            note(node, failure.message)
        } catch {
            note(node, "\(path): \(error)")
        }
    }

    private mutating func config(_ node: Node?) -> [String: TypedValue]? {
        guard let node else { return nil }
        guard case .object(let config) = TypedValue(node) else {
            noteType(node, "config", expected: "a map")
            return nil
        }
        return config
    }

    /// A placement as an object, or as `hoverctl create placement` takes it: `web:1/ingress@first`.
    private mutating func placement(_ node: Node) -> Placement? {
        if case .string(let text) = TypedValue(node) {
            do {
                return try Placement(argument: text)
            } catch {
                note(node, error.message)
                return nil
            }
        }
        guard let members = members(of: node, keys: ManifestKeys.placement, "a placement") else { return nil }
        let positions = ["at", "before", "after"].compactMap { members[$0] }
        if positions.count > 1 { note(positions[1], "a placement has one of at, before and after: keep one of them") }
        guard let place = text(members["node"], "node") else {
            if members["node"] == nil { note(node, "a placement has no node: add node: MODULE, or node: i:NAME") }
            return nil
        }
        return Placement(
            node: place, port: number(members["port"], "port"),
            direction: text(members["direction"], "direction", among: ManifestKeys.directions),
            at: text(members["at"], "position", among: ManifestKeys.positions),
            before: text(members["before"], "before"),
            after: text(members["after"], "after"))
    }

    /// Where the members stand, and what is in them, by the pointer into the module.
    private func places(of members: [String: Node], at node: Node) -> [String: SourcePlace] {
        var places = ["": place(of: node)]
        for (key, value) in members { add(value, at: pointerPart(key), to: &places) }
        return places
    }

    private func add(_ node: Node, at pointer: String, to places: inout [String: SourcePlace]) {
        places[pointer] = place(of: node)
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping { add(value, at: pointer + pointerPart(key.keyText), to: &places) }
        case .sequence(let sequence):
            for (index, value) in sequence.enumerated() { add(value, at: pointer + "/\(index)", to: &places) }
        case .scalar, .alias:
            break
        }
    }
}
