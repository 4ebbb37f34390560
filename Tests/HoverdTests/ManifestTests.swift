// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Manifests that `hoverctl` applies to a running `hoverd`.
@Suite struct ManifestTests {
    private static let examples = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "examples").path()

    private func hosts(_ network: Network) async throws -> TestHost {
        let left = try await network.addHost("left", address: "10.0.0.1/24")
        try await network.addHost("right", address: "10.0.0.2/24")
        return left
    }

    /// What modules and links there are, and which revision that is.
    private func state(_ client: HoverClient) async throws -> String {
        let modules = try await client.modules().map { "\($0.id) \($0.name) \($0.generation) \($0.placements)" }
        let links = try await client.links().map { "\($0)" }
        let revision = try await client.revisions().revisions.first?.number ?? 0
        return (modules + links + ["revision \(revision)"]).joined(separator: "\n")
    }

    private func checkOrder(_ client: HoverClient) async throws {
        let findings = try await client.doctor().findings
        #expect(findings.isEmpty, "\(findings)")
    }

    @Test func theExampleWorks() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("veth-left", address: "10.0.0.1/24")
            try await daemon.network.addHost("veth-right", address: "10.0.0.2/24")
            let file = Self.examples + "/chain/hover.yaml"
            let plan = try await daemon.hoverctl("plan", "-f", file).lines()
            #expect(plan.count == 6 && plan.allSatisfy { $0.hasPrefix("+ ") }, "\(plan)")
            #expect(try await daemon.client.modules().isEmpty)
            #expect(try await daemon.hoverctl("apply", "-f", file).lines().last == "now at revision 1")
            #expect(try await left.pings("10.0.0.2"))
            let topology = try await daemon.client.topology()
            #expect(
                topology.edges.flatMap { $0.forth + $0.back }.count == 5, "both ways by tag at two links, and placed")
            let before = try await state(daemon.client)
            #expect(try await daemon.hoverctl("apply", "-f", file).lines() == ["no changes"])
            #expect(try await daemon.hoverctl("plan", "-f", file).lines() == ["no changes"])
            let other = try String(contentsOfFile: file, encoding: .utf8).replacing("tags: [near]", with: "tags: [far]")
                .replacing("code: ..", with: "code: " + Self.examples)
            let planned = try await daemon.hoverctl("plan", "-f", "-", input: other)
            #expect(try planned.lines() == ["~ module counter (tags)"])
            #expect(try await state(daemon.client) == before)
            try await checkOrder(daemon.client)
        }
    }

    @Test func aChangedSourceIsReplacedUnderTraffic() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            try await daemon.apply(ManifestText.chain(["a", "b"]))
            let changed =
                "modules:\n" + ManifestText.wire("a") + ManifestText.wire("b", source: Source.redirect + "// 2")
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                let lines = try await daemon.apply(changed + ManifestText.links(["a", "b"]))
                #expect(lines == ["replaced the code of module b (code)", "now at revision 2"])
            }
            #expect(lost.isEmpty)
            #expect(try await daemon.client.module("b").generation == 1)
            #expect(try await daemon.client.module("a").generation == 0)
            try await checkOrder(daemon.client)
        }
    }

    @Test func pruneRemovesWhatManifestsNamedOnly() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            try await daemon.forward("own")
            try await daemon.forward("b")
            try await daemon.network.addHost("other", address: "10.0.0.3/24")
            let link = try await daemon.link(("i:other", nil), ("own", 1))
            let all = ManifestText.chain(["a", "b"], policies: ManifestText.policy("count", "tags: [a]"))
            let applied = try await daemon.apply(all, "--prune")
            #expect(applied.count == 7)
            #expect(applied.contains("updated module b (now of a manifest)"), "\(applied)")
            #expect(
                try await daemon.apply(ManifestText.chain(["a", "b"])) == ["no changes"], "nothing without --prune")
            let planned = try await daemon.hoverctl(
                "plan", "--prune", "-f", "-", input: ManifestText.chain(["a", "b"]))
            #expect(try planned.lines() == ["- module count"])
            let pruned = try await daemon.apply(ManifestText.chain(["a", "b"]), "--prune")
            #expect(pruned.first == "deleted module count")
            #expect(try await left.pings("10.0.0.2"))
            // The same chain with one module less.
            let short = try await daemon.apply(ManifestText.chain(["a"]), "--prune")
            #expect(short.contains("deleted module b"), "\(short)")
            #expect(try await left.pings("10.0.0.2"))
            try await daemon.apply("modules: []", "--prune")
            #expect(try await daemon.client.modules().map(\.name) == ["own"])
            #expect(try await daemon.client.links().map(\.id) == [link.id])
            try await checkOrder(daemon.client)
        }
    }

    @Test func aModuleInTheMiddleIsExchanged() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            try await daemon.apply(ManifestText.chain(["a", "b", "c"]))
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                for middle in ["x", "b", "y", "b"] {
                    let lines = try await daemon.apply(ManifestText.chain(["a", middle, "c"]), "--prune")
                    #expect(lines.contains("created module \(middle)"), "\(lines)")
                }
            }
            #expect(lost.isEmpty)
            #expect(try await daemon.client.modules().map(\.name) == ["a", "c", "b"])
            try await checkOrder(daemon.client)
        }
    }

    @Test func modulesOfTwoNamesAreExchanged() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            let other = Source.redirect + "// other"
            func manifest(_ first: String, _ second: String, _ order: [String]) -> String {
                "modules:\n" + ManifestText.wire("a", source: first) + ManifestText.wire("b", source: second)
                    + ManifestText.links(order)
            }
            try await daemon.apply(manifest(Source.redirect, other, ["a", "b"]))
            let lost = try await Pinging.losses(from: left, to: "10.0.0.2") {
                let codes = try await daemon.apply(manifest(other, Source.redirect, ["a", "b"]))
                #expect(
                    codes.prefix(2) == ["replaced the code of module a (code)", "replaced the code of module b (code)"])
            }
            #expect(lost.isEmpty)
            let places = try await daemon.apply(manifest(other, Source.redirect, ["b", "a"]), "--prune")
            #expect(places.count == 7, "\(places)")
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.client.module("b").ports.first?.peer == "i:left")
            try await checkOrder(daemon.client)
        }
    }

    @Test func policiesNameWhatIsInTheSameManifest() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let left = try await hosts(sequence.network)
            let manifest =
                "modules:\n" + ManifestText.policy("first", source: Source.marker(1), "tags: [b, \"i:left\"]")
                + ManifestText.policy("second", source: Source.marker(2), "placements: [\"a:1/ingress@first\"]")
                + ManifestText.policy(
                    "third", source: Source.marker(3), "placements: [\"a:1/ingress@before:second\", \"i:right\"]")
                + ManifestText.wire("a") + ManifestText.wire("b") + ManifestText.links(["a", "b"])
            let lines = try await sequence.apply(manifest)
            #expect(lines.count == 9, "\(lines)")
            #expect(try await left.pings("10.0.0.2"))
            let edge = try #require(try await sequence.client.topology().edges.first)
            let names = Dictionary(uniqueKeysWithValues: try await sequence.client.modules().map { ($0.id, $0.name) })
            #expect(edge.forth.map { names[$0.policy] } == ["third", "second", "first"])
            #expect(try await sequence.apply(manifest) == ["no changes"])
            sequence.kill()
            try await sequence.start()
            #expect(try await sequence.apply(manifest) == ["no changes"])
            #expect(try await sequence.apply(manifest, "--prune") == ["no changes"])
            let moved = manifest.replacing("@before:second", with: "@after:second")
            #expect(try await sequence.apply(moved).first == "updated module third (placements)")
            #expect(try await sequence.apply(moved) == ["no changes"])
            #expect(try await left.pings("10.0.0.2"))
            try await checkOrder(sequence.client)
        }
    }

    /// A link without a port takes none that another one names, and is found again.
    @Test func portsNeedNotBeNamed() async throws {
        try await HoverDaemon.with { daemon in
            _ = try await hosts(daemon.network)
            let manifest = """
                modules:
                \(ManifestText.wire("a"))\(ManifestText.wire("b"))
                links:
                  - {from: "i:left", to: a}
                  - {from: a, to: b}
                  - {from: b, to: a}
                  - {from: a, to: "b:1"}
                  - {from: "a:9", to: b}
                  - {from: b, to: "i:right"}
                """
            #expect(try await daemon.apply(manifest).count == 9)
            for _ in 1...5 {
                #expect(try await daemon.apply(manifest, "--prune") == ["no changes"])
            }
        }
    }

    @Test func takesAllForms() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            // iovisor-ovn's form, with modules of the original Hover's types.
            let legacy = """
                modules:
                  - name: a
                    type: bpf/forward
                    config:
                      code: |
                        static int handle_rx(void *pkt, struct metadata *md) {
                          pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1); return RX_REDIRECT; }
                external_interfaces:
                  - {module: a, iface: left}
                  - {module: a, iface: right}
                """
            #expect(try await daemon.apply(legacy).count == 4)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.apply(legacy) == ["no changes"])
            try await daemon.apply("modules: []", "--prune")
            // A folder of JSON and YAML that belong together, with code beside them.
            let folder = daemon.folder + "/manifests"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let files = [
                "1.json": #"{"modules": [{"name": "a", "type": "bpf/forward", "code": "wire.c"}]}"#,
                "wire.c": Source.redirect,
                "2.yaml": ManifestText.links(["a", "b"]), "3.yml": "modules:\n" + ManifestText.wire("b"),
            ]
            for (name, text) in files {
                try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            }
            #expect(try await daemon.hoverctl("apply", "-f", folder).lines().count == 6)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.hoverctl("apply", "-f", folder, "--prune").lines() == ["no changes"])
            let json =
                #"{"modules": [{"name": "a", "type": "bpf/forward", "config": {"answer": 42}, "source": "#
                + "\"\(Source.tables.jsonEscaped)\"}]}"
            #expect(try await daemon.apply(json).first == "replaced the code of module a (code)")
            #expect(try await daemon.client.module("a").config == ["answer": 42])
            #expect(try await daemon.apply(json) == ["no changes"])
            try await checkOrder(daemon.client)
        }
    }

    @Test func threeHundredModules() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            // Chains of thirty: the kernel does not let packets go through more than 32.
            let names = (1...300).map { "m\($0)" }
            let chains = stride(from: 0, to: 300, by: 30).map { Array(names[$0..<$0 + 30]) }
            let links = chains.enumerated().map { number, chain in
                ManifestText.links(
                    chain, from: number == 0 ? "i:left" : "i:from\(number)",
                    to: number == 0 ? "i:right" : "i:to\(number)"
                )
                .replacing("links:\n", with: "")
            }.joined()
            let manifest = "modules:\n" + names.map { ManifestText.wire($0) }.joined() + "links:\n" + links
            #expect(try await daemon.apply(manifest).count == 611)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.apply(manifest, "--prune") == ["no changes"])
            #expect(try await daemon.apply("modules: []", "--prune").count == 611)
        }
    }

    @Test func namesAreAnyText() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            let names = ["with space", "żółw – 龜", String(repeating: "é", count: 64), "a/b?c#d%20", "10"]
            let manifest = ManifestText.chain(names, policies: ManifestText.policy("wächter", "tags: [\"żółw – 龜\"]"))
            #expect(try await daemon.apply(manifest).count == 13)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await daemon.apply(manifest, "--prune") == ["no changes"])
            for name in names {
                #expect(try await daemon.client.module(name).name == name)
                #expect(try await daemon.hoverctl("delete", name).succeeded)
            }
            let tooLong = try await daemon.hoverctl(
                "apply", "-f", "-", input: "modules:\n" + ManifestText.wire(String(repeating: "é", count: 65)))
            #expect(tooLong.errors.hasPrefix("<stdin>:2:"), "\(tooLong.errors)")
        }
    }
}

extension String {
    fileprivate var jsonEscaped: String {
        replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n").replacing(
            "\t", with: "\\t")
    }
}
