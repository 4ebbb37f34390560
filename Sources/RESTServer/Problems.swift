// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird
import TypedValue

/// The way in which a path's routes say what went wrong.
enum Dialect: Sendable {
    /// `application/problem+json` (RFC 9457).
    case v1
    /// The original Hover's text.
    case legacy

    init(path: String) {
        let first = path.split(separator: "/", maxSplits: 1).first.map(String.init)
        self = first.map(LegacyRoutes.roots.contains) == true ? .legacy : .v1
    }

    func response(to error: HoverError) -> Response {
        switch self {
        case .v1: .problem(Problem(error))
        case .legacy: LegacyAnswer.response(to: error)
        }
    }

    func noSuchRoute(_ path: String) -> Response {
        switch self {
        case .v1:
            .problem(Problem(status: .notFound, detail: "there is nothing at \(path): see /v1/openapi.json"))
        case .legacy:
            LegacyAnswer.notFound()
        }
    }

    func methodNotAllowed(_ method: HTTPRequest.Method, path: String, allowed: [HTTPRequest.Method]) -> Response {
        switch self {
        case .v1:
            let methods = allowed.map(\.rawValue).joined(separator: ", ")
            let problem = Problem(
                status: .methodNotAllowed, detail: "\(path) does not take \(method.rawValue), only \(methods)")
            return .problem(problem, headers: [.allow: methods])
        case .legacy:
            // The original's router did not know of 405.
            return LegacyAnswer.notFound()
        }
    }
}

extension Problem {
    /// What HTTP itself has a word for.
    init(status: HTTPResponse.Status, detail: String) {
        self.init(type: "about:blank", title: status.reasonPhrase, status: status.code, detail: detail)
    }

    init(_ error: HoverError) {
        self.init(
            type: "urn:hover:problem:\(error.kind.rawValue)", title: error.kind.title, status: error.kind.status.code,
            detail: error.message,
            diagnostics: error.diagnostics.isEmpty ? nil : error.diagnostics.map { Diagnostic($0) },
            log: error.log)
        pointer = error.pointer
    }
}

extension HoverError.Kind {
    var status: HTTPResponse.Status {
        switch self {
        case .invalid: .badRequest
        case .notFound: .notFound
        case .conflict: .conflict
        case .tooLarge: .contentTooLarge
        case .compile, .object, .verifier: .unprocessableContent
        case .stale: .preconditionFailed
        case .kernel, .store: .internalServerError
        }
    }

    /// The same for every occurrence (RFC 9457, 3.1.3).
    var title: String {
        switch self {
        case .invalid: "The request is invalid"
        case .notFound: "There is no such object"
        case .conflict: "The request contradicts what exists"
        case .tooLarge: "The request is too large"
        case .compile: "The source does not compile"
        case .object: "The object is not an IO Module"
        case .verifier: "The kernel's verifier refused the program"
        case .stale: "The request is about an earlier revision"
        case .kernel: "The kernel refused an operation"
        case .store: "The store cannot be used"
        }
    }
}

extension Response {
    static func problem(_ problem: Problem, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/problem+json"
        // Strings and integers always encode.
        let body = (try? encodeJSON(problem)) ?? Data()
        return Response(
            status: HTTPResponse.Status(code: problem.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// An answer in JSON.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, location: String? = nil
    ) throws(HoverError) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.location] = location
        do {
            return Response(
                status: status, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encodeJSON(value))))
        } catch {
            throw HoverError(.kernel, "the answer cannot be written as JSON: \(error)")
        }
    }

    static var noContent: Response { Response(status: .noContent) }
}
