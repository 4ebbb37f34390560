// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing
import TypedValue

@testable import hoverctl

/// Code that is replaced, and what hoverd has in the kernel.
@Suite struct DoctorTests {
    private static let module = """
        {"id":"m:1","name":"web","type":"bpf/forward","tags":[],"placements":[],"ports":[],"drops":{},"hooks":["tc"],
         "packet_ins":0,"copies":0,"config":{},"number":1,"warnings":"web.c:1:5: warning: unused\\n","generation":3}
        """

    private func run(_ line: String, _ hover: FakeHover, input: String = "") async -> Outcome {
        let words = line.split(separator: " ").map(String.init)
        return await hoverctl(words + ["--endpoint", hover.socket], input: input)
    }

    @Test func replacesCode() async throws {
        try await FakeHover.with(["PUT /v1/modules/web/code": Self.module]) { hover in
            try await withFolder(["dir/web2.c": "int x;"]) { folder in
                let outcome = await run("swap web -f \(folder)/dir/web2.c", hover)
                #expect(
                    outcome
                        == Outcome(
                            status: 0, output: "replaced the code of module web (generation 3)\n",
                            errors: "web.c:1:5: warning: unused\n"))
            }
            _ = await run("swap web -f -", hover, input: "\u{7f}ELF")
            let bodies = hover.requests.compactMap { $0.split(separator: " ", maxSplits: 2).last }
            let sent = try bodies.map { try TypedValue(json: String($0)) }
            #expect(sent == [["source": "int x;", "file": "web2.c"], ["object": "f0VMRg=="]])
        }
    }

    @Test func saysWhyCodeIsRefused() async throws {
        let problem = """
            {"type":"urn:hover:problem:conflict","title":"x","status":409,
             "detail":"table hits: member count of its value has 8 bytes now, and had 4"}
            """
        try await FakeHover.with([:], problems: ["PUT /v1/modules/web/code": problem]) { hover in
            let outcome = await run("swap web -f -", hover, input: "int x;")
            #expect(outcome.status == 1)
            #expect(outcome.errors == "error: table hits: member count of its value has 8 bytes now, and had 4\n")
        }
    }

    @Test(arguments: ["doctor", "doctor --mend"])
    func showsFindings(line: String) async throws {
        let report = """
            {"findings":[{"object":"m:1","state":"missing","detail":"its program is gone","mended":true},
                         {"object":"i:eth1","state":"foreign","detail":"another's filter","mended":false}]}
            """
        try await FakeHover.with(["GET /v1/doctor": report, "POST /v1/doctor": report]) { hover in
            let outcome = await run(line, hover)
            #expect(
                outcome
                    == Outcome(
                        status: 0,
                        output: """
                            OBJECT   STATE     MENDED   DETAIL
                            m:1      missing   yes      its program is gone
                            i:eth1   foreign   no       another's filter

                            """))
            let json = await run("\(line) -o json", hover)
            let expected = try TypedValue(json: report)
            #expect(try TypedValue(json: json.output) == expected)
        }
    }

    @Test(arguments: [("doctor", Int32(0)), ("doctor --mend", 1)])
    func failsWhenItCannotMend(line: String, status: Int32) async throws {
        let report = #"{"findings":[{"object":"m:1","state":"missing","detail":"its program","mended":false}]}"#
        try await FakeHover.with(["GET /v1/doctor": report, "POST /v1/doctor": report]) { hover in
            #expect(await run(line, hover).status == status)
        }
    }

    @Test func findsNothing() async throws {
        let report = #"{"findings":[]}"#
        try await FakeHover.with(["GET /v1/doctor": report, "POST /v1/doctor": report]) { hover in
            for line in ["doctor", "doctor --mend"] {
                #expect(await run(line, hover) == Outcome(status: 0, output: "all is in order\n"))
            }
        }
    }

    @Test(arguments: [
        ("down", "POST /v1/down?forget=false", "hoverd takes all out of the kernel, and ends\n"),
        (
            "down --forget", "POST /v1/down?forget=true",
            "hoverd takes all out of the kernel, and ends; it forgets all\n"
        ),
    ])
    func goesDown(line: String, request: String, output: String) async throws {
        try await FakeHover.with([request: ""]) { hover in
            #expect(await run(line, hover) == Outcome(status: 0, output: output))
        }
    }
}
