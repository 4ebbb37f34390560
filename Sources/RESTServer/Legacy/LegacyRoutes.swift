// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import Hummingbird
import TypedValue

/// The API of the original Hover (iovisor/iomodules, hover/daemon/server.go), for its clients: the same paths, bodies
/// and answers. It took paths only as they are written here; a slash more or less at the end makes no difference now.
enum LegacyRoutes {
    /// The first parts of its paths.
    static let roots: Set = ["modules", "links", "external_interfaces"]

    static let all = [
        Route(method: .get, path: "/modules/", handler: LegacyModules.list),
        Route(method: .post, path: "/modules/", handler: LegacyModules.create),
        Route(method: .get, path: "/modules/{module}", handler: LegacyModules.get),
        Route(method: .put, path: "/modules/{module}", handler: LegacyModules.update),
        Route(method: .delete, path: "/modules/{module}", handler: LegacyModules.delete),
        Route(method: .get, path: "/modules/{module}/tables/", handler: LegacyTables.list),
        Route(method: .get, path: "/modules/{module}/tables/{table}", handler: LegacyTables.get),
        Route(method: .get, path: "/modules/{module}/tables/{table}/entries/", handler: LegacyTables.entries),
        Route(method: .post, path: "/modules/{module}/tables/{table}/entries/", handler: LegacyTables.add),
        Route(method: .get, path: "/modules/{module}/tables/{table}/entries/{key}", handler: LegacyTables.entry),
        Route(method: .put, path: "/modules/{module}/tables/{table}/entries/{key}", handler: LegacyTables.put),
        Route(method: .delete, path: "/modules/{module}/tables/{table}/entries/{key}", handler: LegacyTables.delete),
        Route(method: .get, path: "/links/", handler: LegacyLinks.list),
        Route(method: .post, path: "/links/", handler: LegacyLinks.create),
        Route(method: .get, path: "/links/{link}", handler: LegacyLinks.get),
        Route(method: .delete, path: "/links/{link}", handler: LegacyLinks.delete),
        Route(method: .get, path: "/external_interfaces/", handler: LegacyLinks.interfaces),
    ]
}

/// Answers in the original's form.
enum LegacyAnswer {
    /// The original let pages of any origin read its answers, and its web pages count on that. Foreign pages gain
    /// nothing by it here: what they ask over TCP is refused before it gets to a route (`LocalOrigin`).
    private static let shared: HTTPFields = [.accessControlAllowOrigin: "*"]

    static func json(_ value: some Encodable) throws(HoverError) -> Response {
        var response = try Response.json(value)
        response.headers.append(contentsOf: shared)
        return response
    }

    static var done: Response { Response(status: .ok, headers: shared) }

    static func notFound() -> Response { text("404 page not found", status: .notFound) }

    /// What a path names and is not there is 404; all else 400.
    static func response(to error: HoverError) -> Response {
        guard error.kind != .notFound else { return notFound() }
        let log = error.log.map { "\n" + $0 } ?? ""
        return text(error.message + log, status: .badRequest)
    }

    private static func text(_ text: String, status: HTTPResponse.Status) -> Response {
        var headers = shared
        headers[.contentType] = "text/plain; charset=utf-8"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    }
}

/// The members of a body, read as the original's Go did: missing ones are empty, unknown ones do not matter.
struct LegacyBody {
    private let members: [String: TypedValue]

    init(_ call: Call) throws(HoverError) {
        try self.init(try call.json(), name: "the body")
    }

    private init(_ value: TypedValue, name: String) throws(HoverError) {
        switch value {
        case .object(let members): self.members = members
        case .null: members = [:]
        default: throw HoverError(.invalid, "\(name): expected an object")
        }
    }

    func text(_ name: String) throws(HoverError) -> String {
        switch members[name] ?? .null {
        case .string(let text): return text
        case .null: return ""
        default: throw HoverError(.invalid, "\(name): expected a string")
        }
    }

    func texts(_ name: String) throws(HoverError) -> [String] {
        switch members[name] ?? .null {
        case .array(let values):
            return try values.map { (value) throws(HoverError) in
                guard case .string(let text) = value else {
                    throw HoverError(.invalid, "\(name): expected strings")
                }
                return text
            }
        case .null: return []
        default: throw HoverError(.invalid, "\(name): expected an array of strings")
        }
    }

    func object(_ name: String) throws(HoverError) -> LegacyBody {
        try LegacyBody(members[name] ?? .null, name: name)
    }

    /// The name of a member by which it is called here, in whatever case.
    func name(like name: String) -> String {
        members.keys.sorted().first { $0.lowercased() == name } ?? name
    }
}
