// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A provider on a host: the kernel routes, radvd says so, the isc's dhcpd delegates prefixes, and busybox's udhcpd gives
/// IPv4 addresses.
struct Provider {
    let host: TestHost
    private let folder: String
    private var pids: String { "\(folder)/radvd.pid \(folder)/dhcpd.pid \(folder)/udhcpd.pid" }

    /// Runs `body` with a provider at `interface`, 2001:db8:ffff::1, which delegates prefixes of 56 bits.
    ///
    /// - Parameters:
    ///   - folder: for its files; it is there.
    ///   - range: the first and the last prefix.
    static func with(
        on interface: String, in network: Network, folder: String,
        range: String = "2001:db8:100:: 2001:db8:100:ff00::", _ body: (Provider) async throws -> Void
    ) async throws {
        let host = try await network.addHost(interface, address: "2001:db8:ffff::1/64")
        try await host.run("sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
        let provider = Provider(host: host, folder: folder)
        try """
        interface eth0 {
            AdvSendAdvert on;
            MinRtrAdvInterval 3;
            MaxRtrAdvInterval 4;
            AdvDefaultLifetime 600;
        };

        """.write(toFile: folder + "/radvd.conf", atomically: true, encoding: .utf8)
        do {
            // It goes on by itself.
            try await host.run(
                "radvd", "-C", folder + "/radvd.conf", "-p", folder + "/radvd.pid", "-m", "logfile", "-l",
                folder + "/radvd.log")
            try await provider.delegate(range)
            try await body(provider)
        } catch {
            _ = try? await provider.end(provider.pids)
            throw error
        }
        try await provider.end(provider.pids)
    }

    /// Begins to delegate prefixes; a server that did before knows of nothing any more.
    func delegate(_ range: String) async throws {
        if FileManager.default.fileExists(atPath: folder + "/dhcpd.pid") { try await end(folder + "/dhcpd.pid") }
        try """
        authoritative;
        preferred-lifetime 600;
        default-lease-time 900;
        option dhcp-renewal-time 10;
        option dhcp-rebinding-time 20;
        subnet6 2001:db8:ffff::/64 { prefix6 \(range) /56; }

        """.write(toFile: folder + "/dhcpd.conf", atomically: true, encoding: .utf8)
        try "".write(toFile: folder + "/dhcpd.leases", atomically: true, encoding: .utf8)
        try await host.run(
            "dhcpd", "-6", "-q", "-cf", folder + "/dhcpd.conf", "-lf", folder + "/dhcpd.leases", "-pf",
            folder + "/dhcpd.pid", "eth0")
    }

    /// Begins to give IPv4 addresses, of which it is 203.0.113.1.
    func giveAddresses() async throws {
        try await host.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
        try """
        start 203.0.113.100
        end 203.0.113.110
        interface eth0
        lease_file \(folder)/udhcpd.leases
        pidfile \(folder)/udhcpd.pid
        option subnet 255.255.255.0
        option router 203.0.113.1
        option lease 600

        """.write(toFile: folder + "/udhcpd.conf", atomically: true, encoding: .utf8)
        try "".write(toFile: folder + "/udhcpd.leases", atomically: true, encoding: .utf8)
        // It writes its number into the file, and goes on by itself.
        try await host.run("sh", "-c", "busybox udhcpd \(folder)/udhcpd.conf >\(folder)/udhcpd.log 2>&1")
    }

    /// Routes what it delegates, as a provider's DHCP relay does.
    func route(_ prefix: String, to router: String) async throws {
        try await host.run("ip", "-6", "route", "replace", prefix, "via", router, "dev", "eth0")
    }

    /// Ends servers by their files of numbers, and waits until they are gone.
    private func end(_ files: String) async throws {
        try await shell(
            "sh", "-c",
            "for file in \(files); do [ -e $file ] || continue; pid=$(cat $file); kill $pid; "
                + "tail --pid=$pid -f /dev/null; rm -f $file; done")
    }
}
