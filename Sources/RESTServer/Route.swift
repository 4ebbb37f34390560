// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import Hummingbird

/// A method on a path, what is documented about it, and what it does.
struct Route: Sendable {
    typealias Handler = @Sendable (Backend, Call) async throws(HoverError) -> Response

    var method: HTTPRequest.Method
    var path: PathTemplate
    /// Nil for the original Hover's routes, which the OpenAPI document leaves out.
    var operation: Operation?
    var handler: Handler

    /// A query's values by name.
    ///
    /// - Throws: `.invalid` for a parameter that the operation does not have; the original Hover ignored all.
    func query(_ text: String?) throws(HoverError) -> [String: String] {
        guard let operation, let text, !text.isEmpty else { return [:] }
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.compactMap { $0.removingPercentEncoding }
            guard let name = decoded.first, decoded.count == parts.count else {
                throw HoverError(.invalid, "the query \(text) is not percent-encoded UTF-8: encode what is not ASCII")
            }
            guard operation.query.contains(where: { $0.name == name }) else {
                let names = operation.query.map(\.name).joined(separator: ", ")
                throw HoverError(
                    .invalid, "there is no query parameter \(name) here" + (names.isEmpty ? "" : ", only \(names)"))
            }
            values[name] = decoded.count > 1 ? decoded[1] : ""
        }
        return values
    }
}

/// What the OpenAPI document says of a route.
struct Operation: Sendable {
    /// A parameter in the query; none is required.
    struct QueryParameter: Sendable {
        var name: String
        var schema: Schema
        var description: String
    }

    /// The answer when all went well.
    struct Success: Sendable {
        var status: HTTPResponse.Status = .ok
        /// What the body is: JSON of a schema, text, or nothing.
        var content = Content.nothing
        /// Whether a `Location` header names what was made.
        var hasLocation = false
        var description: String
    }

    enum Content: Sendable, Hashable {
        case nothing
        case text
        case json(Schema)
        /// A stream of server-sent events whose data are JSON of a schema.
        case events(Schema)
    }

    /// `operationId`.
    var id: String
    var tag: String
    var summary: String
    var query: [QueryParameter] = []
    /// The body that the request must have.
    var request: Schema?
    /// The most that the body may weigh, in bytes.
    var bodyLimit = Responder.bodyLimit
    var success: Success
    /// The kinds of refusal that it adds to those that every operation can answer.
    var errors: [HoverError.Kind] = []
}

/// A path with places for parameters: `/v1/modules/{module}`.
struct PathTemplate: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    enum Part: Sendable, Hashable {
        case literal(String)
        case parameter(String)
    }

    let description: String
    let parts: [Part]

    init(stringLiteral text: String) {
        description = text
        parts = text.split(separator: "/").map { part in
            part.hasPrefix("{") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    var parameters: [String] {
        parts.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// The parameters' values in a path; nil when the path is another one.
    func match(_ path: RequestPath) -> [String: String]? {
        guard path.parts.count == parts.count else { return nil }
        var values: [String: String] = [:]
        for (part, text) in zip(parts, path.parts) {
            switch part {
            case .literal(let literal): guard text == literal else { return nil }
            case .parameter(let name): values[name] = text
            }
        }
        return values
    }
}

/// A request's path in decoded parts. A slash at its end changes nothing.
struct RequestPath: Sendable, Hashable {
    let parts: [String]

    /// Nil for what is not percent-encoded UTF-8.
    init?(_ text: String) {
        var segments = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        if segments.last?.isEmpty == true {
            segments.removeLast()
        }
        let decoded = segments.compactMap { $0.removingPercentEncoding }
        guard decoded.count == segments.count else { return nil }
        parts = decoded
    }
}

/// All routes.
struct RouteTable: Sendable {
    enum Result: Sendable {
        case found(Route, parameters: [String: String])
        /// The path is there, but only for these methods.
        case otherMethods([HTTPRequest.Method])
        case nothing
    }

    let routes: [Route]

    /// The routes of `/v1` and of the original Hover.
    static let all = RouteTable(routes: v1 + LegacyRoutes.all)

    /// The routes that the OpenAPI document describes.
    static let v1 =
        ModuleRoutes.all + ElementRoutes.all + TableRoutes.all + LinkRoutes.all + PacketRoutes.all + StateRoutes.all
        + SystemRoutes.all

    func find(_ method: HTTPRequest.Method, _ path: RequestPath) -> Result {
        var methods: [HTTPRequest.Method] = []
        // RFC 9110, 9.3.2: HEAD is GET without the content.
        let wanted = method == .head ? .get : method
        for route in routes {
            guard let parameters = route.path.match(path) else { continue }
            if route.method == wanted {
                return .found(route, parameters: parameters)
            }
            methods += route.method == .get ? [.get, .head] : [route.method]
        }
        return methods.isEmpty ? .nothing : .otherMethods(methods)
    }
}
