// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// What the API answers to requests that are wrong, and that nothing is left of them.
@Suite struct BadInputTests {
    /// Status and body of a raw request.
    private func raw(
        _ method: String, _ path: String, body: String, _ daemon: HoverDaemon
    ) async throws -> (status: Int, body: String) {
        let answer = try await shell(
            "curl", "-s", "-X", method, "--unix-socket", daemon.socket, "-H", "Content-Type: application/json",
            "--data-binary", "@-", "-w", "\n%{http_code} %{content_type}", "http://hover/v1/" + path, input: body)
        let lines = answer.split(separator: "\n", omittingEmptySubsequences: false)
        let last = (lines.last ?? "").split(separator: " ")
        #expect(last.last?.hasPrefix("application/problem+json") == true, "\(answer)")
        return (Int(last.first ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    @Test func bodiesThatAreNoRequests() async throws {
        try await HoverDaemon.with { daemon in
            for (body, words) in [
                ("{\"name\": ", "JSON"),
                ("[]", "object"),
                ("", "body"),
                ("{\"name\":\"a\",\"type\":\"bpf/forward\",\"ports\":\"two\",\"source\":\"\"}", "ports"),
                ("{\"name\":5,\"type\":\"bpf/forward\",\"source\":\"\"}", "name"),
                ("{\"type\":\"bpf/forward\",\"source\":\"\"}", "name"),
                ("{\"name\":\"a\",\"type\":\"bpf/forward\"}", "source"),
                ("{\"name\":\"a\",\"type\":\"bpf/forward\",\"source\":\"\",\"object\":\"\"}", "object"),
                ("{\"name\":\"a\",\"type\":\"bpf/forward\",\"object\":\"%%%\"}", "base64"),
                ("{\"name\":\"a\",\"type\":\"bpf/backward\",\"source\":\"\"}", "bpf/backward"),
                ("{\"name\":\"a\",\"type\":\"bpf/forward\",\"source\":\"\",\"prots\":2}", "prots"),
            ] {
                let answer = try await raw("POST", "modules", body: body, daemon)
                #expect(answer.status == 400, "\(body): \(answer)")
                #expect(answer.body.contains(words), "\(body): \(answer)")
            }
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func bodiesThatAreTooLarge() async throws {
        try await HoverDaemon.with { daemon in
            let large = String(repeating: " ", count: 5 << 20)
            let answer = try await raw("POST", "modules", body: large, daemon)
            #expect(answer.status == 413, "\(answer)")
            let source = String(repeating: "\n", count: 1 << 20) + Source.redirect
            let problem = try await refusal { try await daemon.forward("large", source: source) }
            #expect(problem.status == 413, "\(problem)")
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func idsThatNobodyHas() async throws {
        try await HoverDaemon.with { daemon in
            let client = daemon.client
            #expect(try await refusal { try await client.module("m:nobody") }.status == 404)
            #expect(try await refusal { try await client.module("b:nobody") }.status == 404)
            #expect(try await refusal { try await client.deleteModule("nobody") }.status == 404)
            #expect(try await refusal { try await client.link("l:nobody") }.status == 404)
            #expect(try await refusal { try await client.deleteLink("l:nobody") }.status == 404)
            #expect(try await refusal { try await client.tables(of: "nobody") }.status == 404)
            try await daemon.forward("a")
            #expect(try await refusal { try await client.table("nothing", of: "a") }.status == 404)
            let end = try await refusal { try await daemon.link(("a", 1), ("i:nothing", nil)) }
            #expect(end.status == 404)
            #expect(end.detail.contains("nothing"))
            #expect(try await raw("GET", "nothing", body: "", daemon).status == 404)
            #expect(try await raw("DELETE", "version", body: "", daemon).status == 405)
        }
    }

    @Test func endsThatAreTaken() async throws {
        try await HoverDaemon.with { daemon in
            _ = try await daemon.oneModule()
            try await daemon.forward("other")
            for (from, to) in [
                (("middle", 1), ("other", 1)), (("other", 1), ("middle", 2)),
            ] {
                let problem = try await refusal { try await daemon.link(from, to) }
                #expect(problem.status == 409)
                #expect(problem.detail.contains("in use by link"))
            }
            let interface = try await refusal { try await daemon.link(("i:left", nil), ("other", 1)) }
            #expect(interface.status == 409)
            #expect(interface.detail.contains("i:left is in use"))
            #expect(try await daemon.client.links().count == 2)
        }
    }

    @Test func morePortsThanAModuleHas() async throws {
        try await HoverDaemon.with { daemon in
            let request = ModuleRequest(
                name: "small", type: "bpf/forward", source: Source.redirect, ports: 2, maxPorts: 2)
            _ = try await daemon.client.createModule(request)
            #expect(try await refusal { try await daemon.client.addPort(to: "small") }.status == 409)
            #expect(try await refusal { try await daemon.link(("small", 3), ("small", 1)) }.status == 400)
            var many = request
            many.ports = 3
            #expect(try await refusal { try await daemon.client.createModule(many) }.status == 400)
            many.maxPorts = 1001
            #expect(try await refusal { try await daemon.client.createModule(many) }.status == 400)
        }
    }

    @Test func sourceThatClangRefuses() async throws {
        try await HoverDaemon.with { daemon in
            let problem = try await refusal { try await daemon.forward("typo", source: Source.syntaxError) }
            #expect(problem.status == 422)
            #expect(problem.type == "urn:hover:problem:compile")
            let place = try #require(problem.diagnostics?.first)
            #expect(place.file == "typo.c")
            #expect(place.line == 3)
            #expect(place.column > 1)
            #expect(place.severity == "error")
            #expect(problem.log?.contains("^") == true, "the caret: \(problem.log ?? "")")

            let empty = try await refusal { try await daemon.forward("empty", source: Source.withoutHandler) }
            #expect(empty.status == 422)
            #expect(empty.detail.contains("handle_rx") || empty.log?.contains("handle_rx") == true, "\(empty)")
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func sourceThatTheVerifierRefuses() async throws {
        try await HoverDaemon.with { daemon in
            let problem = try await refusal { try await daemon.forward("wild", source: Source.unverifiable) }
            #expect(problem.status == 422)
            #expect(problem.type == "urn:hover:problem:verifier")
            #expect(problem.detail.contains("invalid access to packet"), "\(problem.detail)")
            let place = try #require(problem.diagnostics?.first)
            #expect(place.file.hasSuffix("wild.c"))
            #expect(place.line == 6)
            #expect(place.column > 1)
            #expect(problem.log?.contains("R1") == true)
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func objectsThatAreNoModules() async throws {
        try await HoverDaemon.with { daemon in
            func create(_ bytes: Data) async throws -> Problem {
                try await refusal {
                    try await daemon.client.createModule(
                        ModuleRequest(name: "o", type: "bpf/forward", object: bytes.base64EncodedString()))
                }
            }
            let text = try await create(Data("no ELF file at all".utf8))
            #expect(text.status == 422)
            #expect(text.type == "urn:hover:problem:object")
            let foreign = try await create(try kernelObject("int handle_nothing(void) { return 0; }"))
            #expect(foreign.status == 422)
            let without = try await create(
                try kernelObject(Source.otherProgram))
            #expect(without.status == 422)
            #expect(without.detail.contains("handle_rx") || without.detail.contains("other"), "\(without.detail)")
            #expect(try await daemon.client.modules().isEmpty)
        }
    }

    @Test func configurationThatDoesNotFit() async throws {
        try await HoverDaemon.with { daemon in
            func create(_ config: [String: Int]) async throws -> Problem {
                try await refusal {
                    try await daemon.client.createModule(
                        ModuleRequest(
                            name: "c", type: "bpf/forward", source: Source.tables,
                            config: config.mapValues { .init($0) }))
                }
            }
            let unknown = try await create(["question": 1])
            #expect(unknown.status == 400)
            #expect(unknown.detail.contains("question"))
            let large = try await create(["answer": 1 << 33])
            #expect(large.status == 400)
            #expect(large.detail.contains("answer"))
        }
    }

    @Test func namesThatCannotBe() async throws {
        try await HoverDaemon.with { daemon in
            for name in ["", "m:a", "i:eth0", "a\u{1b}[31m", String(repeating: "x", count: 129)] {
                let problem = try await refusal { try await daemon.forward(name) }
                #expect(problem.status == 400, "\(name)")
            }
            let long = String(repeating: "é / ü", count: 16)
            let module = try await daemon.client.createModule(
                ModuleRequest(name: long, type: "bpf/forward", source: Source.redirect))
            #expect(try await daemon.client.module(long).id == module.id)
        }
    }
}
