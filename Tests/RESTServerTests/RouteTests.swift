// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Testing
import TypedValue

@testable import RESTServer

@Suite struct RouteTests {
    private static let document = OpenAPI.document(of: RouteTable.v1, version: "1.2.3")

    /// Method and path of all that the document describes.
    private func documented() throws -> Set<String> {
        let paths = try #require(Self.document["paths"]?.members)
        let methods: Set = ["get", "put", "post", "delete", "patch", "head", "options", "trace"]
        return Set(
            try paths.flatMap { path, item in
                try #require(item.members).keys.filter(methods.contains).map { "\($0.uppercased()) \(path)" }
            })
    }

    @Test func allThatIsDocumentedIsServed() async throws {
        for operation in try documented() {
            let parts = operation.split(separator: " ")
            let path = String(parts[1]).replacing(/\{[a-z]+\}/, with: "x")
            let method = try #require(HTTPRequest.Method(String(parts[0])))
            let answer = try await Service.ask(method, path)
            #expect(answer.status == 200, "\(operation)")
            #expect(answer.body.hasPrefix("\"\(operation) "), "\(operation): \(answer.body)")
        }
    }

    @Test func allThatIsServedIsDocumented() async throws {
        var served: Set<String> = []
        let methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"]
        let paths = Set(RouteTable.all.routes.map(\.path.description)).filter { !Dialect(path: $0).isLegacy }
        for path in paths {
            for name in methods {
                let method = try #require(HTTPRequest.Method(name))
                if try await Service.ask(method, path.replacing(/\{[a-z]+\}/, with: "x")).status == 200 {
                    served.insert("\(name) \(path)")
                }
            }
        }
        #expect(served == (try documented()))
    }

    @Test func everyRouteIsReachedByItsOwnPath() async throws {
        for route in RouteTable.all.routes {
            let path = route.path.description.replacing(/\{[a-z]+\}/, with: "x")
            #expect(try await Service.ask(route.method, path).body.hasPrefix("\"\(route.method) \(route.path) "))
        }
    }

    @Test func everyRouteTellsItsParametersAndReferences() throws {
        let schemas = try #require(Self.document["components"]?["schemas"]?.members)
        let responses = try #require(Self.document["components"]?["responses"]?.members)
        for reference in Self.document.references {
            let name = String(reference.split(separator: "/").last ?? "")
            #expect(schemas[name] != nil || responses[name] != nil, "\(reference)")
        }
        for route in RouteTable.v1 {
            #expect(route.operation != nil, "\(route.path)")
            for parameter in route.path.parameters {
                #expect(OpenAPI.descriptions[parameter] != nil, "\(parameter)")
            }
        }
        let identifiers = RouteTable.v1.compactMap(\.operation?.id)
        #expect(Set(identifiers).count == identifiers.count)
    }

    @Test func namesAreDecoded() async throws {
        let answer = try await Service.ask(.get, "/v1/modules/%C3%A9%20a%2Fb%25/tables/t/entries/%7B%22a%22%3A1%7D")
        #expect(answer.body.contains("module=é a/b%"))
        #expect(answer.body.contains("key={\\\"a\\\":1}"))
    }

    @Test(arguments: ["/v1/modules/%C3", "/v1/modules/%zz", "/v1/modules/%f"])
    func pathsThatCannotBeDecoded(path: String) async throws {
        let answer = try await Service.ask(.get, path)
        #expect(answer.status == 400)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test func aSlashAtTheEndChangesNothing() async throws {
        for path in ["/v1/modules", "/modules", "/links", "/external_interfaces", "/modules/m:1/tables/t/entries"] {
            #expect(try await Service.ask(.get, path).body == Service.ask(.get, path + "/").body)
        }
        #expect(try await Service.ask(.get, "/v1//modules").status == 404)
    }

    @Test func unknownPaths() async throws {
        for path in ["/", "/v1", "/v2/modules", "/v1/module", "/v1/modules/a/b", "/v1/links/a/b", ""] {
            let answer = try await Service.ask(.get, path)
            #expect(answer.status == 404, "\(path)")
            #expect(try answer.member("type") == "about:blank")
            #expect(answer.headers[.contentType] == "application/problem+json")
        }
        let legacy = try await Service.ask(.get, "/modules/a/b")
        #expect(legacy.status == 404)
        #expect(legacy.body == "404 page not found\n")
        #expect(legacy.headers[.contentType] == "text/plain; charset=utf-8")
    }

    @Test func otherMethods() async throws {
        let answer = try await Service.ask(.delete, "/v1/version")
        #expect(answer.status == 405)
        #expect(answer.headers[.allow] == "GET, HEAD")
        #expect(try answer.member("title") == "Method Not Allowed")
        #expect(try await Service.ask(.put, "/v1/modules").headers[.allow] == "GET, HEAD, POST")
        #expect(try await Service.ask(.put, "/links/1").status == 404)
    }

    @Test func headIsGetWithoutContent() async throws {
        let get = try await Service.ask(.get, "/v1/modules")
        let head = try await Service.ask(.head, "/v1/modules")
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        #expect(head.headers[.contentLength] == get.headers[.contentLength])
    }

    @Test func queries() async throws {
        let path = "/v1/modules/m/tables/t/entries"
        #expect(try await Service.ask(.get, path + "?limit=5&after=%7B%7D").body.contains("after={} limit=5"))
        let unknown = try await Service.ask(.get, path + "?size=5")
        #expect(unknown.status == 400)
        #expect(try unknown.member("detail") == "there is no query parameter size here, only limit, after")
        #expect(try await Service.ask(.get, path + "?limit=%f").status == 400)
        #expect(try await Service.ask(.get, "/modules/?size=5").status == 200)
    }
}

extension Dialect {
    var isLegacy: Bool { if case .legacy = self { true } else { false } }
}

extension TypedValue {
    var members: [String: TypedValue]? { if case .object(let members) = self { members } else { nil } }

    subscript(_ name: String) -> TypedValue? { members?[name] }

    /// All `$ref` in it.
    var references: [String] {
        switch self {
        case .object(let members):
            members.flatMap { name, value in
                if name == "$ref", case .string(let text) = value { [text] } else { value.references }
            }
        case .array(let elements): elements.flatMap(\.references)
        default: []
        }
    }
}
