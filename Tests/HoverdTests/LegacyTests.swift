// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// The original Hover's API at the root, as its clients use it, over TCP.
@Suite struct LegacyTests {
    private struct Answer {
        let status: Int
        let text: String
        let json: TypedValue

        subscript(_ member: String) -> TypedValue? {
            guard case .object(let members) = json else { return nil }
            return members[member]
        }
        var list: [TypedValue] {
            guard case .array(let elements) = json else { return [] }
            return elements
        }
    }

    private func ask(
        _ method: String, _ path: String, _ body: TypedValue? = nil, in daemon: HoverDaemon
    ) async throws -> Answer {
        let printed = try await daemon.network.run(
            "curl", "-s", "-X", method, "-w", "\n%{http_code}", "--data-binary", body?.description ?? "",
            "http://127.0.0.1:5002" + path)
        let lines = printed.split(separator: "\n", omittingEmptySubsequences: false)
        let text = lines.dropLast().joined(separator: "\n")
        let json = (try? JSONDecoder().decode(TypedValue.self, from: Data(text.utf8))) ?? .null
        return Answer(status: Int(lines.last ?? "") ?? 0, text: text, json: json)
    }

    private func create(
        _ name: String, _ source: String, type: String = "bpf/forward", tags: [String] = [], in daemon: HoverDaemon
    ) async throws -> String {
        let answer = try await ask(
            "POST", "/modules/",
            [
                "module_type": .string(type), "display_name": .string(name),
                "tags": .array(tags.map { .string($0) }), "config": ["code": .string(source)],
            ], in: daemon)
        guard answer.status == 200, case .string(let id)? = answer["id"] else {
            throw DaemonFailure(reason: "\(answer)", log: "")
        }
        return id
    }

    private func withLegacy(_ body: (HoverDaemon) async throws -> Void) async throws {
        try await HoverDaemon.with(arguments: ["--listen", "127.0.0.1:5002"], body)
    }

    @Test func modulesLinksAndPackets() async throws {
        try await withLegacy { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let first = try await create("first", Source.redirect, in: daemon)
            let second = try await create("second", Source.redirect, in: daemon)
            var ids: [String] = []
            for (from, to) in [
                ("i:left", "m:" + first.dropFirst(2)), (first, second),
                ("modules:" + second, "external_interfaces:right"),
            ] {
                let link = try await ask("POST", "/links/", ["from": .string(from), "to": .string(to)], in: daemon)
                #expect(link.status == 200, "\(link.text)")
                if case .string(let id)? = link["id"] { ids.append(id) }
            }
            #expect(try await left.pings("10.0.0.2"))
            let links = try await ask("GET", "/links/", in: daemon)
            #expect(links.list.count == 3)
            #expect(try await ask("GET", "/links/" + ids[1], in: daemon)["from-id"] == 2)
            let again = try await ask(
                "POST", "/links/", ["from": .string(first), "to": .string(second)], in: daemon)
            #expect(again.status == 400)
            #expect(try await ask("DELETE", "/links/" + ids[1], in: daemon).status == 200)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            for module in [first, second] {
                #expect(try await ask("DELETE", "/modules/" + module, in: daemon).status == 200)
            }
            #expect(try await ask("GET", "/modules/" + first, in: daemon).status == 404)
        }
    }

    @Test func modulesAreShownAsTheyWere() async throws {
        try await withLegacy { daemon in
            let id = try await create("first", Source.redirect, in: daemon)
            let module = try await ask("GET", "/modules/" + id, in: daemon)
            #expect(module["id"] == .string(id))
            #expect(module["module_type"] == "bpf/forward")
            #expect(module["display_name"] == "first")
            #expect(module["permissions"] == "0600")
            try await daemon.network.ip("link", "add", "br0", "type", "bridge")
            let bridge = try await ask("GET", "/modules/b:br0", in: daemon)
            #expect(bridge["permissions"] == "0400")
            #expect(try await ask("GET", "/modules/", in: daemon).list.count == 2)
            let unknown = try await ask(
                "POST", "/modules/",
                ["module_type": "bpf/sideways", "display_name": "x", "config": ["code": "int x;"]], in: daemon)
            #expect(unknown.status == 400)
            #expect(unknown.text.contains("bpf/sideways"))
            let missing = try await ask("GET", "/modules/m:nobody", in: daemon)
            #expect(missing.status == 404)
        }
    }

    @Test func entriesAreStrings() async throws {
        try await withLegacy { daemon in
            let source = """
                struct pair { u32 first; u32 second; };
                BPF_TABLE("hash", u32, u32, numbers, 16);
                BPF_TABLE("hash", struct pair, struct pair, pairs, 16);
                static int handle_rx(void *pkt, struct metadata *md)
                {
                	u32 key = 0;
                	struct pair pair = {};
                	return numbers.lookup(&key) && pairs.lookup(&pair) ? RX_DROP : RX_OK;
                }
                """
            let id = try await create("tables", source, in: daemon)
            let tables = try await ask("GET", "/modules/\(id)/tables/", in: daemon)
            #expect(tables.list.count == 2)
            let entries = "/modules/\(id)/tables/numbers/entries/"
            let set = try await ask("POST", entries, ["key": "0x7", "value": "0x2a"], in: daemon)
            #expect(set.status == 200, "\(set.text)")
            let entry = try await ask("GET", entries + "0x7", in: daemon)
            #expect(entry["value"] == "0x2a")
            #expect(try await ask("PUT", entries + "0x7", ["key": "0x7", "value": "0x2b"], in: daemon).status == 200)
            #expect(try await ask("GET", entries, in: daemon).list == [["key": "0x7", "value": "0x2b"]])
            #expect(try await ask("DELETE", entries + "0x7", in: daemon).status == 200)
            #expect(try await ask("GET", entries, in: daemon).list.isEmpty)
            let pairs = "/modules/\(id)/tables/pairs/entries/"
            let pair = try await ask("POST", pairs, ["key": "{ 0x1 0x2 }", "value": "{ 0x3 0x4 }"], in: daemon)
            #expect(pair.status == 200, "\(pair.text)")
            #expect(try await ask("GET", pairs, in: daemon).list == [["key": "{ 0x1 0x2 }", "value": "{ 0x3 0x4 }"]])
            #expect(try await ask("POST", pairs, ["key": "{ 0x1 }", "value": "0x1"], in: daemon).status == 400)
        }
    }

    @Test func policiesByTags() async throws {
        try await withLegacy { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let module = try await create("middle", Source.redirect, in: daemon)
            for end in ["i:left", "i:right"] {
                let link = try await ask("POST", "/links/", ["from": .string(module), "to": .string(end)], in: daemon)
                #expect(link.status == 200)
            }
            let policy = try await create("wall", Source.wall, type: "bpf/policy", tags: [module], in: daemon)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            #expect(try await ask("DELETE", "/modules/" + policy, in: daemon).status == 200)
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    @Test func externalInterfaces() async throws {
        try await withLegacy { daemon in
            try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let interfaces = try await ask("GET", "/external_interfaces/", in: daemon)
            #expect(interfaces.status == 200)
            #expect(interfaces.text.contains("\"left\""))
        }
    }
}
