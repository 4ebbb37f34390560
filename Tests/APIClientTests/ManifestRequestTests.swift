// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import TypedValue

@testable import APIClient
import HoverAPI

/// What the client sends for transactions, and what it understands of their answers.
@Suite struct ManifestRequestTests {
    private static let result = """
        {"revision":7,"changes":[{"action":"create","kind":"module","name":"a","id":"m:1"},
                                 {"action":"create","kind":"link","name":"a:1 - i:eth1","detail":"pending"}]}
        """
    private static let module = """
        {"id":"m:1","name":"a","type":"bpf/forward","tags":[],"placements":[],"ports":[],"drops":{},"hooks":["tc"],
         "packet_ins":0,"copies":0,"config":{},"number":1,"warnings":""}
        """
    private static let link = """
        {"id":"l:1","from":{"node":"m:1","port":1},"to":{"node":"i:eth1"},"state":"pending","detail":"no eth1"}
        """
    private static let finding = Finding(object: "m:1", state: "missing", detail: "no pin", mended: true)

    @Test func appliesAManifest() async throws {
        let manifest = Manifest(
            modules: [ModuleRequest(name: "a", type: "bpf/forward", source: "int x;")],
            links: [LinkRequest(from: LinkEnd(node: "a", port: 1), to: LinkEnd(node: "i:eth1"), hook: "xdp")])
        let received = try await withServer(answering: { _ in Answer(body: Self.result) }) { client in
            let result = try await client.apply(manifest, prune: true, ifMatch: 6)
            #expect(result.revision == 7)
            #expect(result.changes.map(\.id) == ["m:1", nil])
            #expect(result.changes.map(\.detail) == [nil, "pending"])
        }
        let request = try #require(received.first)
        #expect(request.method == "PUT")
        #expect(request.path == "/v1/manifest?prune=true&dry_run=false")
        #expect(request.ifMatch == "\"6\"")
        #expect(request.author == "me@here")
        let expected: TypedValue = [
            "modules": [["name": "a", "type": "bpf/forward", "source": "int x;"]],
            "links": [["from": ["node": "a", "port": 1], "to": ["node": "i:eth1"], "hook": "xdp"]],
        ]
        #expect(try TypedValue(json: request.body) == expected)
    }

    @Test func listsRevisions() async throws {
        let answer = """
            {"revisions":[{"number":2,"time":"2026-11-24T18:00:00Z","author":"a@b","summary":"x","current":true}]}
            """
        let received = try await withServer(answering: { _ in Answer(body: answer) }) { client in
            let revisions = try await client.revisions().revisions
            #expect(revisions.map(\.number) == [2])
            #expect(revisions.first?.current == true)
        }
        #expect(received.map(\.path) == ["/v1/revisions"])
    }

    @Test func goesBack() async throws {
        let received = try await withServer(answering: { _ in Answer(body: Self.result) }) { client in
            _ = try await client.rollback(to: 3, dryRun: true, ifMatch: 9)
        }
        #expect(
            received == [
                Received(
                    method: "POST", path: "/v1/revisions/3/rollback?dry_run=true", body: "{}", author: "me@here",
                    ifMatch: "\"9\"")
            ])
    }

    @Test func replacesCode() async throws {
        let received = try await withServer(answering: { _ in Answer(body: Self.module) }) { client in
            let module = try await client.replaceCode(of: "a", CodeRequest(source: "int x;", file: "a.c"), ifMatch: 1)
            #expect(module.generation == 0, "of an answer without it")
            #expect(module.code == nil)
        }
        #expect(received.map(\.path) == ["/v1/modules/a/code"])
        #expect(received.map(\.method) == ["PUT"])
        #expect(received.map(\.ifMatch) == ["\"1\""])
        #expect(try received.map { try TypedValue(json: $0.body) } == [["source": "int x;", "file": "a.c"]])
    }

    @Test func examinesAndMends() async throws {
        let report = DoctorReport(findings: [Self.finding])
        let answer = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
        let received = try await withServer(answering: { _ in Answer(body: answer) }) { client in
            let found = try await client.doctor()
            let mended = try await client.mend()
            #expect(found == report)
            #expect(mended == report)
        }
        #expect(received.map { "\($0.method) \($0.path)" } == ["GET /v1/doctor", "POST /v1/doctor"])
    }

    @Test(arguments: [true, false])
    func takesDown(forget: Bool) async throws {
        let received = try await withServer(answering: { _ in Answer(status: 202, body: "") }) { client in
            try await client.down(forget: forget)
        }
        #expect(received.map { "\($0.method) \($0.path)" } == ["POST /v1/down?forget=\(forget)"])
    }

    @Test func namesTheRevision() async throws {
        let received = try await withServer(
            answering: { Answer(body: $0.path.contains("link") ? Self.link : Self.module) },
            { client in
                _ = try await client.createModule(ModuleRequest(name: "a", type: "bpf/forward"), ifMatch: 1)
                _ = try await client.updateModule("a", ModuleChange(name: "b"), ifMatch: 2)
                try await client.deleteModule("a", ifMatch: 3)
                _ = try await client.createLink(
                    from: LinkEnd(node: "a"), to: LinkEnd(node: "i:eth1"), ifMatch: 4)
                try await client.deleteLink("l:1", ifMatch: 5)
            })
        #expect(received.map(\.ifMatch) == (1...5).map { "\"\($0)\"" })
    }

    @Test func tellsAStaleRevision() async throws {
        let problem = Problem(
            type: Problem.stale, title: "stale", status: 412, detail: "the current revision is 8",
            pointer: "/modules/0/name")
        let body = String(decoding: try JSONEncoder().encode(problem), as: UTF8.self)
        _ = try await withServer(
            answering: { _ in Answer(status: 412, type: "application/problem+json", body: body) },
            { client in
                await #expect(throws: problem) { _ = try await client.apply(Manifest(), ifMatch: 7) }
            })
    }

    @Test(arguments: [
        (["SUDO_USER": "ann", "USER": "root"], "ann@host"), (["SUDO_USER": "", "USER": "root"], "root@host"),
        ([:], "7@host"),
    ])
    func namesTheAuthor(environment: [String: String], author: String) {
        #expect(HoverClient.author(environment: environment, uid: 7, host: "host") == author)
    }

    @Test func keepsHeadersWhole() {
        #expect(HoverClient.headerValue("ann\r\nX: y@größe") == "ann??X:?y@gr??e")
        #expect(HoverClient.processAuthor.contains("@"))
    }
}
