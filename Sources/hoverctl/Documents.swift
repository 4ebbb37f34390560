// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import TypedValue
import Yams

/// How a command prints what it got.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case table, json, yaml
}

/// The value as hoverd's API has it, members in alphabetical order.
func jsonDocument(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self).escapedForTerminal(keeping: ["\n"]) + "\n"
}

/// The same document in one line.
func jsonLine(_ value: some Encodable) throws -> String {
    String(decoding: try encodeJSON(value), as: UTF8.self).escapedForTerminal() + "\n"
}

/// The same document in YAML.
func yamlDocument(_ value: some Encodable) throws -> String {
    let document = try TypedValue(json: encodeJSON(value))
    // Without a width of lines, for libyaml would fold long ones.
    return try Yams.serialize(node: node(document), width: -1, allowUnicode: true).escapedForTerminal(keeping: ["\n"])
}

private func node(_ value: TypedValue) throws -> Node {
    switch value {
    case .null: Node("null", Tag(.null))
    case .bool(let value): try Node(value)
    case .signed(let value): try Node(value)
    case .unsigned(let value): try Node(value)
    case .string(let value): node(text: value)
    case .array(let values): Node(try values.map { try node($0) }, Tag(.seq))
    case .object(let members):
        Node(try members.sorted { $0.key < $1.key }.map { (node(text: $0.key), try node($0.value)) }, Tag(.map))
    }
}

private func node(text: String) -> Node {
    if text.unicodeScalars.contains(where: { $0.controlsTerminals && $0 != "\n" }) {
        // The only style that has escapes.
        return Node(text, Tag(.str), .doubleQuoted)
    }
    return text.contains("\n") ? Node(text, Tag(.str), .literal) : .scalar(text.represented())
}
