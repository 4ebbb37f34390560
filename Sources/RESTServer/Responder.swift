// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Finds a request's route, reads its body within bounds, and makes answers of errors.
struct Responder: HTTPResponder {
    /// The most that a body may weigh, in bytes: a source of 1 MiB as JSON with room for its escapes, or as many rules as a
    /// firewall can have.
    static let bodyLimit = 4 << 20
    /// The most that is read only to be thrown away, of a body that is too large.
    private static let readLimit = 64 << 20

    let routes: RouteTable
    let logger: Logger
    let run: @Sendable (Route, Call) async throws(HoverError) -> Response

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        if !context.isUnixSocket, let refusal = LocalOrigin.refusal(of: request.head) {
            return refusal
        }
        if streams(request) {
            return await answer(
                to: request, body: Data(), over: .init(inbound: request.body, closeSoon: context.closeSoon))
        }
        let limit = bodyLimit(of: request)
        guard let body = try await Self.body(of: request, limit: limit) else {
            let dialect = Dialect(path: request.uri.path)
            let message = "the body is larger than \(limit) bytes: send less at once"
            return dialect.response(to: HoverError(.tooLarge, message)).closing(context.endOutput)
        }
        return await answer(to: request, body: body)
    }

    /// The body, or nil when it is too large. All of it is read all the same, because who writes it may read the answer
    /// only after the last byte, and would find the connection reset instead.
    private static func body(of request: Request, limit: Int) async throws -> Data? {
        var body = Data()
        var size = 0
        for try await part in request.body {
            size += part.readableBytes
            if size <= limit {
                body.append(contentsOf: part.readableBytesView)
            } else if size - limit > readLimit {
                break
            }
        }
        return size <= limit ? body : nil
    }

    private func bodyLimit(of request: Request) -> Int {
        guard let path = RequestPath(request.uri.path), case .found(let route, _) = routes.find(request.method, path)
        else { return Self.bodyLimit }
        return route.operation?.bodyLimit ?? Self.bodyLimit
    }

    /// Whether the answer is a stream. What then is left of the request tells when the client goes, so it is not read.
    private func streams(_ request: Request) -> Bool {
        guard let path = RequestPath(request.uri.path), case .found(let route, _) = routes.find(request.method, path),
            case .events? = route.operation?.success.content
        else { return false }
        // A body would have to be read by somebody.
        return request.headers[.contentLength] ?? "0" == "0" && request.headers[.transferEncoding] == nil
    }

    /// What `Hover-Author` says, in one short line.
    private static func author(of request: Request) -> String {
        let text = HTTPField.Name("Hover-Author").flatMap { request.headers[$0] } ?? "api"
        return String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.isASCII && $0.value >= 32 }).prefix(128))
    }

    private static func expectedRevision(of request: Request) throws(HoverError) -> Int? {
        guard let text = request.headers[.ifMatch], text != "*" else { return nil }
        guard text.hasPrefix("\""), text.hasSuffix("\""), let number = Int(text.dropFirst().dropLast()) else {
            throw HoverError(
                .invalid, "If-Match is \(text), and is an ETag of an earlier answer, like \"5\"; there is one at a time"
            )
        }
        return number
    }

    /// - Parameter connection: for a stream, whose request is not read yet.
    func answer(to request: Request, body: Data, over connection: Call.Connection? = nil) async -> Response {
        let (method, uri) = (request.method, request.uri)
        let dialect = Dialect(path: uri.path)
        do throws(HoverError) {
            guard let path = RequestPath(uri.path) else {
                throw HoverError(
                    .invalid, "the path \(uri.path) is not percent-encoded UTF-8: encode what is not ASCII")
            }
            switch routes.find(method, path) {
            case .found(let route, let parameters):
                let call = Call(
                    parameters: parameters, query: try route.query(uri.query), body: body,
                    author: Self.author(of: request), expectedRevision: try Self.expectedRevision(of: request),
                    connection: connection)
                let response = try await run(route, call)
                return method == .head ? response.createHeadResponse() : response
            case .otherMethods(let methods):
                return dialect.methodNotAllowed(method, path: uri.path, allowed: methods)
            case .nothing:
                return dialect.noSuchRoute(uri.path)
            }
        } catch {
            if error.kind == .kernel {
                // No warning: it may be a kernel in trouble, or a request for what a table cannot do.
                logger.notice("\(method) \(uri.path): \(error)")
            }
            return dialect.response(to: error)
        }
    }
}

/// What the responder needs of a request's connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Whether it came over a Unix socket; else it came over TCP.
    let isUnixSocket: Bool
    /// Ends the server's half of the connection behind what is written to it.
    let endOutput: @Sendable () -> Void
    /// Closes the connection a second later.
    let closeSoon: @Sendable () -> Void

    init(source: ApplicationRequestContextSource) {
        let channel = source.channel
        coreContext = CoreRequestContextStorage(source: source)
        isUnixSocket = channel.localAddress?.pathname != nil
        endOutput = { channel.close(mode: .output, promise: nil) }
        closeSoon = { channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) } }
    }
}

extension Response {
    /// The same, and the connection ends behind it.
    fileprivate func closing(_ endOutput: @escaping @Sendable () -> Void) -> Response {
        var headers = headers
        headers[.connection] = "close"
        let body = body
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: body.contentLength) { writer in
                try await body.write(writer)
                endOutput()
            })
    }
}
