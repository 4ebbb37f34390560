// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Hummingbird
import Logging
import Synchronization

@testable import hoverctl

/// What came of a command line.
struct Outcome: Hashable {
    var status: Int32
    var output = ""
    var errors = ""
}

/// Runs a command line in this process.
///
/// - Parameter brokenOutput: who reads the output has gone.
func hoverctl(_ words: String..., input: String = "", brokenOutput: Bool = false) async -> Outcome {
    await hoverctl(words, input: input, brokenOutput: brokenOutput)
}

func hoverctl(_ words: [String], input: String = "", brokenOutput: Bool = false) async -> Outcome {
    let output = Mutex("")
    let errors = Mutex("")
    let console = Console(
        read: { Array(input.utf8.prefix($0)) },
        say: { text in
            if brokenOutput { throw ReaderGone() }
            output.withLock { $0 += text }
        },
        complain: { text in errors.withLock { $0 += text } }, coloursOutput: false, coloursErrors: false)
    let status = await Console.$current.withValue(console) { await Hoverctl.run(words) }
    return Outcome(status: status, output: output.withLock { $0 }, errors: errors.withLock { $0 })
}

/// A server with an answer for each `METHOD /path`, and 404 for the rest.
struct FakeHover: Sendable {
    /// As `--endpoint` takes it.
    let socket: String
    private let log: Log

    private final class Log: Sendable {
        let requests = Mutex<[String]>([])
        let headers = Mutex<[HTTPFields]>([])
    }

    /// All requests so far: `METHOD /path body`.
    var requests: [String] { log.requests.withLock { $0 } }

    /// The headers of all requests so far.
    var headers: [HTTPFields] { log.headers.withLock { $0 } }

    static func with(
        _ answers: [String: String], problems: [String: String] = [:],
        _ body: @escaping @Sendable (FakeHover) async throws -> Void
    ) async throws {
        let hover = FakeHover(socket: "/tmp/hoverctl-\(UUID().uuidString)", log: Log())
        defer { unlink(hover.socket) }
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let content = String(buffer: try await request.body.collect(upTo: 1 << 24))
            let asked = "\(request.method.rawValue) \(request.head.path ?? "")"
            hover.log.requests.withLock { $0.append(content.isEmpty ? asked : "\(asked) \(content)") }
            hover.log.headers.withLock { $0.append(request.headers) }
            if let answer = answers[asked] { return response(.ok, "application/json", answer) }
            let nothing = #"{"type":"about:blank","title":"x","status":404,"detail":"there is no such thing"}"#
            let problem = problems[asked] ?? nothing
            let status = try JSONDecoder().decode(Problem.self, from: Data(problem.utf8)).status
            return response(.init(code: status), "application/problem+json", problem)
        }
        let (running, started) = AsyncStream<Void>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = Application(
            responder: responder, configuration: .init(address: .unixDomainSocket(path: hover.socket)),
            onServerRunning: { _ in started.finish() }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { started.finish() }
                try? await server.run()
            }
            for await _ in running {}
            defer { group.cancelAll() }
            try await body(hover)
        }
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ body: String) -> Response {
        Response(status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: body)))
    }
}
