// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import Hummingbird
import Logging

@testable import RESTServer

/// The whole server but the handlers: each request that reaches one is answered with its route and parameters.
enum Service {
    static let responder = Responder(routes: .all, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
        (route, call) async throws(HoverError) in
        let parameters = call.parameters.merging(call.query) { path, _ in path }
        let shown = parameters.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return try .json("\(route.method) \(route.path)\(shown) \(call.body.count)")
    }

    struct Answer {
        var status: Int
        var headers: HTTPFields
        var body: String

        /// The answer's JSON string, or the member of its JSON object.
        func member(_ name: String) throws -> String? {
            let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            return object?[name].map { "\($0)" }
        }
    }

    /// Asks without a connection.
    static func ask(_ method: HTTPRequest.Method, _ path: String, body: String = "") async throws -> Answer {
        let head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        let response = await responder.answer(to: request, body: Data(body.utf8))
        let writer = Collector()
        try await response.body.write(writer)
        return Answer(status: response.status.code, headers: response.headers, body: writer.text)
    }

    private final class Collector: ResponseBodyWriter {
        var text = ""

        func write(_ buffer: ByteBuffer) async throws {
            text += String(buffer: buffer)
        }

        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}
