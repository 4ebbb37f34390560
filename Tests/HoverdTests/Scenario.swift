// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing

extension HoverDaemon {
    /// Uploads a forward module with two ports.
    @discardableResult
    func forward(_ name: String, source: String = Source.redirect) async throws -> Module {
        try await client.createModule(
            ModuleRequest(name: name, type: "bpf/forward", source: source, file: "\(name).c", ports: 2))
    }

    /// Uploads a policy.
    @discardableResult
    func policy(
        _ name: String, source: String, tags: [String] = [], placements: [Placement] = []
    ) async throws -> Module {
        try await client.createModule(
            ModuleRequest(
                name: name, type: "bpf/policy", tags: tags, placements: placements, source: source, file: "\(name).c"))
    }

    @discardableResult
    func link(_ from: (String, Int?), _ to: (String, Int?), hook: String? = nil) async throws -> Link {
        try await client.createLink(
            from: LinkEnd(node: from.0, port: from.1), to: LinkEnd(node: to.0, port: to.1), hook: hook)
    }

    /// Two hosts, `left` and `right`, behind one module.
    func oneModule() async throws -> (left: TestHost, right: TestHost, module: Module) {
        let left = try await network.addHost("left", address: "10.0.0.1/24", "fd00::1/64")
        let right = try await network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
        let module = try await forward("middle")
        try await link(("i:left", nil), (module.id, 1))
        try await link((module.id, 2), ("i:right", nil))
        return (left, right, module)
    }
}

/// What `hoverd` says of a request that it refuses.
func refusal(_ body: () async throws -> some Any) async throws -> Problem {
    do {
        _ = try await body()
    } catch let problem as Problem {
        return problem
    }
    throw DaemonFailure(reason: "the request was not refused", log: "")
}
