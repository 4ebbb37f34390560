// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing
import TypedValue

@testable import hoverctl

/// Command lines that apply manifests and go back, against a server that answers what it is told.
@Suite struct ManifestCommandTests {
    private static let manifest = """
        modules:
          - name: web
            type: bpf/forward
            source: |
              int x
            config: {limit: 5}
        links:
          - {from: web, to: i:eth9}
        """
    private static let result = """
        {"revision":8,"changes":[
          {"action":"create","kind":"module","name":"web","id":"m:1"},
          {"action":"update","kind":"module","name":"fw","id":"m:2","detail":"tags"},
          {"action":"replace","kind":"module","name":"nat","id":"m:3","detail":"generation 4"},
          {"action":"create","kind":"link","name":"web:1 - i:eth9","id":"l:1"},
          {"action":"delete","kind":"link","name":"old:1 - i:eth1","id":"l:0"}]}
        """
    private static let nothing = #"{"revision":7,"changes":[]}"#
    private static let links = """
        [{"id":"l:1","from":{"node":"m:1","port":1},"to":{"node":"i:eth9"},"state":"pending",
          "detail":"there is no interface eth9"},
         {"id":"l:2","from":{"node":"m:1","port":2},"to":{"node":"i:eth1"},"state":"up"}]
        """
    private static let modules = """
        [{"id":"m:1","name":"web","type":"bpf/forward","tags":[],"placements":[],"ports":[],"drops":{},"hooks":["tc"],
          "packet_ins":0,"copies":0,"config":{},"number":1,"warnings":""}]
        """
    private static let apply = "PUT /v1/manifest?prune=false&dry_run=false"
    private static let answers = [
        apply: result, "PUT /v1/manifest?prune=true&dry_run=false": nothing,
        "PUT /v1/manifest?prune=false&dry_run=true": result, "PUT /v1/manifest?prune=true&dry_run=true": nothing,
        "POST /v1/revisions/4/rollback?dry_run=false": nothing, "POST /v1/revisions/4/rollback?dry_run=true": result,
        "GET /v1/links": links, "GET /v1/modules": modules,
        "GET /v1/revisions": """
        {"revisions":[{"number":8,"time":"2026-11-24T18:00:00Z","author":"ann@gate","summary":"apply","current":true},
                      {"number":7,"time":"2026-11-24T17:00:00Z","author":"bob@gate","summary":"link","current":false}]}
        """,
    ]
    private static let pending = "the link of web:1 to i:eth9 is pending: there is no interface eth9\n"

    private func run(_ line: String, _ hover: FakeHover, input: String = Self.manifest) async -> Outcome {
        let words = line.split(separator: " ").map(String.init)
        return await hoverctl(words + ["--endpoint", hover.socket], input: input)
    }

    @Test func applies() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run("apply -f - --if-match 7", hover)
            #expect(
                outcome
                    == Outcome(
                        status: 0,
                        output: """
                            created module web
                            updated module fw (tags)
                            replaced the code of module nat (generation 4)
                            created link web:1 - i:eth9
                            deleted link old:1 - i:eth1
                            now at revision 8

                            """, errors: Self.pending))
            let sent = try #require(hover.requests.first?.split(separator: " ", maxSplits: 2).last)
            let expected: TypedValue = [
                "modules": [
                    [
                        "name": "web", "type": "bpf/forward", "source": "int x\n", "file": "web.c",
                        "config": ["limit": 5],
                    ]
                ],
                "links": [["from": ["node": "web"], "to": ["node": "i:eth9"]]],
            ]
            #expect(try TypedValue(json: String(sent)) == expected)
            #expect(hover.headers.first?[.ifMatch] == "\"7\"")
            let author = hover.headers.first?.first { $0.name.canonicalName == "hover-author" }
            #expect(author?.value.contains("@") == true)
        }
    }

    @Test func saysThatNothingChanges() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run("apply -f - --prune", hover)
            #expect(outcome == Outcome(status: 0, output: "no changes\n", errors: Self.pending))
            #expect(await run("plan -f - --prune", hover) == Outcome(status: 0, output: "no changes\n"))
        }
    }

    @Test(arguments: ["plan -f -", "rollback 4 --dry-run"])
    func plans(line: String) async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run(line, hover)
            #expect(
                outcome
                    == Outcome(
                        status: 0,
                        output: """
                            + module web
                            ~ module fw (tags)
                            ~ code of module nat (generation 4)
                            + link web:1 - i:eth9
                            - link old:1 - i:eth1

                            """))
            #expect(hover.requests.count == 1)
        }
    }

    @Test func goesBack() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run("rollback 4 --if-match 7", hover)
            #expect(outcome == Outcome(status: 0, output: "no changes\n", errors: Self.pending))
            #expect(hover.headers.first?[.ifMatch] == "\"7\"")
        }
    }

    @Test func showsRevisions() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run("get revisions", hover)
            #expect(
                outcome.output == """
                    REVISION   CURRENT   TIME                   AUTHOR     SUMMARY
                    8          yes       2026-11-24T18:00:00Z   ann@gate   apply
                    7          -         2026-11-24T17:00:00Z   bob@gate   link

                    """)
        }
    }

    @Test(arguments: [
        ("apply -f - -o json", result), ("plan -f - -o json", result), ("rollback 4 --dry-run -o json", result),
        ("get revisions -o json", answers["GET /v1/revisions"] ?? ""),
    ])
    func printsTheWiresJSON(line: String, document: String) async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await run(line, hover)
            let expected = try TypedValue(json: document)
            #expect(try TypedValue(json: outcome.output) == expected)
            let yaml = await run(line.replacing("json", with: "yaml"), hover)
            #expect(yaml.status == 0)
            #expect(yaml.output.contains("revision"))
            #expect(!yaml.output.contains("{\""))
        }
    }

    @Test func asksNothingWhenTheManifestIsWrong() async throws {
        try await FakeHover.with(Self.answers) { hover in
            for command in ["apply", "plan"] {
                let outcome = await run("\(command) -f -", hover, input: "modules: [{nmae: a}]\nlinks: [{from: a}]")
                #expect(
                    outcome
                        == Outcome(
                            status: 1,
                            errors: """
                                <stdin>:1:11: a module has no name: add name: …
                                <stdin>:1:11: a module has no type: add type: …
                                <stdin>:1:12: unknown key 'nmae' in a module: did you mean 'name'?
                                <stdin>:2:9: a link has no to: add to: MODULE, MODULE:PORT or i:NAME
                                error: the manifest has 4 errors: nothing was sent

                                """))
            }
            #expect(hover.requests.isEmpty)
        }
    }

    @Test func namesThePlaceThatIsRefused() async throws {
        let problem = """
            {"type":"urn:hover:problem:invalid","title":"x","status":400,"detail":"limit is at most 4",
             "pointer":"/modules/0/config/limit"}
            """
        try await FakeHover.with([:], problems: [Self.apply: problem]) { hover in
            try await withFolder(["hover.yaml": Self.manifest]) { folder in
                let outcome = await run("apply -f \(folder)", hover)
                #expect(
                    outcome == Outcome(status: 1, errors: "\(folder)/hover.yaml:6:21: limit is at most 4\n"))
            }
        }
    }

    @Test func printsWhatTheCompilerSays() async throws {
        let problem = #"""
            {"type":"urn:hover:problem:compile","title":"x","status":422,"detail":"web.c does not compile",
             "log":"web.c:1:6: error: expected ';'\n    1 | int x\n      |      ^\n","pointer":"/modules/0/source"}
            """#
        try await FakeHover.with([:], problems: [Self.apply: problem]) { hover in
            let outcome = await run("apply -f -", hover)
            #expect(
                outcome
                    == Outcome(
                        status: 1,
                        errors: """
                            web.c:1:6: error: expected ';'
                                1 | int x
                                  |      ^
                            <stdin>:4:13: web.c does not compile

                            """))
        }
    }

    @Test func printsWhatTheVerifierSays() async throws {
        let problem = #"""
            {"type":"urn:hover:problem:verifier","title":"x","status":422,"detail":"web.c was refused","log":"0: (b7)\n",
             "diagnostics":[{"file":"web.c","line":1,"column":5,"severity":"error","message":"invalid access"}],
             "pointer":"/modules/0"}
            """#
        try await FakeHover.with([:], problems: [Self.apply: problem]) { hover in
            let outcome = await run("apply -f -", hover)
            #expect(
                outcome.errors == """
                    web.c:1:5: error: invalid access
                        1 | int x
                          |     ^
                    <stdin>:2:5: web.c was refused
                    hint: for the verifier's whole log run the same command with --verifier-log

                    """)
            #expect(await run("apply -f - --verifier-log", hover).errors.hasPrefix("0: (b7)\n"))
        }
    }

    @Test(arguments: [
        ("apply -f - --if-match 7", apply), ("rollback 4 --if-match 7", "POST /v1/revisions/4/rollback?dry_run=false"),
        ("create module -f - --name a --if-match 7", "POST /v1/modules"),
        ("create port a --if-match 7", "POST /v1/modules/a/ports"),
        ("swap a -f - --if-match 7", "PUT /v1/modules/a/code"), ("link a b --if-match 7", "POST /v1/links"),
        ("delete a --if-match 7", "DELETE /v1/modules/a"), ("delete link l:1 --if-match 7", "DELETE /v1/links/l%3A1"),
    ])
    func isRefusedOnAnOlderRevision(line: String, request: String) async throws {
        let problem = """
            {"type":"\(Problem.stale)","title":"x","status":412,"detail":"the current revision is 8, by ann@gate"}
            """
        try await FakeHover.with([:], problems: [request: problem]) { hover in
            let outcome = await run(line, hover)
            #expect(outcome == Outcome(status: 1, errors: "error: the current revision is 8, by ann@gate\n"))
            #expect(hover.headers.map { $0[.ifMatch] } == ["\"7\""])
        }
    }
}
