// SPDX-License-Identifier: Apache-2.0

import Controller
import Hummingbird

/// `/modules/` of the original Hover.
enum LegacyModules {
    private struct Module: Encodable {
        var id: String
        var permissions: String
        var module_type: String
        var display_name: String
        var tags: [String]
        var config: [String: String]

        init(_ state: ModuleState) {
            id = state.id
            // Read is 4, write 2, in the place of a file's owner.
            permissions = state.kind == .bridge ? "0400" : "0600"
            module_type = state.kind.rawValue
            display_name = state.name
            tags = state.tags
            config = state.source.map { ["code": $0] } ?? [:]
        }
    }

    static func list(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try LegacyAnswer.json(try await backend.controller.modules().map { Module($0) })
    }

    static func create(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let body = try LegacyBody(call)
        let config = try body.object("config")
        let name = try body.text("display_name")
        let specification = ModuleSpecification(
            // The original's modules could be without a name.
            name: name.isEmpty ? "unnamed" : name, kind: try kind(try body.text("module_type")),
            tags: try body.texts("tags"),
            code: .source(try config.text(config.name(like: "code")), file: "module.c"))
        do throws(HoverError) {
            return try LegacyAnswer.json(Module(try await backend.controller.createModule(specification)))
        } catch {
            // A tag that names nothing is in the body, not in the path.
            throw error.kind == .notFound ? HoverError(.invalid, error.message) : error
        }
    }

    static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try LegacyAnswer.json(Module(try await backend.controller.module(call["module"])))
    }

    /// Sets name and tags; the code must be the one that the module has.
    static func update(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let body = try LegacyBody(call)
        let config = try body.object("config")
        let state = try await backend.controller.module(try own(call))
        guard try config.text(config.name(like: "code")) == state.source ?? "" else {
            throw HoverError(.invalid, "BPF code update not supported")
        }
        let name = try body.text("display_name")
        do throws(HoverError) {
            let updated = try await backend.controller.updateModule(
                state.id, name: name.isEmpty ? nil : name, tags: try body.texts("tags"))
            return try LegacyAnswer.json(Module(updated))
        } catch {
            throw error.kind == .notFound ? HoverError(.invalid, error.message) : error
        }
    }

    static func delete(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try await backend.controller.deleteModule(try own(call))
        return LegacyAnswer.done
    }

    /// The module in the path; the original shows bridges, and knows them nowhere else.
    static func own(_ call: Call) throws(HoverError) -> String {
        guard !call["module"].hasPrefix("b:") else {
            throw HoverError(.notFound, "\(call["module"]) is a bridge")
        }
        return call["module"]
    }

    private static func kind(_ type: String) throws(HoverError) -> ModuleKind {
        switch type {
        case "bpf", ModuleKind.forward.rawValue: return .forward
        case ModuleKind.policy.rawValue: return .policy
        default: throw HoverError(.invalid, "unknown ModuleType \(type)")
        }
    }
}
