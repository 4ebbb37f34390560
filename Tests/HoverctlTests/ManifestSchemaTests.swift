// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import TypedValue

@testable import hoverctl

/// The schema that editors check manifests with says what `hoverctl` takes.
@Suite struct ManifestSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func schema() throws -> [String: TypedValue] {
        let file = Self.root.appending(path: "dist/manifest.schema.json")
        return try JSONDecoder().decode([String: TypedValue].self, from: Data(contentsOf: file))
    }

    private func properties(_ name: String?) throws -> [String: TypedValue] {
        let schema = try schema()
        let definition = name == nil ? .object(schema) : schema["$defs"]?[name ?? ""]
        return try #require(definition?["properties"]?.members)
    }

    @Test(arguments: [
        (nil, ManifestKeys.document), ("module", ManifestKeys.module), ("placement", ManifestKeys.placement),
        ("link", ManifestKeys.link), ("external_interface", ManifestKeys.externalInterface),
    ])
    func hasTheKeys(definition: String?, keys: [String]) throws {
        let properties = try properties(definition)
        #expect(properties.keys.sorted() == keys.sorted())
        for (key, property) in properties {
            #expect(property["description"]?.members == nil && property["description"] != nil, "\(key)")
        }
    }

    @Test func hasTheChoices() throws {
        let choices = { (names: [String]) in TypedValue.array(names.map { .string($0) } + [.null]) }
        #expect(try schema()["$defs"]?["hook"]?["enum"] == choices(ManifestKeys.hooks))
        #expect(try properties("placement")["direction"]?["enum"] == choices(ManifestKeys.directions))
        #expect(try properties("placement")["at"]?["enum"] == choices(ManifestKeys.positions))
    }

    /// A manifest with every key that the schema has is read.
    @Test func everyKeyIsRead() throws {
        let samples: [String: TypedValue] = [
            "$schema": "x",
            "modules": [
                [
                    "name": "a", "type": "bpf/policy", "source": "int x;", "file": "a.c", "config": ["x": 1],
                    "ports": 0, "max_ports": 1, "counters": true, "tags": ["b"],
                    "placements": [
                        "b:1", ["node": "b", "port": 1, "direction": "ingress", "at": "first"],
                        ["node": "b", "before": "c"], ["node": "b", "after": "c"],
                    ],
                ]
            ],
            "links": [["from": "a", "to": "b", "hook": "tc"]],
            "external_interfaces": [["module": "a", "iface": "eth1", "port": 1, "hook": "xdp"]],
        ]
        let text = TypedValue.object(samples).description
        let manifest = try LoadedManifest.load([ManifestFile(name: "x", folder: "", bytes: Array(text.utf8))])
        #expect(manifest.manifest.modules.count == 1)
        #expect(manifest.manifest.links.count == 2)
    }

    @Test func theExampleIsReadable() throws {
        let manifest = try LoadedManifest.load([Self.root.appending(path: "examples/chain/hover.yaml").path()]).manifest
        #expect(manifest.modules.map(\.name) == ["near", "far", "counter"])
        #expect(manifest.modules.map(\.file) == ["redirect.c", "redirect.c", "policy-counter.c"])
        #expect(manifest.modules.allSatisfy { $0.source?.contains("handle_rx") == true })
        #expect(manifest.links.count == 3)
    }
}

extension TypedValue {
    fileprivate var members: [String: TypedValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    fileprivate subscript(key: String) -> TypedValue? { members?[key] }
}
