// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import TypedValue

/// A host without an address, and the DHCP clients that can be run on it.
struct DHCPHost {
    let host: TestHost
    /// Of the clients' files.
    let folder: String

    /// The names of the programs.
    enum Client: String, CaseIterable, Sendable {
        case udhcpc, dhclient, dhcpcd
    }

    /// What all clients run when they have learned something: it sets the address, and notes all that is known.
    private static let script = """
        #!/bin/sh
        case "${reason:-$1}" in
        bound | renew | BOUND | RENEW | REBIND | REBOOT)
            address=${ip:-$new_ip_address}
            # A renewal changes nothing, not even for a moment.
            ip address replace "$address/${mask:-${new_subnet_cidr:-24}}" dev "$interface"
            ;;
        deconfig | RELEASE | EXPIRE | STOP)
            ip address flush dev "$interface" scope global
            ;;
        esac
        env | sort >"$0.env.new"
        mv "$0.env.new" "$0.env"

        """

    /// Runs `body` with hosts, whose clients are ended afterwards, whatever happens.
    ///
    /// - Parameter names: of their interfaces in `hoverd`'s namespace.
    static func with(
        _ network: Network, _ names: [String], body: ([DHCPHost]) async throws -> Void
    ) async throws {
        var hosts: [DHCPHost] = []
        do {
            for name in names {
                hosts.append(try await DHCPHost(network, name))
            }
            try await body(hosts)
        } catch {
            for host in hosts {
                await host.endClients()
            }
            throw error
        }
        for host in hosts {
            await host.endClients()
        }
    }

    private init(_ network: Network, _ interface: String) async throws {
        host = try await network.addHost(interface)
        // In the folder of the test's `hoverd`, which is removed in the end.
        folder = "/tmp/\(network.name)/\(interface)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for client in Client.allCases {
            let path = folder + "/\(client)"
            try Self.script.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        try "".write(toFile: folder + "/empty", atomically: true, encoding: .utf8)
        try "noipv6rs\nnoarp\nnohook resolv.conf\noption domain_name_servers, routers\n"
            .write(toFile: folder + "/dhcpcd.conf", atomically: true, encoding: .utf8)
    }

    /// Runs a client until it has a lease; it goes on then.
    ///
    /// - Returns: whether it got one.
    @discardableResult
    func start(_ client: Client, _ options: String..., isPatient: Bool = true) async throws -> Bool {
        let words =
            switch client {
            case .udhcpc:
                [
                    "udhcpc -i eth0 -n -t \(isPatient ? 5 : 1) -T \(isPatient ? 2 * patience : 1) -A 1",
                    "-p \(folder)/udhcpc.pid -s \(folder)/udhcpc",
                ]
            case .dhclient:
                [
                    "timeout \(isPatient ? 20 * patience : 3) dhclient -4 -1 -v -cf \(folder)/empty",
                    "-lf \(folder)/dhclient.leases -pf \(folder)/dhclient.pid -sf \(folder)/dhclient eth0",
                ]
            case .dhcpcd:
                [
                    "unshare --mount sh -c 'mount -t tmpfs tmpfs /var/lib/dhcpcd && mount -t tmpfs tmpfs /run &&",
                    "exec dhcpcd -4 -1 -t \(20 * patience) -f \(folder)/dhcpcd.conf -c \(folder)/dhcpcd eth0'",
                ]
            }
        let command = (words + options).joined(separator: " ") + " >\(folder)/\(client).log 2>&1"
        return try await attempt(["nsenter", "--net=/run/netns/\(host.namespace)", "sh", "-c", command]).succeeded
    }

    /// What a client has said.
    func log(_ client: Client) -> String {
        (try? String(contentsOfFile: "\(folder)/\(client).log", encoding: .utf8)) ?? ""
    }

    /// What a client has told its script last.
    func learned(by client: Client) -> String {
        (try? String(contentsOfFile: "\(folder)/\(client).env", encoding: .utf8)) ?? ""
    }

    /// Sends a signal to a client that goes on.
    func signal(_ name: String, _ client: Client = .udhcpc) async throws {
        try await shell("sh", "-c", "kill -\(name) $(cat \(folder)/\(client).pid)")
    }

    private func endClients() async {
        for client in Client.allCases {
            _ = try? await attempt(["sh", "-c", "kill $(cat \(folder)/\(client).pid) 2>/dev/null"])
        }
    }

    /// Its IPv4 addresses.
    var addresses: [String] {
        get async throws {
            try await host.run("ip", "-4", "-o", "address", "show", "dev", "eth0").split(separator: "\n").compactMap {
                $0.split(separator: " ").dropFirst(3).first.map(String.init)
            }
        }
    }
}

/// What `hoverctl get module` shows of a server.
struct DHCPShown {
    private let state: [String: TypedValue]

    init(_ state: [String: TypedValue]) {
        self.state = state
    }

    func count(_ name: String) -> UInt64 { number(in: "counts", name) }

    func refused(_ name: String) -> UInt64 { number(in: "refused", name) }

    private func number(in object: String, _ name: String) -> UInt64 {
        guard case .object(let numbers)? = state[object], case .unsigned(let number)? = numbers[name] else { return 0 }
        return number
    }

    /// Addresses and states of the leases.
    var leases: [String] {
        objects("leases").map { "\(Self.text($0, "address")) \(Self.text($0, "state"))" }
    }

    func lease(_ address: String) -> [String: TypedValue]? {
        objects("leases").first { Self.text($0, "address") == address }
    }

    /// How many addresses of each pool are used, and how many there are.
    var pools: [String] {
        objects("pools").map { "\($0["used"] ?? .null) of \($0["size"] ?? .null)" }
    }

    private func objects(_ key: String) -> [[String: TypedValue]] {
        guard case .array(let values)? = state[key] else { return [] }
        return values.compactMap { value in
            guard case .object(let object) = value else { return nil }
            return object
        }
    }

    private static func text(_ object: [String: TypedValue], _ key: String) -> String {
        guard case .string(let text)? = object[key] else { return "" }
        return text
    }
}
