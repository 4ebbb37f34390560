// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import Hummingbird
import Logging
import Synchronization

/// A request as it came over the socket.
struct Received: Hashable, Sendable {
    var method: String
    /// With the query, as sent.
    var path: String
    var body: String
    /// What of its headers says who wants the change, and on which revision.
    var author: String?
    var ifMatch: String?
}

/// What a test answers.
struct Answer: Sendable {
    var status = 200
    var type = "application/json"
    var body: String
}

/// Runs `body` with a client of a server that answers so, and collects what was asked.
func withServer(
    answering answer: @escaping @Sendable (Received) -> Answer,
    _ body: @escaping @Sendable (HoverClient) async throws -> Void
) async throws -> [Received] {
    let received = Mutex<[Received]>([])
    try await withTemporaryPath { path in
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let content = try await request.body.collect(upTo: 1 << 24)
            let asked = Received(
                method: request.method.rawValue, path: request.head.path ?? "", body: String(buffer: content),
                author: request.headers[.init("Hover-Author") ?? .from], ifMatch: request.headers[.ifMatch])
            received.withLock { $0.append(asked) }
            let answer = answer(asked)
            return Response(
                status: .init(code: answer.status), headers: [.contentType: answer.type],
                body: .init(byteBuffer: ByteBuffer(string: answer.body)))
        }
        let (running, started) = AsyncStream<Void>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = Application(
            responder: responder, configuration: .init(address: .unixDomainSocket(path: path)),
            onServerRunning: { _ in started.finish() }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { started.finish() }
                try await server.run()
            }
            for await _ in running {}
            let result = await Result {
                try await body(HoverClient(endpoint: .unixSocket(path: path), author: "me@here"))
            }
            group.cancelAll()
            // The server ends by being cancelled.
            while let ended = await group.nextResult() { _ = ended }
            try result.get()
        }
    }
    return received.withLock { $0 }
}

/// Runs `body` with the path of a socket that does not exist yet.
func withTemporaryPath<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = "/tmp/hover-api-\(UUID().uuidString)"
    defer { unlink(path) }
    return try await body(path)
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
