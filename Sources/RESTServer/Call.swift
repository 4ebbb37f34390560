// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import Hummingbird
import TypedValue

/// A request, taken apart for a handler.
struct Call: Sendable {
    /// The path's parameters, decoded.
    var parameters: [String: String] = [:]
    /// The query's parameters, decoded.
    var query: [String: String] = [:]
    var body = Data()
    /// Who asks, as the request says.
    var author = "api"
    /// The revision that the request was made for (`If-Match`, RFC 9110, 13.1.1).
    var expectedRevision: Int?
    /// For a stream.
    var connection: Connection?

    /// What a stream needs of the connection that it goes over.
    struct Connection: Sendable {
        /// What the client sends, which ends when it goes.
        var inbound: RequestBody
        /// Closes it a second later, for a client that does not read.
        var closeSoon: @Sendable () -> Void
    }

    /// A parameter of the query that is `true` or `false`; false without.
    func flag(_ name: String) throws(HoverError) -> Bool {
        switch query[name] {
        case nil, "false": return false
        case "true", "": return true
        case let text?: throw HoverError(.invalid, "\(name) is \(text), and can be true or false")
        }
    }

    /// A parameter of the path; a route's handler asks for those in its template.
    subscript(_ parameter: String) -> String { parameters[parameter] ?? "" }

    /// The body as JSON.
    func json() throws(HoverError) -> TypedValue {
        guard !body.isEmpty else {
            throw HoverError(.invalid, "the body is empty: expected JSON")
        }
        return try read(TypedValue.self)
    }

    /// The body as a wire type, when it is what the schema of that name says.
    func decode<Body: Decodable>(_ type: Body.Type) throws(HoverError) -> Body {
        try decode(type, schema: .of(type), from: try json())
    }

    /// The body as one wire type or an array of them.
    func decodeOneOrMore<Body: Decodable>(_ type: Body.Type) throws(HoverError) -> [Body] {
        let value = try json()
        if case .array = value {
            return try decode([Body].self, schema: .array(of: .of(type)), from: value)
        }
        return [try decode(type, schema: .of(type), from: value)]
    }

    private func decode<Body: Decodable>(
        _ type: Body.Type, schema: Schema, from value: TypedValue
    ) throws(HoverError) -> Body {
        do throws(TypeMismatch) {
            try schema.check(value)
        } catch {
            throw HoverError(.invalid, "\(error.path.isEmpty ? error.inside("the body") : error)")
        }
        if let decoded = try? value.decode(type) { return decoded }
        return try read(type)
    }

    private func read<Body: Decodable>(_ type: Body.Type) throws(HoverError) -> Body {
        do {
            return try decodeJSON(type, from: body)
        } catch DecodingError.dataCorrupted(let context) {
            if context.codingPath.isEmpty || syntaxError != nil {
                throw HoverError(.invalid, "the body is not JSON: \(syntaxError ?? context.debugDescription)")
            }
            let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined()
            throw HoverError(.invalid, "\(path.drop { $0 == "." }): \(context.debugDescription)")
        } catch {
            throw HoverError(.invalid, "the body: \(error)")
        }
    }

    /// What is wrong with the body's syntax and where, which JSONDecoder does not tell.
    private var syntaxError: String? {
        do {
            _ = try JSONSerialization.jsonObject(with: body, options: .fragmentsAllowed)
            return nil
        } catch {
            return (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
        }
    }
}
