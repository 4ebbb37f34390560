// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing

@testable import hoverctl

/// Which files make a manifest, and what paths in them mean.
@Suite struct ManifestFileTests {
    @Test func mergesAFolder() async throws {
        let files = [
            "b.yml": "modules: [{name: b, type: x}]\n---\nlinks: [{from: b, to: a}]",
            "a.yaml": "modules: [{name: a, type: x}]\nexternal_interfaces: [{module: a, iface: eth1}]",
            "c.json": #"{"modules": [{"name": "c", "type": "x"}]}"#,
            "notes.txt": "nonsense", ".hidden.yaml": "nonsense: 1", "deeper/d.yaml": "nonsense: 1",
        ]
        try await withFolder(files) { folder in
            for path in [folder, folder + "/"] {
                let manifest = try LoadedManifest.load([path]).manifest
                #expect(manifest.modules.map(\.name) == ["a", "b", "c"])
                #expect(manifest.links.map(\.from.node) == ["b", "a"])
            }
        }
    }

    @Test func takesSeveralPaths() async throws {
        try await withFolder(["b.yaml": "modules: [{name: b, type: x}]", "a.txt": "modules: [{name: a, type: x}]"]) {
            folder in
            let manifest = try LoadedManifest.load([folder, folder + "/a.txt"]).manifest
            #expect(manifest.modules.map(\.name) == ["b", "a"])
        }
    }

    @Test func findsCodeBesideTheManifest() async throws {
        let files = [
            "site/hover.yaml": """
            modules:
              - {name: a, type: bpf/forward, code: a.c}
              - {name: b, type: bpf/forward, code: ../shared/b.c, file: other.c}
              - {name: c, type: bpf/forward, code: c.o}
            """,
            "site/a.c": "int a;", "shared/b.c": "int b;", "site/c.o": "\u{7f}ELF",
        ]
        try await withFolder(files) { folder in
            let modules = try LoadedManifest.load([folder + "/site/hover.yaml"]).manifest.modules
            #expect(modules.map(\.source) == ["int a;", "int b;", nil])
            #expect(modules.map(\.file) == ["a.c", "other.c", nil])
            #expect(modules.map(\.object) == [nil, nil, "f0VMRg=="])
        }
    }

    @Test(arguments: [
        ("", "a.c", "a.c"), ("", "-", "./-"), ("site/", "a.c", "site/a.c"), ("site/", "-", "site/-"),
        ("site/", "/a.c", "/a.c"),
    ])
    func resolvesPaths(folder: String, path: String, resolved: String) {
        #expect(ManifestFile(name: "", folder: folder, bytes: []).resolve(path) == resolved)
    }

    @Test func saysWhyItCannotRead() async throws {
        let missing = #expect(throws: CommandFailure.self) { try LoadedManifest.load(["/nowhere/hover.yaml"]) }
        #expect(missing?.message == "/nowhere/hover.yaml: No such file or directory")
        try await withFolder(["x.txt": ""]) { folder in
            let empty = #expect(throws: CommandFailure.self) { try LoadedManifest.load([folder]) }
            #expect(empty?.message.hasPrefix("\(folder) has no file *.yaml, *.yml or *.json") == true)
        }
    }
}
