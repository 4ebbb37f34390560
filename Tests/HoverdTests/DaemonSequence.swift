// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport

extension DaemonSequence {
    @discardableResult
    func forward(_ name: String, source: String = Source.redirect, ports: Int = 2) async throws -> Module {
        try await client.createModule(
            ModuleRequest(name: name, type: "bpf/forward", source: source, file: "\(name).c", ports: ports))
    }

    @discardableResult
    func link(_ from: String, _ port: Int? = nil, to: String, _ other: Int? = nil) async throws -> Link {
        try await client.createLink(from: LinkEnd(node: from, port: port), to: LinkEnd(node: to, port: other))
    }

    /// Two hosts behind one module.
    func oneModule() async throws -> (left: TestHost, right: TestHost) {
        let left = try await network.addHost("left", address: "10.0.0.1/24", "fd00::1/64")
        let right = try await network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
        try await forward("middle")
        try await link("i:left", to: "middle", 1)
        try await link("middle", 2, to: "i:right")
        return (left, right)
    }
}
