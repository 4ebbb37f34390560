// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

/// `nat` and `onetoonenat` in a running Hover, between hosts that know each other's Ethernet addresses: what a router
/// behind port 1 would see to.
@Suite struct NATEndToEndTests {
    /// A host inside, with two addresses, and one outside, which forwards to a network behind it. Everything that is not
    /// theirs is sent to the other.
    static func addHosts(_ network: Network) async throws -> (inside: TestHost, outside: TestHost) {
        let inside = try await network.addHost("lan", address: "10.0.0.2/24", "10.0.0.3/24", "fd01:203:405:1::2/64")
        let outside = try await network.addHost("wan", address: "198.51.100.7/24", "2001:db8:ff::7/64")
        for (host, other, gateways) in [
            (inside, outside, ["10.0.0.1", "fd01:203:405:1::1"]),
            (outside, inside, ["198.51.100.1", "2001:db8:ff::1"]),
        ] {
            for gateway in gateways {
                try await host.learn(other, as: gateway)
                try await shell("ip", "-n", host.namespace, "route", "add", "default", "via", gateway)
            }
            try await host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0")
        }
        try await outside.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")
        try await outside.run("ip", "link", "add", "far", "mtu", "1000", "type", "veth", "peer", "name", "farther")
        try await outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "far")
        try await outside.run("ip", "link", "set", "far", "up")
        try await outside.run("ip", "link", "set", "farther", "up")
        return (inside, outside)
    }

    static func manifest(_ config: String, type: String = "nat", hook: String = "tc") -> String {
        """
        modules:
          - {name: nat, type: \(type), config: \(config)}
        links:
          - {from: "nat:1", to: "i:lan", hook: \(hook)}
          - {from: "nat:2", to: "i:wan", hook: \(hook)}
        """
    }

    private func with(
        _ config: String, type: String = "nat", hook: String = "tc",
        _ body: (HoverDaemon, TestHost, TestHost) async throws -> Void
    ) async throws {
        try await HoverDaemon.with { daemon in
            let (inside, outside) = try await Self.addHosts(daemon.network)
            try await daemon.apply(Self.manifest(config, type: type, hook: hook))
            try await body(daemon, inside, outside)
        }
    }

    /// A server that answers each connection, or datagram, with whom it sees, so many times.
    private static func server(_ kind: String, port: Int, address: String = "", count: Int = 1) -> String {
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_\(kind == "tcp" ? "STREAM" : "DGRAM"))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("\(address)", \(port)))
        s.settimeout(20)
        \(kind == "tcp" ? "s.listen(64)" : "")
        for _ in range(\(count)):
            \(kind == "tcp" ? "c, a = s.accept(); c.sendall(repr(a).encode()); c.close()" : "d, a = s.recvfrom(2048); s.sendto(repr(a).encode(), a)")
        """
    }

    /// A client that prints what it gets, and tries again until somebody listens.
    private static func client(
        _ kind: String, to address: String, _ port: Int, from source: String = "", _ sourcePort: Int = 0
    ) -> String {
        """
        import socket, time
        for _ in range(200):
            s = socket.socket(socket.AF_INET, socket.SOCK_\(kind == "tcp" ? "STREAM" : "DGRAM"))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("\(source)", \(sourcePort)))
            s.settimeout(1)
            try:
                s.connect(("\(address)", \(port)))
                s.send(b"x")
                print(s.recv(100).decode())
                break
            except OSError:
                time.sleep(0.05)
        """
    }

    @Test("pings, TCP, UDP and errors come through", arguments: ["tc", "xdp"])
    func everyday(hook: String) async throws {
        try await with("{public_ip: 192.0.2.1}", hook: hook) { daemon, inside, outside in
            #expect(try await inside.pings("198.51.100.7", count: 3))
            for kind in ["tcp", "udp"] {
                async let served = outside.run("python3", "-c", Self.server(kind, port: 7000))
                let seen = try await inside.run(
                    "python3", "-c", Self.client(kind, to: "198.51.100.7", 7000, from: "10.0.0.2", 4321))
                #expect(seen == "('192.0.2.1', 4321)\n")
                _ = try await served
            }
            // As traceroute does: the time to live ends at the router outside.
            let expired = try await attempt([
                "nsenter", "--net=/run/netns/\(inside.namespace)", "ping", "-n", "-c", "1", "-W", "2", "-t", "1",
                "203.0.113.1",
            ])
            #expect(expired.output.contains("From 198.51.100.7") || expired.output.contains("from 203.0.113.1"))
            let nowhere = try await attempt([
                "nsenter", "--net=/run/netns/\(inside.namespace)", "ping", "-n", "-c", "1", "-W", "2", "-t", "1",
                "203.0.113.99",
            ])
            #expect(nowhere.output.contains("Time to live exceeded"), "\(nowhere.output)")
            let large = try await attempt([
                "nsenter", "--net=/run/netns/\(inside.namespace)", "ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s",
                "1200",
                "203.0.113.99",
            ])
            #expect(large.output.contains("mtu = 1000") || large.errors.contains("mtu"), "\(large.output)")
            // In fragments, there and back.
            #expect(
                try await attempt([
                    "nsenter", "--net=/run/netns/\(inside.namespace)", "ping", "-q", "-n", "-c", "2", "-i", "0.1", "-W",
                    "2",
                    "-s", "4000", "198.51.100.7",
                ]).succeeded)
            let state = try await daemon.client.state(of: "nat")
            guard case .array(let sessions)? = state["sessions"], case .object(let drops)? = state["drops"] else {
                Issue.record("no sessions in \(state)")
                return
            }
            #expect(
                sessions.contains { session in
                    guard case .object(let session) = session else { return false }
                    return session["source"] == "10.0.0.2:4321" && session["translated_source"] == "192.0.2.1:4321"
                        && session["protocol"] == "tcp"
                })
            #expect(drops["no_public_address"] == 0)
        }
    }

    @Test("bulk TCP, with segmentation offload and without", arguments: ["tc", "xdp"])
    func bulk(hook: String) async throws {
        try await with("{public_ip: 192.0.2.1}", hook: hook) { _, inside, outside in
            async let server = outside.run("timeout", "20", "iperf3", "-s", "-1")
            try await wait(for: "iperf3 to listen") {
                try await outside.run("ss", "-Hltn").contains(":5201")
            }
            let result = try await inside.run("iperf3", "-c", "198.51.100.7", "-n", "100M", "-P", "4", "-J")
            #expect(result.contains("\"sum_received\""))
            _ = try await server
        }
    }

    @Test("forwarded ports are reached from outside, and from inside by the public address")
    func forwards() async throws {
        let config =
            "{public_ip: 192.0.2.1, forwards: [{protocol: tcp, external_port: 8080, internal_ip: 10.0.0.3, internal_port: 80}]}"
        try await with(config) { _, inside, outside in
            async let served = inside.run("python3", "-c", Self.server("tcp", port: 80, address: "10.0.0.3", count: 2))
            #expect(
                try await outside.run(
                    "python3", "-c", Self.client("tcp", to: "192.0.2.1", 8080, from: "198.51.100.7", 4000))
                    == "('198.51.100.7', 4000)\n")
            #expect(
                try await inside.run("python3", "-c", Self.client("tcp", to: "192.0.2.1", 8080, from: "10.0.0.2", 4001))
                    == "('192.0.2.1', 4001)\n")
            _ = try await served
        }
    }

    @Test("FTP in passive mode needs nothing")
    func passiveFTP() async throws {
        let server = """
            import socket
            control = socket.create_server(("198.51.100.7", 2121)); control.settimeout(20)
            c, _ = control.accept(); f = c.makefile("r")
            say = lambda text: c.sendall((text + "\\r\\n").encode())
            say("220 ready")
            data = None
            for line in f:
                word = line.split()[0].upper()
                if word == "USER": say("230 in")
                elif word == "EPSV": data = socket.create_server(("198.51.100.7", 2222)); say("229 (|||2222|)")
                elif word == "RETR":
                    say("150 here"); d, _ = data.accept(); d.sendall(b"the file\\n"); d.close(); say("226 done")
                elif word == "QUIT": say("221 bye"); break
                elif word == "SIZE": say("213 9")
                else: say("200 well")
            """
        try await with("{public_ip: 192.0.2.1}") { _, inside, outside in
            async let served = outside.run("timeout", "20", "python3", "-c", server)
            try await wait(for: "the server to listen") { try await outside.run("ss", "-Hltn").contains(":2121") }
            #expect(try await inside.run("curl", "-s", "-m", "10", "ftp://198.51.100.7:2121/file") == "the file\n")
            _ = try await served
        }
    }

    @Test("ten thousand flows at once have ten thousand public ports")
    func manyFlows() async throws {
        let receive = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
            s.bind(("198.51.100.7", 7000)); s.settimeout(60)
            ends = {}
            try:
                while len(ends) < 10000:
                    d, a = s.recvfrom(100)
                    assert ends.setdefault(a, d) == d, (a, d)
                    s.sendto(d, a)
            except TimeoutError: pass
            print(len(ends), len(set(ends.values())))
            """
        // Two clients with the same ports.
        let send = """
            import resource, socket, time
            resource.setrlimit(resource.RLIMIT_NOFILE, (12000, 12000))
            sockets = []
            for port in range(20000, 25000):
                for host in ("10.0.0.2", "10.0.0.3"):
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((host, port)); s.settimeout(60)
                    s.connect(("198.51.100.7", 7000)); s.send(("%s %d" % (host, port)).encode()); sockets.append(s)
                if port % 50 == 0: time.sleep(0.002)
            print(sum(s.recv(100) == ("%s %d" % s.getsockname()).encode() for s in sockets))
            """
        try await with("{public_ip: 192.0.2.1}") { daemon, inside, outside in
            async let received = outside.run("python3", "-c", receive)
            try await wait(for: "the server to listen") { try await outside.run("ss", "-Hlun").contains(":7000") }
            #expect(try await inside.run("python3", "-c", send) == "10000\n", "each got its own answer")
            #expect(try await received == "10000 10000\n")
            let state = try await daemon.client.state(of: "nat", limit: 10)
            guard case .object(let counts)? = state["session_counts"] else { return }
            #expect(counts["now"] == 10_000)
        }
    }

    @Test("sessions live on without hoverd, and over another configuration")
    func survives() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (inside, _) = try await Self.addHosts(daemons.network)
            try await daemons.apply(Self.manifest("{public_ip: 192.0.2.1}"))
            let lost = try await Pinging.losses(from: inside, to: "198.51.100.7") {
                daemons.kill()
                #expect(try await inside.pings("198.51.100.7", count: 2), "a new session without hoverd")
                try await daemons.start()
                try await daemons.apply(
                    Self.manifest("{public_ip: 192.0.2.1, mapping: address-and-port-dependent, timeouts: {icmp: 90}}"))
                // Another program, and the same sessions.
                try await daemons.apply(Self.manifest("{public_ip: 192.0.2.1, unmatched: drop}"))
            }
            #expect(lost.isEmpty)
            let module = try await daemons.client.module("nat")
            #expect(module.generation == 0, "settings change in place")
        }
    }

    @Test("an operator sets the public address, sees the sessions, and ends one")
    func operation() async throws {
        try await with("{}") { daemon, inside, outside in
            #expect(try await !inside.pings("198.51.100.7"))
            let set = try await daemon.hoverctl("table", "set", "nat", "public_address", "0", "192.0.2.1")
            #expect(set.succeeded, "\(set.errors)")
            #expect(try await inside.pings("198.51.100.7"))
            let shown = try await daemon.hoverctl("get", "module", "nat")
            #expect(shown.output.contains("10.0.0.2"), "\(shown.output)")
            let entries = try await daemon.client.allEntries(of: "sessions", in: "nat")
            let entry = try #require(entries.first)
            let deleted = try await daemon.hoverctl("table", "delete", "nat", "sessions", entry.key.description)
            #expect(deleted.succeeded, "\(deleted.errors)")
            // The sessions of both pings; one of them loses its other half within a second or two.
            try await wait(for: "the session to be counted as removed") {
                guard case .object(let counts)? = try await daemon.client.state(of: "nat")["session_counts"] else {
                    return false
                }
                return counts["removed"] == 1
            }
        }
    }

    @Test("one address for another, and one prefix for another", arguments: ["tc", "xdp"])
    func oneToOne(hook: String) async throws {
        let config =
            "{nat_entries: [{internal_ip: 10.0.0.2, external_ip: 192.0.2.2}], prefixes: [{internal: \"fd01:203:405::/48\", external: \"2001:db8:1::/48\"}]}"
        try await with(config, type: "onetoonenat", hook: hook) { _, inside, outside in
            #expect(try await inside.pings("198.51.100.7", count: 2))
            #expect(try await outside.pings("192.0.2.2", count: 2), "from outside as well")
            async let served = outside.run("python3", "-c", Self.server("tcp", port: 7000))
            let seen = try await inside.run(
                "python3", "-c", Self.client("tcp", to: "198.51.100.7", 7000, from: "10.0.0.2", 4321))
            #expect(seen == "('192.0.2.2', 4321)\n")
            _ = try await served
            #expect(try await inside.pings("2001:db8:ff::7", count: 2))
            #expect(try await outside.pings("2001:db8:1:d550::2", count: 2))
        }
    }
}
