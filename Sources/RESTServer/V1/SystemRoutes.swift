// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird

/// `/v1/types`, `/v1/topology`, `/v1/version` and `/v1/openapi.json`.
enum SystemRoutes {
    static let all = [
        Route(
            method: .get, path: "/v1/types",
            operation: Operation(
                id: "listTypes", tag: "system", summary: "The module types that hoverd knows.",
                success: .init(content: .json(.array(of: .of(ModuleType.self))), description: "The types.")),
            handler: types),
        Route(
            method: .get, path: "/v1/topology",
            operation: Operation(
                id: "getTopology", tag: "system",
                summary: "What is connected with what, and which policies lie on the way.",
                success: .init(content: .json(.of(Topology.self)), description: "The topology.")),
            handler: topology),
        Route(
            method: .get, path: "/v1/version",
            operation: Operation(
                id: "getVersion", tag: "system", summary: "The versions of hoverd and of the kernel it runs on.",
                success: .init(content: .json(.of(Version.self)), description: "The versions.")),
            handler: version),
        Route(
            method: .get, path: "/v1/openapi.json",
            operation: Operation(
                id: "getOpenAPI", tag: "system", summary: "This document.",
                success: .init(content: .json(.map(of: .any)), description: "An OpenAPI 3.1 document.")),
            handler: openAPI),
    ]

    private static func types(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let kinds = ModuleKind.allCases.map {
            ModuleType(name: $0.rawValue, summary: $0.summary, creatable: $0 != .bridge)
        }
        let builtIn = backend.controller.types.types.map {
            ModuleType(name: $0.name, summary: $0.summary, creatable: true, config: $0.configDescription.schema)
        }
        return try .json(kinds + builtIn)
    }

    private static func topology(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(Topology(try await backend.controller.topology()))
    }

    private static func version(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        var names = utsname()
        uname(&names)
        let release = withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return try .json(Version(version: backend.version, kernel: release))
    }

    private static func openAPI(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(OpenAPI.document(of: RouteTable.v1, version: backend.version))
    }
}
