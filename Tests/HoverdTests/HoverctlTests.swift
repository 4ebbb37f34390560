// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// `hoverctl` as a user runs it.
@Suite struct HoverctlTests {
    private func hoverctl(_ words: String..., in daemon: HoverDaemon, input: String = "") async throws -> CommandResult
    {
        try await attempt(
            ["env", "HOVER_ENDPOINT=\(daemon.socket)", HoverDaemon.products.appending(path: "hoverctl").path()] + words,
            input: input)
    }

    @Test func doesTheMainJob() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let file = daemon.folder + "/redirect.c"
            try Source.redirect.write(toFile: file, atomically: true, encoding: .utf8)
            for words in [
                ["create", "module", "-f", file, "--name", "first", "--ports", "2"],
                ["create", "module", "-f", file, "--name", "second", "--ports", "2"],
                ["link", "i:left", "first:1"], ["link", "first:2", "second:1"], ["link", "second:2", "i:right"],
            ] {
                let result = try await attempt(
                    ["env", "HOVER_ENDPOINT=\(daemon.socket)", HoverDaemon.products.appending(path: "hoverctl").path()]
                        + words)
                #expect(result.succeeded, "\(words): \(result.errors)")
            }
            #expect(try await left.pings("10.0.0.2"))
            let modules = try await hoverctl("get", "modules", in: daemon)
            #expect(modules.output.contains("first"))
            #expect(modules.output.contains("second"))
            #expect(!modules.output.contains("\u{1b}["), "colours only on a terminal")
            let json = try await hoverctl("get", "links", "-o", "json", in: daemon)
            let links = try JSONDecoder().decode([Link].self, from: Data(json.output.utf8))
            #expect(links.count == 3)
            #expect(try await hoverctl("get", "interfaces", "-o", "yaml", in: daemon).output.contains("name: left"))
            #expect(try await hoverctl("get", "types", in: daemon).output.contains("bpf/policy"))
            #expect(try await hoverctl("delete", "first", in: daemon).succeeded)
            #expect(try await daemon.client.modules().map(\.name) == ["second"])
        }
    }

    @Test func placesPolicies() async throws {
        try await HoverDaemon.with { daemon in
            _ = try await daemon.oneModule()
            for (name, place) in [("one", "middle:1/ingress"), ("two", "middle:1@first")] {
                let result = try await hoverctl(
                    "create", "module", "-f", "-", "--name", name, "--type", "bpf/policy", "--place", place,
                    in: daemon, input: Source.counter)
                #expect(result.succeeded, "\(result.errors)")
            }
            let topology = try await hoverctl("get", "topology", in: daemon).output
            #expect(
                topology.hasPrefix(
                    """
                    FROM       TO         STATE   ORDER   POLICY   HANDLER   WHY
                    i:left     middle:1   up      1       two      ingress   placed first at middle:1
                    i:left     middle:1   up      2       one      ingress   placed last at middle:1
                    middle:1   i:left     up      1       two      egress    placed first at middle:1
                    middle:2   i:right    up      -       -        -         -

                    """), "\(topology)")
            let moved = try await hoverctl(
                "create", "placement", "one", "middle:1/ingress@before:two", in: daemon)
            #expect(moved.output == "placed one at middle:1/ingress@before:two\n", "\(moved.errors)")
            let forth = try await daemon.client.topology().edges.first?.forth
            #expect(forth?.map { $0.placement?.at } == [nil, "first"])
            let wrong = try await hoverctl("create", "placement", "one", "middle:2@after:two", in: daemon)
            #expect(wrong.status.contains("1"))
            #expect(wrong.errors.contains("policy two does not lie at the ingress of port 2"), "\(wrong.errors)")
            #expect(try await hoverctl("delete", "placement", "two", "middle:1", in: daemon).succeeded)
            #expect(try await daemon.client.module("two").placements.isEmpty)
        }
    }

    @Test func printsWhatClangPrints() async throws {
        try await HoverDaemon.with { daemon in
            let result = try await hoverctl(
                "create", "module", "-f", "-", "--name", "typo", in: daemon, input: Source.syntaxError)
            #expect(result.status.contains("1"))
            #expect(result.errors.contains(":3:"), "\(result.errors)")
            #expect(result.errors.contains("^"), "\(result.errors)")
            let verifier = try await hoverctl(
                "create", "module", "-f", "-", "--name", "wild", in: daemon, input: Source.unverifiable)
            #expect(!verifier.succeeded)
            #expect(verifier.errors.contains(":6:"), "\(verifier.errors)")
            #expect(verifier.errors.contains("invalid access to packet"), "\(verifier.errors)")
        }
    }

    @Test func readsAndWritesTables() async throws {
        try await HoverDaemon.with { daemon in
            try await daemon.forward("tables", source: Source.tables)
            #expect(try await hoverctl("get", "tables", "tables", in: daemon).output.contains("plain"))
            #expect(try await hoverctl("table", "set", "tables", "plain", "7", "42", in: daemon).succeeded)
            #expect(try await hoverctl("table", "get", "tables", "plain", "7", in: daemon).output.contains("42"))
            #expect(try await hoverctl("table", "dump", "tables", "plain", in: daemon).output.contains("42"))
            #expect(try await hoverctl("table", "delete", "tables", "plain", "7", in: daemon).succeeded)
            #expect(try await !hoverctl("table", "get", "tables", "plain", "7", in: daemon).succeeded)
        }
    }

    @Test func saysHowItEnded() async throws {
        try await HoverDaemon.with { daemon in
            #expect(try await hoverctl("delete", "nobody", in: daemon).status.contains("1"))
            #expect(try await hoverctl("frobnicate", in: daemon).status.contains("2"))
            let version = try await hoverctl("version", in: daemon)
            #expect(version.succeeded)
            #expect(version.output.contains(hoverVersion))
            let nowhere = try await attempt([
                HoverDaemon.products.appending(path: "hoverctl").path(), "--endpoint", "/nowhere/at/all", "get",
                "modules",
            ])
            #expect(!nowhere.succeeded)
        }
    }
}
