// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// All of a change or nothing of it, on the revision that it was made for, and back again.
@Suite struct TransactionTests {
    /// A manifest that is refused: what is appended to one that is fine, and what is said about it.
    struct Refused: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let modules: String
        let links: String
        let place: String
        let reason: String
    }

    private static let refused = [
        Refused(
            testDescription: "does not compile", modules: ManifestText.wire("last", source: Source.syntaxError),
            links: "",
            place: "<stdin>:23:13:", reason: "expected ')'"),
        Refused(
            testDescription: "is not verified", modules: ManifestText.wire("last", source: Source.unverifiable),
            links: "",
            place: "<stdin>:23:13:", reason: "invalid access to packet"),
        Refused(
            testDescription: "unknown configuration",
            modules: ManifestText.wire("last") + "    config: {limt: 5}\n", links: "", place: "<stdin>:29:13:",
            reason: "limt"),
        Refused(
            testDescription: "unknown tag", modules: ManifestText.policy("last", "tags: [a, nobody]"), links: "",
            place: "<stdin>:22:11:", reason: "there is no module nobody"),
        Refused(
            testDescription: "port in use", modules: "", links: "  - {from: \"b:2\", to: \"a:2\"}\n",
            place: "<stdin>:24:5:", reason: "is in use by link"),
        Refused(
            testDescription: "port out of range", modules: "", links: "  - {from: \"b:65\", to: \"a:3\"}\n",
            place: "<stdin>:24:5:", reason: "has no port 65"),
        Refused(
            testDescription: "unknown module", modules: "", links: "  - {from: b, to: \"nobody:1\"}\n",
            place: "<stdin>:24:5:", reason: "there is no module nobody"),
        Refused(
            testDescription: "interface in a bridge", modules: "", links: "  - {from: b, to: \"i:member\"}\n",
            place: "<stdin>:24:5:", reason: "is a member of the bridge br0"),
        Refused(
            testDescription: "interface that is linked", modules: "", links: "  - {from: b, to: \"i:left\"}\n",
            place: "<stdin>:24:5:", reason: "i:left is in use by link"),
    ]

    private func hosts(_ network: Network) async throws -> TestHost {
        let left = try await network.addHost("left", address: "10.0.0.1/24")
        try await network.addHost("right", address: "10.0.0.2/24")
        return left
    }

    /// All that a change could change: what the API says, and what is pinned.
    private func everything(_ client: HoverClient, pins: String) async throws -> [String] {
        let modules = try await client.modules().map {
            "\($0.id) \($0.name) \($0.type) \($0.tags) \($0.placements) \($0.config) \($0.generation) \($0.ports.map(\.number))"
        }
        let links = try await client.links().map { "\($0)" }
        let revisions = try await client.revisions().revisions.map { "\($0)" }
        let folder = FileManager.default.enumerator(atPath: pins)
        return modules + links + revisions + (folder?.compactMap { $0 as? String }.sorted() ?? [])
    }

    @Test func allOrNothing() async throws {
        try await HoverDaemon.with { daemon in
            let left = try await hosts(daemon.network)
            try await daemon.network.addHost("member")
            try await daemon.network.ip("link", "add", "br0", "type", "bridge")
            try await daemon.network.ip("link", "set", "member", "master", "br0")
            let first = ManifestText.chain(["b"])
            try await daemon.apply(first)
            let before = try await everything(daemon.client, pins: daemon.pinFolder)
            for refused in Self.refused {
                let manifest =
                    "modules:\n" + ManifestText.wire("a") + ManifestText.wire("b", source: Source.redirect + "//")
                    + refused.modules
                    + ManifestText.links(["b"]) + "  - {from: \"a:1\", to: \"b:3\"}\n" + refused.links
                let result = try await daemon.hoverctl("apply", "-f", "-", input: manifest)
                #expect(result.status.contains("1"), "\(refused): \(result)")
                #expect(result.errors.contains(refused.reason), "\(refused): \(result.errors)")
                #expect(result.errors.contains(refused.place), "\(refused): \(result.errors)")
                #expect(try await everything(daemon.client, pins: daemon.pinFolder) == before, "\(refused)")
                #expect(try await left.pings("10.0.0.2"), "\(refused)")
            }
            #expect(try await daemon.client.doctor().findings.isEmpty)
            #expect(try await daemon.apply(first) == ["no changes"])
        }
    }

    @Test func aBodyOverTheLimitIsRefused() async throws {
        try await HoverDaemon.with { daemon in
            for (size, status) in [(67, "413"), (60, "400")] {
                let script =
                    "(printf '{\"modules\": \"'; head -c \(size)M /dev/zero | tr '\\0' x; printf '\"}') | curl -s -o "
                    + "/dev/null -w '%{http_code}' --unix-socket \(daemon.socket) -X PUT -T - http://hover/v1/manifest"
                let answer = try await shell(["sh", "-c", script])
                #expect(answer == status, "\(size) MB")
            }
        }
    }

    @Test func aChangeForAnotherRevisionIsRefused() async throws {
        try await HoverDaemon.with { daemon in
            let file = daemon.folder + "/a.c"
            try Source.redirect.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await daemon.hoverctl("create", "module", "-f", file, "--if-match", "0").succeeded)
            let stale = try await daemon.hoverctl("create", "module", "-f", file, "--name", "b", "--if-match", "0")
            #expect(stale.status.contains("1"))
            #expect(stale.errors.contains("for revision 0, and this is revision 1"), "\(stale.errors)")
            let manifest = "modules:\n" + ManifestText.wire("a")
            for words in [["apply", "-f", "-"], ["rollback", "0"], ["delete", "a"]] {
                let refused = try await TestSupport.hoverctl(
                    words + ["--if-match", "0"], at: daemon.socket, input: manifest)
                #expect(refused.status.contains("1"), "\(words)")
                #expect(refused.errors.contains("this is revision 1"), "\(words): \(refused.errors)")
            }
            let problem = try await refusal { try await daemon.client.addPort(to: "a", ifMatch: 7) }
            #expect(problem.status == 412)
            #expect(problem.type == Problem.stale)
            #expect(try await daemon.apply(manifest, "--if-match", "1").last == "now at revision 2")
            #expect(try await daemon.client.modules().map(\.name) == ["a"])
            for (request, tag) in [("modules", 2), ("modules/a/ports -d {}", 3), ("links", 3), ("revisions", 3)] {
                let words = request.split(separator: " ").map(String.init)
                let headers = try await shell(
                    [
                        "curl", "-s", "-D", "-", "-o", "/dev/null", "--unix-socket", daemon.socket,
                        "http://hover/v1/" + words[0],
                    ] + words.dropFirst())
                #expect(headers.lowercased().contains("etag: \"\(tag)\""), "\(request): \(headers)")
            }
        }
    }

    /// Twenty writers each add one to a number: with revisions and another try, none is lost.
    @Test func noUpdateIsLost() async throws {
        try await HoverDaemon.with { daemon in
            let source = "const volatile __u32 limit = 0;\n" + Source.redirect
            try await daemon.forward("counter", source: source)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...20 {
                    group.addTask { try await increment(daemon.client) }
                }
                try await group.waitForAll()
            }
            #expect(try await daemon.client.module("counter").config == ["limit": 20])
            #expect(try await daemon.client.revisions().revisions.count == 21)
        }
    }
}

/// Reads, then writes, until nobody wrote in between.
private func increment(_ client: HoverClient) async throws {
    while true {
        let current = try await client.revisions().revisions.first { $0.current }?.number
        let number = try await client.module("counter").config["limit"].flatMap { Int("\($0)") } ?? 0
        do {
            _ = try await client.updateModule(
                "counter", ModuleChange(config: ["limit": TypedValue(number + 1)]), ifMatch: current)
            return
        } catch let problem as Problem where problem.status == 412 {
            continue
        }
    }
}
