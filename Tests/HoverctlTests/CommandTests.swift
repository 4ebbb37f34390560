// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing
import TypedValue

@testable import hoverctl

/// Whole command lines against a server that answers what it is told.
@Suite struct CommandTests {
    private static let module = """
        {"id":"m:1","name":"web","type":"bpf/forward","generation":0,"tags":[],"placements":[],"config":{},"number":1,"warnings":"","hooks":["tc"],"packet_ins":0,"copies":0,"drops":{"loop":4},
         "ports":[{"number":1,"peer":"i:eth1","counters":{"rx_packets":1,"rx_bytes":2,"tx_packets":3,"tx_bytes":4}}]}
        """
    private static let link = """
        {"id":"l:1","from":{"node":"m:1","port":2},"to":{"node":"i:eth1"},"state":"up"}
        """
    private static let table = """
        {"name":"hits","kind":"hash","max_entries":8,"key_size":2,"value_size":4,"per_cpu":false,"map_id":7,
         "key":{"type":"bigEndian","size":2},"value":{"type":"integer","size":4,"signed":true}}
        """
    private static let policy = """
        {"id":"m:2","name":"fw","type":"bpf/policy","tags":[],"config":{},"number":2,"warnings":"","hooks":["tc"],"packet_ins":0,"copies":0,"drops":{},"ports":[],
         "placements":[{"node":"m:1","port":1,"direction":"ingress","at":"last"},
                       {"node":"m:1","port":1,"direction":"egress","before":"m:1"},
                       {"node":"i:eth1","direction":"ingress","at":"first"}]}
        """
    private static let topology = """
        {"nodes":[{"id":"m:1","name":"web","type":"bpf/forward"},{"id":"m:2","name":"fw","type":"bpf/policy"},
                  {"id":"i:eth1","name":"eth1","type":"interface"},{"id":"i:eth2","name":"eth2","type":"interface"}],
         "edges":[{"kind":"link","link":"l:1","from":{"node":"i:eth1"},"to":{"node":"m:1","port":1},"state":"up",
                   "forth":[{"policy":"m:2","handler":"ingress","placement":{"node":"m:1","port":1,"direction":"ingress",
                             "at":"first"}},
                            {"policy":"m:9","handler":"ingress","tag":"m:1"}],
                   "back":[]},
                  {"kind":"host","from":{"node":"i:eth2"},"state":"up",
                   "forth":[],"back":[{"policy":"m:9","handler":"egress","placement":{"node":"i:eth2",
                             "direction":"egress","after":"m:2"}}]}]}
        """
    private static let answers = [
        "GET /v1/modules/fw": policy, "PATCH /v1/modules/m%3A2": policy, "GET /v1/topology": topology,
        "GET /v1/modules": "[\(module)]", "GET /v1/modules/web": module, "GET /v1/links": "[\(link)]",
        "GET /v1/links/l%3A1": link, "POST /v1/links": link, "DELETE /v1/modules/web": "", "DELETE /v1/links/l%3A1": "",
        "GET /v1/interfaces": "[]",
        "GET /v1/interfaces/eth1": """
        {"id":"i:eth1","name":"eth1","index":2,"kind":"veth","up":true,"mtu":1500,"address":"aa:bb:cc:dd:ee:ff"}
        """,
        "GET /v1/types": #"[{"name":"bpf/forward","summary":"forwards","creatable":true}]"#,
        "GET /v1/modules/web/tables": "[\(table)]", "GET /v1/modules/web/tables/hits": table,
        "GET /v1/modules/web/tables/hits/entries/80": #"{"key":80,"value":-5}"#,
        "GET /v1/modules/web/tables/hits/entries?limit=1000": #"{"entries":[{"key":80,"value":-5}]}"#,
        "POST /v1/modules/web/tables/hits/entries": "", "DELETE /v1/modules/web/tables/hits/entries/80": "",
        "GET /v1/version": #"{"version":"9.9.9","kernel":"6.18.0"}"#,
        "GET /v1/modules/web/ports": #"""
        [{"number":1,"peer":"i:eth1","counters":{"rx_packets":1,"rx_bytes":2,"tx_packets":3,"tx_bytes":4}}]
        """#,
        "POST /v1/modules/web/ports": #"""
        {"number":2,"counters":{"rx_packets":0,"rx_bytes":0,"tx_packets":0,"tx_bytes":0}}
        """#,
    ]

    @Test(arguments: [
        ("get modules", "web    bpf/forward   1       1       1            3            4       -      m:1"),
        ("get module", "web"), ("get module web", "DROP-REASON   PACKETS\nloop          4\n"),
        ("get links", "web:2   i:eth1   -      l:1   up"), ("get link l:1", "web:2"), ("get interfaces", "NAME   KIND"),
        ("get interface i:eth1", "eth1   veth   up"), ("get interface eth1", "eth1   veth   up"),
        ("get types", "bpf/forward   yes"), ("get type bpf/forward", "forwards"),
        ("get tables web", "hits   hash   be16   s32     8"), ("get table web hits", "hits"),
        ("get ports web", "1      i:eth1"), ("get port web 1", "i:eth1"), ("create port web", "created port web:2\n"),
        ("link web i:eth1", "linked web:2 to i:eth1 (l:1)\n"), ("delete web", "deleted module web\n"),
        ("delete l:1", "deleted link l:1\n"), ("delete module web", "deleted module web\n"),
        ("delete link l:1", "deleted link l:1\n"), ("table get web hits 80", "80    -5\n"),
        ("table dump web hits", "80    -5\n"), ("table delete web hits 80", "deleted 80 from table hits"),
        ("table set web hits 80 0x5", "set 80 in table hits of module web\n"),
        ("table set web hits 80 -5", "set 80"),
        ("get module fw", "PLACED-AT   DIRECTION   POSITION\nweb:1       ingress     last\nweb:1"),
        ("create placement fw web:1/ingress@first i:eth2", "placed fw at web:1/ingress@first\nplaced fw at i:eth2\n"),
        ("delete placement fw web:1", "took fw from web:1\n"),
        ("version", "hoverctl \(hoverVersion)\nhoverd 9.9.9\nkernel 6.18.0\n"),
    ])
    func does(line: String, output: String) async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await Self.run(line, hover)
            #expect(outcome.status == 0)
            #expect(outcome.errors == "")
            #expect(outcome.output.contains(output), "\(outcome.output)")
        }
    }

    @Test(arguments: [
        "get modules", "get links", "get interface eth1", "get tables web", "get type bpf/forward", "get topology",
    ])
    func printsTheWiresJSON(line: String) async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await Self.run("\(line) -o json", hover)
            let sent = try #require(hover.requests.first.flatMap { Self.answers[$0] })
            let printed = try TypedValue(json: outcome.output)
            let expected = try TypedValue(json: sent)
            #expect(printed == expected || .array([printed]) == expected)
            let yaml = await Self.run("\(line) --output yaml", hover)
            #expect(yaml.status == 0)
            #expect(!yaml.output.contains("{\""))
        }
    }

    @Test func showsTheTopology() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await Self.run("get topology", hover)
            #expect(
                outcome.output == """
                    FROM     TO       STATE   ORDER   POLICY   HANDLER   WHY
                    i:eth1   web:1    up      1       fw       ingress   placed first at web:1
                    i:eth1   web:1    up      2       m:9      ingress   tag web
                    web:1    i:eth1   up      -       -        -         -
                    i:eth2   (host)   up      -       -        -         -
                    (host)   i:eth2   up      1       m:9      egress    placed after fw at i:eth2

                    NODE     TYPE
                    web      bpf/forward
                    fw       bpf/policy
                    i:eth1   interface
                    i:eth2   interface

                    """)
        }
    }

    /// Placements at other places stay as they are.
    @Test(arguments: [
        (
            "create placement fw web:1/ingress@before:ids",
            """
            [{"node":"m:1","port":1,"direction":"egress","before":"m:1"},
             {"node":"i:eth1","direction":"ingress","at":"first"},
             {"node":"m:1","port":1,"direction":"ingress","before":"ids"}]
            """
        ),
        (
            "create placement fw i:eth1@last",
            """
            [{"node":"m:1","port":1,"direction":"ingress","at":"last"},
             {"node":"m:1","port":1,"direction":"egress","before":"m:1"},
             {"node":"i:eth1","at":"last"}]
            """
        ),
        ("delete placement fw web:1", #"[{"node":"i:eth1","direction":"ingress","at":"first"}]"#),
        ("delete placement fw web:1 i:eth1/ingress", "[]"),
    ])
    func changesPlacements(line: String, placements: String) async throws {
        try await FakeHover.with(Self.answers) { hover in
            #expect(await Self.run(line, hover).status == 0)
            let sent = try #require(hover.requests.last?.split(separator: " ", maxSplits: 2).last)
            #expect(try TypedValue(json: String(sent)) == ["placements": TypedValue(json: placements)])
        }
    }

    @Test func sendsTypedEntries() async throws {
        try await FakeHover.with(Self.answers) { hover in
            _ = await Self.run("table set web hits 0x50 -5", hover)
            let sent = try #require(hover.requests.last?.split(separator: " ", maxSplits: 2).last)
            let expected: TypedValue = ["key": 80, "value": -5]
            #expect(try TypedValue(json: String(sent)) == expected)
        }
    }

    @Test(arguments: [
        ("table set web hits 70000 1", "the key does not fit table hits of module web"),
        ("table set web hits 80 many", "the value does not fit"), ("get port web 7", "has no port 7"),
        ("get type x", "there is no module type 'x': there are bpf/forward"),
        ("get module nobody", "error: there is no such thing"), ("delete nobody", "there is no such thing"),
        ("link a b", "does not speak"),
        ("delete placement fw web:2", "policy 'fw' is not placed at web:2: see `hoverctl get module fw`"),
        ("delete placement fw i:eth1/egress", "is not placed at i:eth1/egress"),
    ])
    func fails(line: String, errors: String) async throws {
        var answers = Self.answers
        if line.hasPrefix("link") { answers["POST /v1/links"] = "<html>" }
        try await FakeHover.with(answers) { hover in
            let outcome = await Self.run(line, hover)
            #expect(outcome.status == 1)
            #expect(outcome.output == "")
            #expect(outcome.errors.contains(errors), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
    }

    @Test func deletesWhatItCan() async throws {
        try await FakeHover.with(Self.answers) { hover in
            let outcome = await Self.run("delete nobody web l:1", hover)
            #expect(outcome.status == 1)
            #expect(outcome.output == "deleted module web\ndeleted link l:1\n")
            #expect(outcome.errors == "error: there is no such thing\n")
        }
    }

    @Test func createsFromStandardInput() async throws {
        var answers = Self.answers
        answers["POST /v1/modules"] = Self.module.replacing(
            #""warnings":"""#, with: #""warnings":"module.c:1:5: warning: unused\n""#)
        try await FakeHover.with(answers) { hover in
            let outcome = await hoverctl(
                "create", "module", "-f", "-", "--name", "web", "--endpoint", hover.socket, input: "int x;")
            #expect(
                outcome
                    == Outcome(
                        status: 0, output: "created module web (m:1)\n", errors: "module.c:1:5: warning: unused\n"))
            #expect(hover.requests.first?.contains(#""source":"int x;""#) == true)
        }
    }

    @Test func printsCompilerErrors() async throws {
        let problem = #"""
            {"type":"urn:hover:problem:compile","title":"x","status":422,"detail":"module.c does not compile",
             "log":"module.c:1:6: error: expected ';'\n    1 | int x\n      |      ^\n"}
            """#
        try await FakeHover.with([:], problems: ["POST /v1/modules": problem]) { hover in
            let outcome = await hoverctl(
                "create", "module", "-f", "-", "--name", "web", "--endpoint", hover.socket, input: "int x")
            #expect(outcome.status == 1)
            #expect(
                outcome.errors == """
                    module.c:1:6: error: expected ';'
                        1 | int x
                          |      ^
                    error: module.c does not compile

                    """)
        }
    }

    private static func run(_ line: String, _ hover: FakeHover) async -> Outcome {
        var words = line.split(separator: " ").map(String.init)
        // Options come before negative numbers.
        words.insert(contentsOf: ["--endpoint", hover.socket], at: 2 > words.count ? 1 : 2)
        return await hoverctl(words)
    }
}
