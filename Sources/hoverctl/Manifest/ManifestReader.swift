// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TypedValue
import Yams

/// Reads manifests file after file. What is wrong is noted, and reading goes on: all errors are told at once.
struct ManifestReader {
    /// The file that is read.
    private(set) var file = ManifestFile(name: "", folder: "", bytes: [])
    private var errors: [ManifestError] = []
    private var hasContent = false
    private(set) var modules: [ModuleRequest] = []
    private var links: [PlacedLink] = []
    /// They are linked last, as iovisor-ovn does it: which ports they get follows from the order.
    private var externalInterfaces: [PlacedLink] = []
    private var modulePlaces: [String: SourcePlace] = [:]
    private var names: [String: SourcePlace] = [:]

    /// A link and where its parts stand, by the pointer into it.
    struct PlacedLink {
        var request: LinkRequest
        var places: [String: SourcePlace]
    }

    mutating func read(_ file: ManifestFile) {
        self.file = file
        let before = errors.count
        defer { errors[before...].sort { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) } }
        do throws(ManifestError) {
            for document in try file.documents() where TypedValue(document) != .null { read(document) }
        } catch {
            errors.append(error)
            hasContent = true
        }
    }

    private mutating func read(_ document: Node) {
        hasContent = true
        guard let members = members(of: document, keys: ManifestKeys.document, "the manifest") else { return }
        for module in elements(of: members["modules"], "modules") { readModule(module) }
        for link in elements(of: members["links"], "links") {
            if let link = readLink(link) { links.append(link) }
        }
        for interface in elements(of: members["external_interfaces"], "external_interfaces") {
            if let link = readExternalInterface(interface) { externalInterfaces.append(link) }
        }
    }

    /// - Throws: what is wrong in any of the files.
    func finish() throws(ManifestErrors) -> LoadedManifest {
        guard errors.isEmpty else { throw ManifestErrors(errors: errors) }
        guard hasContent else {
            // What failed to write a manifest must not be taken for the wish to have nothing.
            let message = "the manifest is empty: to have no modules, write modules: []"
            throw ManifestErrors(errors: [ManifestError(place: SourcePlace(nil, in: file.name), message: message)])
        }
        var loaded = LoadedManifest(manifest: Manifest(modules: modules), places: modulePlaces)
        for (index, link) in (links + externalInterfaces).enumerated() {
            loaded.manifest.links.append(link.request)
            for (pointer, place) in link.places { loaded.places["/links/\(index)\(pointer)"] = place }
        }
        return loaded
    }

    mutating func note(_ node: Node, _ message: String) {
        errors.append(ManifestError(place: place(of: node), message: message))
    }

    func place(of node: Node) -> SourcePlace { SourcePlace(node.mark, in: file.name) }

    /// Adds a module, unless one has its name.
    mutating func add(_ module: ModuleRequest, nameAt name: Node, places: [String: SourcePlace]) {
        if let first = names[module.name] {
            note(name, "module '\(module.name)' is there already, at \(first): give one of them another name")
            return
        }
        names[module.name] = place(of: name)
        for (pointer, place) in places { modulePlaces["/modules/\(modules.count)\(pointer)"] = place }
        modules.append(module)
    }
}

/// Reading members of a map by their types. A member that is there and null counts as absent.
extension ManifestReader {
    /// The members with known keys; nil for what is no map.
    mutating func members(of node: Node, keys: [String], _ subject: String) -> [String: Node]? {
        guard case .mapping(let mapping) = node else {
            note(
                node,
                "\(subject) is \(TypedValue(node).kindInWords): expected a map with \(keys.joined(separator: ", "))")
            return nil
        }
        var members: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.keyText
            if keys.contains(name) {
                members[name] = TypedValue(value) == .null ? nil : value
            } else {
                note(key, "unknown key '\(name)' in \(subject): \(suggestion(for: name, among: keys))")
            }
        }
        return members
    }

    mutating func elements(of node: Node?, _ key: String) -> [Node] {
        guard let node else { return [] }
        guard case .sequence(let elements) = node else {
            noteType(node, key, expected: "a list")
            return []
        }
        return Array(elements)
    }

    /// - Parameter choices: all that the text can be; any text when there are none.
    mutating func text(_ node: Node?, _ key: String, among choices: [String] = []) -> String? {
        guard let node else { return nil }
        guard case .string(let text) = TypedValue(node) else {
            noteType(node, key, expected: node.scalar == nil ? "text" : "text, so put it in quotes")
            return nil
        }
        guard choices.isEmpty || choices.contains(text) else {
            note(node, "there is no \(key) '\(text)': \(suggestion(for: text, among: choices))")
            return nil
        }
        guard !text.isEmpty else {
            note(node, "\(key) is empty: write it, or leave the key out")
            return nil
        }
        return text
    }

    mutating func number(_ node: Node?, _ key: String) -> Int? {
        guard let node else { return nil }
        switch TypedValue(node) {
        case .signed(let number): return Int(number)
        case .unsigned(let number) where number <= Int.max: return Int(number)
        default:
            noteType(node, key, expected: "a whole number")
            return nil
        }
    }

    mutating func truth(_ node: Node?, _ key: String) -> Bool? {
        guard let node else { return nil }
        guard case .bool(let truth) = TypedValue(node) else {
            noteType(node, key, expected: "true or false")
            return nil
        }
        return truth
    }

    mutating func noteType(_ node: Node, _ key: String, expected: String) {
        note(node, "\(key) is \(TypedValue(node).kindInWords): expected \(expected)")
    }
}
