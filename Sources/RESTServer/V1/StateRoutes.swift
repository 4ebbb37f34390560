// SPDX-License-Identifier: Apache-2.0

import Controller
import HTTPTypes
import HoverAPI
import Hummingbird

/// `/v1/manifest`, `/v1/revisions`, `/v1/doctor` and `/v1/down`.
enum StateRoutes {
    static let all = [
        Route(
            method: .put, path: "/v1/manifest",
            operation: Operation(
                id: "applyManifest", tag: "state",
                summary: "Makes modules and links what a manifest says, in one transaction.",
                query: [
                    .init(
                        name: "prune", schema: .boolean,
                        description: "Remove what an earlier manifest named and this one does not."),
                    dryRun,
                ],
                request: .of(Manifest.self), bodyLimit: 64 << 20,
                success: .init(content: .json(.of(ManifestResult.self)), description: "What was done."),
                errors: [.notFound, .conflict, .compile, .object, .verifier]),
            handler: apply),
        Route(
            method: .get, path: "/v1/revisions",
            operation: Operation(
                id: "listRevisions", tag: "state", summary: "The last changes of modules and links.",
                success: .init(content: .json(.of(Revisions.self)), description: "The newest first.")),
            handler: revisions),
        Route(
            method: .post, path: "/v1/revisions/{revision}/rollback",
            operation: Operation(
                id: "rollBack", tag: "state", summary: "Makes modules and links what they were, in one transaction.",
                query: [dryRun],
                success: .init(content: .json(.of(ManifestResult.self)), description: "What was done."),
                errors: [.notFound, .conflict, .object, .verifier]),
            handler: rollBack),
        Route(
            method: .get, path: "/v1/doctor",
            operation: Operation(
                id: "examine", tag: "state", summary: "Where the kernel differs from what is to be there.",
                success: .init(content: .json(.of(DoctorReport.self)), description: "What differs.")),
            handler: examine),
        Route(
            method: .post, path: "/v1/doctor",
            operation: Operation(
                id: "mend", tag: "state", summary: "Makes what is missing, and removes what nothing needs.",
                success: .init(content: .json(.of(DoctorReport.self)), description: "What differed.")),
            handler: mend),
        Route(
            method: .post, path: "/v1/down",
            operation: Operation(
                id: "takeDown", tag: "state", summary: "Removes all that Hover has in the kernel, and ends hoverd.",
                query: [
                    .init(
                        name: "forget", schema: .boolean,
                        description:
                            "Remove all modules and links from the store too; else the next hoverd makes them again.")
                ],
                success: .init(status: .accepted, description: "hoverd ends when all is removed.")),
            handler: takeDown),
    ]

    private static let dryRun = Operation.QueryParameter(
        name: "dry_run", schema: .boolean, description: "Only say what would be done.")

    private static func apply(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let manifest = try ManifestSpecification(call.decode(Manifest.self))
        let dryRun = try call.flag("dry_run")
        let result = try await backend.controller.apply(manifest, prune: call.flag("prune"), dryRun: dryRun)
        return try .json(ManifestResult(result, isDryRun: dryRun))
    }

    private static func revisions(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let revisions = try await backend.controller.revisions()
        return try .json(
            Revisions(
                revisions: revisions.map { revision in
                    HoverAPI.Revision(
                        number: revision.number, time: revision.time, author: revision.author,
                        summary: revision.summary, current: revision.number == revisions.first?.number)
                }))
    }

    private static func rollBack(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        guard let number = Int(call["revision"]) else {
            throw HoverError(.notFound, "there is no revision \(call["revision"]): revisions are numbers")
        }
        let dryRun = try call.flag("dry_run")
        return try .json(
            ManifestResult(try await backend.controller.rollBack(to: number, dryRun: dryRun), isDryRun: dryRun))
    }

    private static func examine(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(DoctorReport(try await backend.controller.examine(mending: false)))
    }

    private static func mend(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(DoctorReport(try await backend.controller.examine(mending: true)))
    }

    private static func takeDown(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try await backend.controller.requestEnd(forgetting: call.flag("forget"))
        return Response(status: .accepted)
    }
}

extension ManifestSpecification {
    init(_ manifest: Manifest) throws(HoverError) {
        var modules: [ModuleSpecification] = []
        for (index, module) in manifest.modules.enumerated() {
            do throws(HoverError) {
                modules.append(try ModuleSpecification(module))
            } catch {
                var error = error
                error.pointer = "/modules/\(index)"
                throw error
            }
        }
        self.init(
            modules: modules,
            links: manifest.links.map {
                Link(
                    from: EndpointRequest(node: $0.from.node, port: $0.from.port),
                    to: EndpointRequest(node: $0.to.node, port: $0.to.port),
                    hook: $0.hook.flatMap { LinkHook(rawValue: $0) })
            })
    }
}

extension ManifestResult {
    init(_ result: TransactionResult, isDryRun: Bool) {
        self.init(
            revision: result.revision,
            changes: result.changes.map { change in
                Change(
                    action: change.action.rawValue, kind: change.kind.rawValue, name: change.name,
                    id: isDryRun && change.action == .create ? nil : change.id, detail: change.detail)
            })
    }
}

extension DoctorReport {
    init(_ findings: [DoctorFinding]) {
        self.init(
            findings: findings.map {
                Finding(object: $0.object, state: $0.state.rawValue, detail: $0.detail, mended: $0.isMended)
            })
    }
}
