// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Programs that people use, from home through switch, router, firewall and NAT to a server behind a provider's router.
/// The last link is of 1,280 bytes.
@Suite struct GatewayClientTests {
    private static let manifest = """
        modules:
          - {name: lan, type: switch}
          - name: gw
            type: router
            config:
              interfaces:
                - {name: lan, addresses: [192.168.1.1/24, "2001:db8:1::1/64"]}
                - {name: nat, addresses: [203.0.113.2/24, "2001:db8:2::2/64"]}
              routes:
                - {prefix: 0.0.0.0/0, via: 203.0.113.1}
                - {prefix: "::/0", via: "2001:db8:2::1"}
          - {name: nat, type: nat}
          - name: wall
            type: firewall
            placements: [{node: gw, port: 2, direction: ingress}, {node: gw, port: 2, direction: egress}]
            config: {default: {ingress: drop, egress: accept}}
        links:
          - {from: lan, to: gw}
          - {from: gw, to: nat}
        external_interfaces:
          - {module: lan, iface: home}
          - {module: nat, iface: wan}
        """

    private static let server4 = "198.51.100.7"
    private static let server6 = "2001:db8:3::7"

    /// Home, provider and server: `home` and `wan` are the ends of the first two in `hoverd`'s namespace.
    private func with(_ body: (_ home: TestHost, _ server: TestHost) async throws -> Void) async throws {
        try await HoverDaemon.with { daemon in
            let network = daemon.network
            let home = try await network.addHost("home", address: "192.168.1.10/24", "2001:db8:1::10/64")
            let provider = try await network.addHost("wan", address: "203.0.113.1/24", "2001:db8:2::1/64")
            let server = try await network.addHost("server")
            try await home.run("ip", "route", "add", "default", "via", "192.168.1.1")
            try await home.run("ip", "-6", "route", "add", "default", "via", "2001:db8:1::1")
            for setting in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
                try await provider.run("sysctl", "-qw", setting)
            }
            try await provider.run("ip", "-6", "route", "add", "2001:db8:1::/64", "via", "2001:db8:2::2")
            try await provider.run(
                "ip", "link", "add", "far", "mtu", "1280", "type", "veth", "peer", "name", "far", "netns",
                server.namespace)
            for (host, number) in [(provider, "1"), (server, "7")] {
                try await host.run("ip", "link", "set", "far", "mtu", "1280", "up")
                try await host.run("ip", "address", "add", "198.51.100.\(number)/24", "dev", "far")
                try await host.run("ip", "address", "add", "2001:db8:3::\(number)/64", "dev", "far", "nodad")
            }
            try await server.run("ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.1")
            try await server.run("ip", "-6", "route", "add", "2001:db8::/32", "via", "2001:db8:3::1")
            try await daemon.apply(Self.manifest)
            for address in [Self.server4, Self.server6] {
                try await TestSupport.wait(for: "the way to the server", atMost: .seconds(15)) {
                    try await home.pings(address)
                }
            }
            try await body(home, server)
        }
    }

    @Test func traceroutesShowTheWay() async throws {
        try await with { home, _ in
            for (address, hops) in [
                (Self.server4, ["192.168.1.1", "203.0.113.1", Self.server4]),
                (Self.server6, ["2001:db8:1::1", "2001:db8:2::1", Self.server6]),
            ] {
                for method in ["--udp", "--icmp", "--tcp"] {
                    let shown = try await home.run("traceroute", "-n", "-q", "1", "-w", "2", method, address)
                    let found = shown.split(separator: "\n").dropFirst().map { line in
                        line.split(separator: " ").dropFirst().first.map(String.init) ?? "?"
                    }
                    #expect(found == hops, "\(method): \(shown)")
                }
            }
        }
    }

    @Test func pagesAreFetchedPlainAndEncrypted() async throws {
        let folder = URL(filePath: "/tmp/hover-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let page = Data((0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
        try page.write(to: folder.appending(path: "page"))
        try await shell(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=server.test", "-addext", "subjectAltName=DNS:server.test", "-keyout",
            folder.path() + "/key", "-out", folder.path() + "/certificate")
        let serve = """
            import http.server, os, socket, ssl, sys, threading
            class Server(http.server.ThreadingHTTPServer):
                address_family = socket.AF_INET6
            class Handler(http.server.SimpleHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
            os.chdir(sys.argv[1])
            plain, encrypted = Server(("::", 80), Handler), Server(("::", 443), Handler)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("certificate", "key")
            encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True)
            threading.Thread(target=plain.serve_forever, daemon=True).start()
            encrypted.serve_forever()
            """
        try await with { home, server in
            async let _ = server.run("python3", "-c", serve, folder.path())
            try await TestSupport.wait(for: "the server to listen") {
                try await server.run("ss", "-Hltn").contains(":443")
            }
            for address in [Self.server4, "[\(Self.server6)]"] {
                for (scheme, port) in [("http", 80), ("https", 443)] {
                    let fetched = folder.appending(path: "fetched")
                    try await home.run(
                        "curl", "--silent", "--show-error", "--fail", "--http1.1", "--max-time", "20", "--cacert",
                        folder.path() + "/certificate", "--connect-to", "server.test:\(port):\(address):\(port)",
                        "--output", fetched.path(), "\(scheme)://server.test/page")
                    #expect(try Data(contentsOf: fetched) == page, "\(scheme) over \(address)")
                }
            }
        }
    }

    @Test func streamsPassBothWays() async throws {
        try await with { home, server in
            async let _ = server.run("iperf3", "-s")
            try await TestSupport.wait(for: "iperf3 to listen") {
                try await server.run("ss", "-Hltn").contains(":5201")
            }
            for address in [Self.server4, Self.server6] {
                for direction in [[], ["-R"]] {
                    for kind in [["-n", "4000000"], ["-u", "-b", "10M", "-l", "1200", "-t", "1"]] {
                        let words = ["iperf3", "-J", "-c", address] + kind + direction
                        let answer = try await shell(["nsenter", "--net=/run/netns/\(home.namespace)"] + words)
                        let report = try JSONDecoder().decode(Transfer.self, from: Data(answer.utf8))
                        #expect(report.end.received > 1_000_000, "\(words)")
                        #expect(report.end.sum?.lost_packets ?? 0 == 0, "\(words)")
                    }
                }
            }
        }
    }

    /// Both ends learn what the small link lets through: the sender at home from the provider's router, past NAT and
    /// firewall.
    @Test func smallLinksAreFoundOut() async throws {
        try await with { home, server in
            for (address, family, size) in [(Self.server4, "-4", "1252"), (Self.server6, "-6", "1232")] {
                let tooBig = try await attempt([
                    "nsenter", "--net=/run/netns/\(home.namespace)", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2",
                    "-M", "do", "-s", "1400", address,
                ])
                #expect(!tooBig.succeeded)
                let route = try await home.run("ip", family, "route", "get", address)
                #expect(route.contains("mtu 1280"), "\(route) \(tooBig.output)")
                try await home.run(
                    "ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", size, address)
            }
        }
    }
}

/// What is read of iperf3's JSON.
private struct Transfer: Decodable {
    struct End: Decodable {
        struct Sum: Decodable {
            let bytes: Double
            let lost_packets: Int?
        }
        let sum: Sum?
        let sum_received: Sum?

        var received: Double { sum_received?.bytes ?? sum?.bytes ?? 0 }
    }
    let end: End
}
