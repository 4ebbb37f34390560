// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Testing

@testable import APIClient
import HoverAPI

/// What the client makes of servers that refuse, lie, keep silent or are not there.
@Suite struct ClientErrorTests {
    @Test func throwsWhatHoverdRefuses() async throws {
        let answer = Answer(
            status: 422, type: "application/problem+json",
            body: """
                {"type":"urn:hover:problem:compile","title":"The source does not compile","status":422,
                 "detail":"a.c:1:2: no","log":"a.c:1:2: error: no\\n",
                 "diagnostics":[{"file":"a.c","line":1,"column":2,"severity":"error","message":"no"}]}
                """)
        _ = try await withServer(answering: { _ in answer }) { client in
            let problem = await #expect(throws: Problem.self) { try await client.modules() }
            #expect(problem?.status == 422)
            #expect(problem?.log == "a.c:1:2: error: no\n")
            #expect(problem?.diagnostics?.first?.column == 2)
        }
    }

    @Test(arguments: [
        (200, "<html>", "is not JSON"), (200, "{}", "is not of type"),
        (200, #"[{"id":"m:1"}]"#, "member 'name' is missing"),
        (500, "Internal Server Error", "is not JSON"), (404, "", "it said nothing"), (302, "", "status 302"),
    ])
    func saysWhatItDidNotUnderstand(status: Int, body: String, reason: String) async throws {
        _ = try await withServer(answering: { _ in Answer(status: status, body: body) }) { client in
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            guard case .unexpectedAnswer(_, status, let content, _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(content == body)
            #expect(error.map { "\($0)" }?.contains(reason) == true)
        }
    }

    @Test func showsOnlyTheBeginningOfALongAnswer() async throws {
        let long = String(repeating: "é", count: 100_000)
        _ = try await withServer(answering: { _ in Answer(body: long) }) { client in
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            #expect(error.map { "\($0)".count < 1000 } == true)
        }
    }

    @Test func saysThatNothingIsThere() async throws {
        try await withTemporaryPath { path in
            let client = HoverClient(endpoint: .unixSocket(path: path))
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            #expect(error == .notRunning(client.endpoint, reason: "No such file or directory"))
            #expect(error.map { "\($0)" }?.contains("\(path)") == true)
        }
    }

    @Test func saysThatNothingListensAtASocketLeftBehind() async throws {
        try await withTemporaryPath { path in
            close(try boundSocket(at: path))
            let client = HoverClient(endpoint: .unixSocket(path: path))
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            #expect(error == .notRunning(client.endpoint, reason: "Connection refused"))
        }
    }

    @Test func saysThatAPortIsClosed() async throws {
        let client = HoverClient(endpoint: .tcp(host: "127.0.0.1", port: 1))
        let error = await #expect(throws: ClientError.self) { try await client.modules() }
        #expect(error == .notRunning(client.endpoint, reason: "Connection refused"))
    }

    @Test func givesUpOnSilence() async throws {
        try await withTemporaryPath { path in
            // The kernel connects what nobody accepts.
            let silent = try boundSocket(at: path)
            defer { close(silent) }
            try #require(listen(silent, 8) == 0)
            let client = HoverClient(endpoint: .unixSocket(path: path), limit: .milliseconds(100))
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            #expect(error == .timedOut(client.endpoint, limit: .milliseconds(100)))
        }
    }

    @Test(arguments: [
        ("", "it was closed before the answer was complete"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "it was closed before the answer was complete"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "what listens there does not speak HTTP"),
    ])
    func saysThatTheConnectionBroke(answer: String, reason: String) async throws {
        try await withTemporaryPath { path in
            let listener = try boundSocket(at: path)
            defer { close(listener) }
            try #require(listen(listener, 8) == 0)
            let server = Thread {
                let connection = accept(listener, nil, nil)
                var request = [UInt8](repeating: 0, count: 4096)
                _ = read(connection, &request, request.count)
                _ = Array(answer.utf8).withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
                close(connection)
            }
            server.start()
            let client = HoverClient(endpoint: .unixSocket(path: path))
            let error = await #expect(throws: ClientError.self) { try await client.modules() }
            #expect(error == .connectionFailed(client.endpoint, reason: reason))
        }
    }

    @Test func stopsWhenItIsCancelled() async throws {
        try await withTemporaryPath { path in
            let silent = try boundSocket(at: path)
            defer { close(silent) }
            try #require(listen(silent, 8) == 0)
            let task = Task { try await HoverClient(endpoint: .unixSocket(path: path)).modules() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test(arguments: [
        (EACCES, ClientError.permissionDenied(.standard)), (EPERM, .permissionDenied(.standard)),
        (ETIMEDOUT, .timedOut(.standard, limit: .seconds(1))),
        (ECONNRESET, .connectionFailed(.standard, reason: "Connection reset by peer")),
    ])
    func sortsWhatTheSystemSays(code: CInt, expected: ClientError) {
        let error = IOError(errnoCode: code, reason: "connect")
        #expect(ClientError(error, endpoint: .standard, limit: .seconds(1)) == expected)
    }
}

/// A Unix socket that has a name and does not listen yet.
private func boundSocket(at path: String) throws -> CInt {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let bound = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    try #require(bound == 0)
    return descriptor
}
