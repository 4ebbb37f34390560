// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import TypedValue

/// A private network: a namespace for `hoverd`, and hosts in namespaces of their own, each at the end of a veth.
public struct Network: Sendable {
    /// Unique on this machine.
    public let name: String

    init(name: String) {
        self.name = name
    }

    /// The namespace in which `hoverd` and the near ends of the veths are.
    public var namespace: String { name }

    /// Makes a host: a namespace with an interface `eth0`, whose other end is `interface` in `hoverd`'s namespace.
    ///
    /// - Parameter address: of `eth0`, with the prefix length.
    @discardableResult
    public func addHost(_ interface: String, address: String...) async throws -> TestHost {
        let host = TestHost(namespace: "\(name)-\(interface)", interface: interface)
        try await shell("ip", "netns", "add", host.namespace)
        try await shell(
            "ip", "-n", name, "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        try await shell("ip", "-n", host.namespace, "link", "set", "lo", "up")
        for one in address {
            let words = one.contains(":") ? ["nodad"] : []
            try await shell(["ip", "-n", host.namespace, "address", "add", one, "dev", "eth0"] + words)
        }
        try await shell("ip", "-n", host.namespace, "link", "set", "eth0", "up")
        try await shell("ip", "-n", name, "link", "set", interface, "up")
        return host
    }

    /// Runs `ip` in `hoverd`'s namespace.
    @discardableResult
    public func ip(_ words: String...) async throws -> String {
        try await shell(["ip", "-n", name] + words)
    }

    /// The programs on the interfaces in `hoverd`'s namespace, at tcx or else of clsact filters, by their kernel's names,
    /// but that on Hover's own device.
    public func programs() async throws -> [String] {
        let links = try await ip("-o", "link", "show").split(separator: "\n")
        let names =
            Feature.tcx.probe() == .supported
            ? try await tcxPrograms(of: links.compactMap { UInt32($0.prefix { $0 != ":" }) })
            : try await clsactPrograms(of: links.compactMap { $0.split(separator: " ").dropFirst().first })
        return names.filter { $0 != "hover_dispatch" }
    }

    private func tcxPrograms(of indices: [UInt32]) async throws -> [String] {
        try await inNamespace(name) {
            try indices.flatMap { index in
                try TcxDirection.allCases.flatMap { direction in
                    try BPFLink.programs(tcx: direction, interfaceIndex: index).map {
                        try BPFProgram(id: $0).information.name
                    }
                }
            }
        }
    }

    private func clsactPrograms(of interfaces: [Substring]) async throws -> [String] {
        var names: [String] = []
        for interface in interfaces {
            // As `ip` shows it: `lo:`, `veth@if2:`.
            let device = String(interface.prefix { $0 != ":" && $0 != "@" })
            for direction in TcxDirection.allCases {
                // Without the qdisc it fails. libbpf names a filter after its program: `hover_ingress:[12]`.
                let shown = try await attempt(["tc", "-n", name, "filter", "show", "dev", device, "\(direction)"])
                let words = shown.output.split { $0.isWhitespace }
                names += words.filter { $0.contains(":[") }.map { String($0.prefix { $0 != ":" }) }
            }
        }
        return names
    }

    /// Renames an interface in `hoverd`'s namespace, which stays up meanwhile if the kernel does that (since Linux 6.2).
    ///
    /// - Returns: whether it did.
    @discardableResult
    public func rename(_ interface: String, to name: String) async throws -> Bool {
        let rename = ["ip", "-n", self.name, "link", "set", "dev", interface, "name", name]
        if try await attempt(rename).succeeded {
            return true
        }
        try await ip("link", "set", "dev", interface, "down")
        try await shell(rename)
        try await ip("link", "set", "dev", name, "up")
        return false
    }

    /// Runs a command in `hoverd`'s network namespace, with the mounts of this process.
    @discardableResult
    public func run(_ words: String...) async throws -> String {
        try await shell(["nsenter", "--net=/run/netns/\(name)"] + words)
    }

    /// Runs `body` with a network that is removed afterwards, whatever happens.
    public static func with<Result>(_ body: (Network) async throws -> Result) async throws -> Result {
        let network = Network(name: "hover-" + UUID().uuidString.prefix(8).lowercased())
        try await shell("ip", "netns", "add", network.name)
        do {
            try await network.ip("link", "set", "lo", "up")
            let result = try await body(network)
            try await network.remove()
            return result
        } catch {
            try await network.remove()
            throw error
        }
    }

    private func remove() async throws {
        let names = try await shell("ip", "netns", "list").split(separator: "\n").compactMap {
            $0.split(separator: " ").first.map(String.init)
        }
        for name in names where name == self.name || name.hasPrefix(self.name + "-") {
            try await shell("ip", "netns", "delete", name)
        }
    }
}

/// A host in a private network.
public struct TestHost: Sendable {
    public let namespace: String
    /// The near end of its veth.
    public let interface: String

    public init(namespace: String, interface: String) {
        self.namespace = namespace
        self.interface = interface
    }

    /// Runs a command on the host.
    @discardableResult
    public func run(_ words: String...) async throws -> String {
        try await shell(["nsenter", "--net=/run/netns/\(namespace)"] + words)
    }

    /// Notes the link-layer address behind another host's address, so that no question for it is sent.
    public func learn(_ other: TestHost, as address: String) async throws {
        try await shell(
            "ip", "-n", namespace, "neighbor", "replace", address, "lladdr", "\(try await other.ethernetAddress())",
            "dev", "eth0")
    }

    /// The Ethernet address of `eth0`.
    public func ethernetAddress() async throws -> MACAddress {
        try readEthernetAddress(try await shell("ip", "-n", namespace, "-o", "link", "show", "dev", "eth0"))
    }

    /// Whether an address answers a ping.
    ///
    /// - Parameter seconds: how long to wait; a second times `patience` unless it is said.
    public func pings(_ address: String, count: Int = 1, wait seconds: String = "\(patience)") async throws -> Bool {
        let ping = try await attempt([
            "nsenter", "--net=/run/netns/\(namespace)", "ping", "-q", "-n", "-c", "\(count)", "-i", "0.05", "-W",
            seconds, address,
        ])
        if !ping.succeeded {
            // It asks for the neighbour for 3 s, and the end of that would end the next ping as well.
            try await run("ip", "neigh", "flush", "nud", "incomplete")
        }
        return ping.succeeded
    }
}

extension Network {
    /// The Ethernet address of an interface in `hoverd`'s namespace.
    public func ethernetAddress(of interface: String) async throws -> MACAddress {
        try readEthernetAddress(try await ip("-o", "link", "show", "dev", interface))
    }
}

/// What `ip -o link show` says.
private func readEthernetAddress(_ shown: String) throws -> MACAddress {
    let words = shown.split(separator: " ").map(String.init)
    guard let at = words.firstIndex(of: "link/ether"), at + 1 < words.count, let address = MACAddress(words[at + 1])
    else { throw CommandFailure(command: ["ip", "link", "show"], status: "no address", output: shown) }
    return address
}
