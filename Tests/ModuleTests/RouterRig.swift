// SPDX-License-Identifier: Apache-2.0

import APIClient
import BPF
import Foundation
import HoverAPI
import TestSupport
import TypedValue

/// Hosts behind the ports of a router, which is their gateway.
struct RouterRig {
    let network: Network
    let client: HoverClient
    let pinFolder: String
    let left: TestHost
    let right: TestHost

    /// Two hosts of both families: `left` is 10.0.1.2 and 2001:db8:1::2, `right` 10.0.2.2 and 2001:db8:2::2.
    static func manifest(_ more: String = "", interface: String = "") -> String {
        """
        modules:
          - name: r
            type: router
            config:
              interfaces:
                - {name: left, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]\(interface)}
                - {name: right, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
        \(more)
        links:
          - {from: r, to: i:left}
          - {from: r, to: i:right}
        """
    }

    /// Makes the two hosts.
    static func addHosts(_ network: Network) async throws -> (left: TestHost, right: TestHost) {
        let left = try await network.addHost("left", address: "10.0.1.2/24", "2001:db8:1::2/64")
        let right = try await network.addHost("right", address: "10.0.2.2/24", "2001:db8:2::2/64")
        try await left.addGateways("10.0.1.1", "2001:db8:1::1")
        try await right.addGateways("10.0.2.1", "2001:db8:2::1")
        return (left, right)
    }

    /// Runs `body` with the hosts and a router between them.
    ///
    /// - Parameters:
    ///   - more: lines of the router's configuration.
    ///   - interface: more keys of the interface `left`.
    static func with(
        _ more: String = "", interface: String = "", expectedWarnings: [String] = [],
        _ body: (RouterRig) async throws -> Void
    ) async throws {
        try await HoverDaemon.with(expectedWarnings: expectedWarnings) { daemon in
            let (left, right) = try await addHosts(daemon.network)
            try await daemon.apply(manifest(more, interface: interface))
            try await body(
                RouterRig(
                    network: daemon.network, client: daemon.client, pinFolder: daemon.pinFolder, left: left,
                    right: right))
        }
    }

    /// The router's state.
    func state() async throws -> [String: TypedValue] { try await client.state(of: "r", limit: 1000) }

    /// A list of the state.
    func list(_ name: String) async throws -> [[String: TypedValue]] {
        guard case .array(let rows)? = try await state()[name] else { return [] }
        return rows.compactMap { row in
            guard case .object(let members) = row else { return nil }
            return members
        }
    }

    /// How many packets ended for each reason.
    func drops() async throws -> [String: UInt64] {
        guard case .object(let drops)? = try await state()["drops"] else { return [:] }
        return drops.compactMapValues { value in
            guard case .unsigned(let count) = value else { return nil }
            return count
        }
    }

    /// The state of a neighbour; nil when it is not known.
    func neighbour(_ address: String) async throws -> String? {
        try await list("neighbours").first { $0["address"] == .string(address) }.flatMap { row in
            guard case .string(let state)? = row["state"] else { return nil }
            return state
        }
    }

    /// The Ethernet address of a port.
    func mac(port: Int) async throws -> MACAddress? {
        let row = try await list("interfaces").first { $0["port"] == TypedValue(port) }
        guard case .string(let text)? = row?["mac"] else { return nil }
        return MACAddress(text)
    }

    /// What becomes of a frame that comes in by a port, without a device.
    func receive(_ frame: [UInt8], port: Int = 1) async throws -> TestRun {
        let id = try await client.module("r").id.dropFirst(2)
        return try BPFProgram(pinned: "\(pinFolder)/modules/\(id)/ports/\(port)").testRun(data: frame)
    }
}

extension TestHost {
    /// Routes everything by gateways.
    func addGateways(_ addresses: String...) async throws {
        for address in addresses {
            try await shell(
                "ip", "-n", namespace, address.contains(":") ? "-6" : "-4", "route", "replace", "default", "via",
                address)
        }
    }

    /// Runs a command on the host, whatever comes of it.
    func attempts(_ words: String...) async throws -> CommandResult {
        try await attempt(["nsenter", "--net=/run/netns/\(namespace)"] + words)
    }
}
