// SPDX-License-Identifier: Apache-2.0

import Controller
import HTTPTypes
import HoverAPI
import Testing

@testable import RESTServer

@Suite struct ProblemTests {
    @Test(arguments: [
        (HoverError.Kind.invalid, 400, "invalid"), (.notFound, 404, "not-found"), (.conflict, 409, "conflict"),
        (.tooLarge, 413, "too-large"), (.compile, 422, "compile"), (.object, 422, "object"),
        (.verifier, 422, "verifier"), (.kernel, 500, "kernel"),
    ])
    func kinds(kind: HoverError.Kind, status: Int, name: String) {
        let problem = Problem(HoverError(kind, "why"))
        #expect(problem.status == status)
        #expect(problem.type == "urn:hover:problem:" + name)
        #expect(problem.detail == "why")
        #expect(problem.diagnostics == nil)
    }

    @Test func placesAndLogAreCarried() {
        let place = SourceDiagnostic(file: "a.c", line: 3, column: 7, severity: "error", message: "no")
        let problem = Problem(HoverError(.verifier, "why", diagnostics: [place], log: "R1"))
        #expect(
            problem.diagnostics == [Diagnostic(file: "a.c", line: 3, column: 7, severity: "error", message: "no")])
        #expect(problem.log == "R1")
    }

    @Test(arguments: [
        "localhost", "localhost:5002", "LOCALHOST", "127.0.0.1", "127.0.0.1:5002", "127.1.2.3", "[::1]", "[::1]:5002",
    ])
    func namesOfThisHost(authority: String) {
        #expect(LocalOrigin.isLocal(authority: authority))
    }

    @Test(arguments: [
        "", "evil.example", "evil.example:5002", "127.0.0.1.evil.example", "127.evil.example", "localhost.evil.example",
        "10.0.0.1", "[::2]", "[::1", "::1", "[::1]evil", "localhost:80@evil", "127.1", "user@localhost",
        "localhost:5002/x",
    ])
    func otherNames(authority: String) {
        #expect(!LocalOrigin.isLocal(authority: authority))
    }

    @Test(
        arguments: [
            (nil, true), ("http://localhost:8080", true), ("https://127.0.0.1", true), ("http://[::1]:1", true),
            ("null", false), ("http://evil.example", false), ("file://", false),
            ("http://localhost.evil.example", false),
            ("", false),
        ] as [(String?, Bool)])
    func origins(origin: String?, isTaken: Bool) {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "127.0.0.1:5002", path: "/v1/modules")
        head.headerFields[.origin] = origin
        let refusal = LocalOrigin.refusal(of: head)
        #expect((refusal == nil) == isTaken)
        #expect(refusal == nil || refusal?.status == .forbidden)
    }
}
