// SPDX-License-Identifier: Apache-2.0

import BPF
import TestSupport

extension Contest.Side {
    /// A program at each of two interfaces that redirects to the host behind the other one, and nothing else.
    static func bare(_ network: Network, _ one: String, _ other: String) -> Contest.Side {
        let attached = Attached()
        return Contest.Side(
            begin: {
                let first = try await network.index(of: one)
                let second = try await network.index(of: other)
                attached.links = try await inNamespace(network.namespace) {
                    [
                        try attach(to: first, redirectingTo: second),
                        try attach(to: second, redirectingTo: first),
                    ]
                }
            },
            end: { attached.links = [] })
    }

    /// The same between a client and a server of two networks, which take each other for neighbours as long as it is their
    /// turn: no work is done on their packets.
    static func bare(
        _ network: Network, from client: (host: TestHost, address: String), to server: (host: TestHost, address: String)
    ) -> Contest.Side {
        let redirects = bare(network, client.host.interface, server.host.interface)
        let ways = [(client.host, server), (server.host, client)]
        return Contest.Side(
            begin: {
                for (host, other) in ways {
                    try await host.run("ip", "route", "add", other.address + "/32", "dev", "eth0")
                    try await host.learn(other.host, as: other.address)
                }
                try await redirects.begin()
            },
            end: {
                try await redirects.end()
                for (host, other) in ways {
                    try await host.run("ip", "route", "delete", other.address + "/32", "dev", "eth0")
                }
            })
    }

    /// The links of one turn, which end when they are let go.
    private final class Attached {
        var links: [BPFLink] = []
    }
}

private func attach(to interface: UInt32, redirectingTo other: UInt32) throws -> BPFLink {
    let program = try loadBare(BareObject.bytes, name: "bare", redirectingTo: other)
    return try BPFLink(tcx: .ingress, interfaceIndex: interface, program: program)
}

extension Network {
    /// The index of an interface in `hoverd`'s namespace.
    fileprivate func index(of interface: String) async throws -> UInt32 {
        let shown = try await ip("-o", "link", "show", "dev", interface)
        guard let number = shown.split(separator: ":").first.flatMap({ UInt32($0) }) else {
            throw CommandFailure(command: ["ip", "link", "show", interface], status: "no index", output: shown)
        }
        return number
    }
}
