// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird

/// `/v1/modules` and what is below them, except tables.
enum ModuleRoutes {
    static let all = [
        Route(
            method: .get, path: "/v1/modules",
            operation: Operation(
                id: "listModules", tag: "modules", summary: "All modules in creation order, then the Linux bridges.",
                success: .init(content: .json(.array(of: .of(Module.self))), description: "The modules.")),
            handler: list),
        Route(
            method: .post, path: "/v1/modules",
            operation: Operation(
                id: "createModule", tag: "modules",
                summary: "Compiles a source or takes an object, loads it, and makes its ports.",
                request: .of(ModuleRequest.self),
                success: .init(
                    status: .created, content: .json(.of(Module.self)), hasLocation: true,
                    description: "The new module. It receives packets once it is linked."),
                errors: [.notFound, .conflict, .compile, .object, .verifier]),
            handler: create),
        Route(
            method: .get, path: "/v1/modules/{module}",
            operation: Operation(
                id: "getModule", tag: "modules", summary: "One module.",
                success: .init(content: .json(.of(Module.self)), description: "The module."),
                errors: [.notFound, .conflict]),
            handler: get),
        Route(
            method: .patch, path: "/v1/modules/{module}",
            operation: Operation(
                id: "updateModule", tag: "modules",
                summary: "Changes a module's display name, tags, placements or configuration.",
                request: .of(ModuleChange.self),
                success: .init(content: .json(.of(Module.self)), description: "The module as it is now."),
                errors: [.notFound, .conflict, .object, .verifier]),
            handler: update),
        Route(
            method: .delete, path: "/v1/modules/{module}",
            operation: Operation(
                id: "deleteModule", tag: "modules", summary: "Removes a module; its links go too.",
                success: .init(status: .noContent, description: "It is gone."),
                errors: [.notFound, .conflict]),
            handler: delete),
        Route(
            method: .put, path: "/v1/modules/{module}/code",
            operation: Operation(
                id: "replaceCode", tag: "modules",
                summary: "Exchanges a module's code while packets go through it; its tables are taken over.",
                request: .of(CodeRequest.self),
                success: .init(content: .json(.of(Module.self)), description: "The module as it is now."),
                errors: [.notFound, .conflict, .compile, .object, .verifier]),
            handler: replaceCode),
        Route(
            method: .get, path: "/v1/modules/{module}/state",
            operation: Operation(
                id: "getModuleState", tag: "modules",
                summary: "What a module of a built-in type has learned and counted; of other modules nothing.",
                query: [
                    .init(
                        name: "limit", schema: .integer(1...Int128(TableRoutes.pageLimit)),
                        description: "The most elements of each list; 1000 without it.")
                ],
                success: .init(content: .json(.map(of: .any)), description: "What there is depends on the type."),
                errors: [.notFound, .conflict]),
            handler: state),
        Route(
            method: .get, path: "/v1/modules/{module}/source",
            operation: Operation(
                id: "getModuleSource", tag: "modules", summary: "The C source that a module was made from.",
                success: .init(content: .text, description: "The source."),
                errors: [.notFound, .conflict]),
            handler: source),
        Route(
            method: .get, path: "/v1/modules/{module}/ports",
            operation: Operation(
                id: "listPorts", tag: "modules", summary: "A module's ports in order, with their counters.",
                success: .init(content: .json(.array(of: .of(HoverAPI.Port.self))), description: "The ports."),
                errors: [.notFound, .conflict]),
            handler: ports),
        Route(
            method: .post, path: "/v1/modules/{module}/ports",
            operation: Operation(
                id: "addPort", tag: "modules", summary: "Gives a module one more port, the lowest that is free.",
                success: .init(
                    status: .created, content: .json(.of(HoverAPI.Port.self)), description: "The new port."),
                errors: [.notFound, .conflict]),
            handler: addPort),
    ]

    private static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(try await backend.controller.modules().map { Module($0) })
    }

    private static func create(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let request = try call.decode(ModuleRequest.self)
        let module = Module(try await backend.controller.createModule(try ModuleSpecification(request)))
        return try .json(module, status: .created, location: "/v1/modules/\(module.id)")
    }

    private static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(Module(try await backend.controller.module(call["module"])))
    }

    private static func update(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let change = try call.decode(ModuleChange.self)
        let module = try await backend.controller.updateModule(
            call["module"], name: change.name, tags: change.tags,
            placements: try change.placements?.map { (placement) throws(HoverError) in try PlacementRequest(placement)
            },
            config: change.config)
        return try .json(Module(module))
    }

    private static func replaceCode(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let request = try call.decode(CodeRequest.self)
        let code = try ModuleSpecification.Code(source: request.source, file: request.file, object: request.object)
        return try .json(Module(try await backend.controller.replaceCode(of: call["module"], with: code)))
    }

    private static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try await backend.controller.deleteModule(call["module"])
        return .noContent
    }

    private static func state(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let limit = try TableRoutes.limit(call.query["limit"])
        return try .json(try await backend.controller.state(ofModule: call["module"], limit: limit))
    }

    private static func source(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        guard let source = try await backend.controller.module(call["module"]).source else {
            throw HoverError(.notFound, "module \(call["module"]) was not made from a source, so there is none to show")
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: source)))
    }

    private static func ports(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(try await backend.controller.module(call["module"]).ports.map { HoverAPI.Port($0) })
    }

    private static func addPort(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(HoverAPI.Port(try await backend.controller.addPort(to: call["module"])), status: .created)
    }
}

extension ModuleSpecification {
    init(_ request: ModuleRequest) throws(HoverError) {
        let kind = ModuleKind(rawValue: request.type)
        self.init(
            name: request.name, kind: kind ?? .forward, tags: request.tags ?? [],
            placements: try (request.placements ?? []).map { (placement) throws(HoverError) in
                try PlacementRequest(placement)
            },
            code: try kind == nil
                ? Code(builtIn: request) : Code(source: request.source, file: request.file, object: request.object),
            ports: request.ports ?? 0, maxPorts: request.maxPorts, config: request.config ?? [:],
            counters: request.counters ?? true)
    }
}

extension ModuleSpecification.Code {
    /// Hover has the code of such a module.
    init(builtIn request: ModuleRequest) throws(HoverError) {
        guard request.source == nil, request.object == nil else {
            throw HoverError(
                .invalid,
                "module type \(request.type) takes no code: bpf/forward and bpf/policy do; see /v1/types for the others"
            )
        }
        self = .builtIn(request.type)
    }

    init(source: String?, file: String?, object: String?) throws(HoverError) {
        switch (source, object) {
        case (let source?, nil):
            self = .source(source, file: file ?? "module.c")
        case (nil, let text?):
            guard let object = Data(base64Encoded: text) else {
                throw HoverError(.invalid, "object: expected base64, found other characters or a wrong length")
            }
            self = .object([UInt8](object))
        case (nil, nil), (_?, _?):
            throw HoverError(.invalid, "source and object: expected exactly one of them")
        }
    }
}
