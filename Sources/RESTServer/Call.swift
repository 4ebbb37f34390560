// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import TypedValue

/// A request, taken apart for a handler.
struct Call: Sendable {
    /// The path's parameters, decoded.
    var parameters: [String: String] = [:]
    /// The query's parameters, decoded.
    var query: [String: String] = [:]
    var body = Data()

    /// A parameter of the path; a route's handler asks for those in its template.
    subscript(_ parameter: String) -> String { parameters[parameter] ?? "" }

    /// The body as JSON.
    func json() throws(HoverError) -> TypedValue {
        guard !body.isEmpty else {
            throw HoverError(.invalid, "the body is empty: expected JSON")
        }
        do {
            return try JSONDecoder().decode(TypedValue.self, from: body)
        } catch {
            throw HoverError(.invalid, "the body: \(Self.reason(error))")
        }
    }

    /// The body as a wire type, when it is what the schema of that name says.
    func decode<Body: Decodable>(_ type: Body.Type) throws(HoverError) -> Body {
        let value = try json()
        do throws(TypeMismatch) {
            try Schema.of(type).check(value)
        } catch {
            throw HoverError(.invalid, "\(error.path.isEmpty ? error.inside("the body") : error)")
        }
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw HoverError(.invalid, "the body: \(Self.reason(error))")
        }
    }

    /// Foundation's decoding errors in one line.
    private static func reason(_ error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error else { return "\(error)" }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined()
        guard let cause = context.underlyingError else {
            return (path.isEmpty ? "" : path.drop { $0 == "." } + ": ") + context.debugDescription
        }
        let place = (cause as? CocoaError)?.userInfo[NSDebugDescriptionErrorKey] as? String
        return "not JSON: \(place ?? context.debugDescription)"
    }
}
