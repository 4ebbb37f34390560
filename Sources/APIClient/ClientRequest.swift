// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import HoverAPI
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import TypedValue

extension HoverClient {
    /// One for the process and never shut down, as `HTTPClient.shared` is, but failing at once where nothing listens.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        // A request may take as long as a compilation: others do not wait for its connection.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// The most that an answer may weigh: a table of a million entries fits.
    private static let largestAnswer = 1 << 30

    func get<Answer: Decodable>(_ path: [String], query: [(String, String)] = []) async throws -> Answer {
        try decode(await exchange(.GET, path, query: query, body: nil))
    }

    func send<Answer: Decodable>(
        _ method: HTTPMethod, _ path: [String], query: [(String, String)] = [], body: some Encodable,
        ifMatch: Int? = nil
    ) async throws -> Answer {
        try decode(await exchange(method, path, query: query, body: Self.encode(body), ifMatch: ifMatch))
    }

    /// For routes whose answer says no more than that it is done.
    func run(
        _ method: HTTPMethod, _ path: [String], query: [(String, String)] = [], body: some Encodable,
        ifMatch: Int? = nil
    ) async throws {
        _ = try await exchange(method, path, query: query, body: Self.encode(body), ifMatch: ifMatch)
    }

    func delete(_ path: [String], ifMatch: Int? = nil) async throws {
        _ = try await exchange(.DELETE, path, body: nil, ifMatch: ifMatch)
    }

    /// Asks for a stream of events, which takes as long as it takes.
    func stream(_ path: [String], query: [(String, String)]) async throws -> PacketStream {
        let response: HTTPClientResponse
        do {
            // The client's own limit is for connecting.
            response = try await Self.http.execute(
                request(.GET, path, query: query, body: nil, accept: "text/event-stream, application/problem+json"),
                deadline: .distantFuture)
            guard response.status == .ok else {
                let content = try await response.body.collect(upTo: Self.largestAnswer)
                throw refusal(Answer(status: Int(response.status.code), body: Data(buffer: content)))
            }
        } catch let error where error is CancellationError || error is Problem || error is ClientError {
            throw error
        } catch {
            throw ClientError(error, endpoint: endpoint, limit: limit)
        }
        return PacketStream(endpoint: endpoint, body: response.body)
    }

    private static func encode(_ body: some Encodable) throws -> Data {
        // Without an escape for every / in base64, which could take an object over the server's limit.
        try encodeJSON(body)
    }

    private struct Answer {
        var status: Int
        var body: Data
    }

    /// Sends a request for the path below `/v1`; answers that are not 2xx are thrown.
    private func exchange(
        _ method: HTTPMethod, _ path: [String], query: [(String, String)] = [], body: Data?, ifMatch: Int? = nil
    ) async throws -> Answer {
        var request = request(method, path, query: query, body: body)
        if let ifMatch { request.headers.add(name: "If-Match", value: "\"\(ifMatch)\"") }
        let answer: Answer
        do {
            let response = try await Self.http.execute(request, deadline: .now() + TimeAmount(limit))
            let content = try await response.body.collect(upTo: Self.largestAnswer)
            answer = Answer(status: Int(response.status.code), body: Data(buffer: content))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ClientError(error, endpoint: endpoint, limit: limit)
        }
        guard (200..<300).contains(answer.status) else { throw refusal(answer) }
        return answer
    }

    private func request(
        _ method: HTTPMethod, _ path: [String], query: [(String, String)], body: Data?,
        accept: String = "application/json, application/problem+json"
    ) -> HTTPClientRequest {
        var url = endpoint.baseURL + "/v1"
        for segment in path { url += "/" + percentEncoded(segment) }
        if !query.isEmpty {
            url += "?" + query.map { percentEncoded($0) + "=" + percentEncoded($1) }.joined(separator: "&")
        }
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "Accept", value: accept)
        if method != .GET { request.headers.add(name: "Hover-Author", value: Self.headerValue(author)) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        return request
    }

    private func decode<Decoded: Decodable>(_ answer: Answer) throws(ClientError) -> Decoded {
        do {
            return try decodeJSON(Decoded.self, from: answer.body)
        } catch {
            throw unexpected(answer, error)
        }
    }

    private func refusal(_ answer: Answer) -> any Error {
        do {
            return try JSONDecoder().decode(Problem.self, from: answer.body)
        } catch {
            return unexpected(answer, error)
        }
    }

    private func unexpected(_ answer: Answer, _ error: any Error) -> ClientError {
        let shown = 200
        var content = String(decoding: answer.body.prefix(4 * shown), as: UTF8.self)
        if content.count > shown { content = content.prefix(shown) + "…" }
        return .unexpectedAnswer(
            endpoint, status: answer.status, content: content.trimmingCharacters(in: .whitespacesAndNewlines),
            reason: reason(error))
    }

    /// Foundation's decoding errors in one line: which member, and what is wrong with it.
    private func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (context, problem): (DecodingError.Context, String) =
            switch error {
            case .keyNotFound(let key, let context): (context, "member '\(key.stringValue)' is missing")
            case .typeMismatch(let type, let context): (context, "is not of type \(type)")
            case .valueNotFound(let type, let context): (context, "has no value of type \(type)")
            case .dataCorrupted(let context): (context, "is not JSON that can be read")
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        return path.isEmpty ? "the answer: \(problem)" : "\(path): \(problem)"
    }
}
