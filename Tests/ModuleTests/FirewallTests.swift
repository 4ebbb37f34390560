// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// A firewall between two hosts, as its users see it.
@Suite struct FirewallTests {
    /// Two hosts behind a module that carries packets from one to the other, with a firewall around it.
    static func manifest(_ config: String) -> String {
        """
        modules:
          - name: fw
            type: firewall
            tags: [wire]
            config:
        \(config.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))
          - name: wire
            type: bpf/forward
            source: |
              static int handle_rx(void *pkt, struct metadata *md)
              {
              	return pkt_redirect(pkt, md, 3 - md->in_ifc);
              }
        links:
          - {from: wire, to: i:left}
          - {from: wire, to: i:right}
        """
    }

    static func addHosts(_ network: Network) async throws -> (left: TestHost, right: TestHost) {
        let right = try await network.addHost("right", address: "10.0.0.2/24", "fd00::2/64")
        return (try await network.addHost("left", address: "10.0.0.1/24", "fd00::1/64"), right)
    }

    /// What the rules counted, by their ids.
    static func packets(_ client: HoverClient, of module: String = "fw") async throws -> [String: UInt64] {
        try await list("rules", client, of: module).reduce(into: [:]) {
            if case .string(let id)? = $1["id"], case .unsigned(let packets)? = $1["packets"] { $0[id] = packets }
        }
    }

    /// What became of packets, both directions together.
    static func counts(_ client: HoverClient) async throws -> [String: UInt64] {
        try await list("counts", client).reduce(into: [:]) {
            if case .string(let what)? = $1["what"], case .unsigned(let packets)? = $1["packets"] {
                $0[what, default: 0] += packets
            }
        }
    }

    static func list(
        _ key: String, _ client: HoverClient, of module: String = "fw"
    ) async throws -> [[String: TypedValue]] {
        guard case .array(let list)? = try await client.state(of: module)[key] else { return [] }
        return list.compactMap { if case .object(let members) = $0 { members } else { nil } }
    }

    /// What a Python program on a host prints; one that fails prints its error's name.
    static func python(_ host: TestHost, _ body: String) async throws -> String {
        try await host.run(
            "python3", "-c",
            """
            import socket
            try:
            \(body.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
            except OSError as error:
                print(type(error).__name__)
            """
        ).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func change(_ rules: [TypedValue], _ client: HoverClient) async throws {
        _ = try await client.updateModule(
            "fw", ModuleChange(config: ["default": ["ingress": "drop"], "rules": .array(rules)]))
    }

    static let inward = """
        default: {ingress: drop}
        rules:
          - {id: from-left, action: accept, direction: ingress, source: [10.0.0.1, "fd00::1"]}
        """

    @Test func repliesComeInWhereOthersMayNot() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.addHosts(daemon.network)
            try await daemon.apply(Self.manifest(Self.inward))
            for (address, back) in [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")] {
                #expect(try await left.pings(address, count: 3), "\(address) answers")
                #expect(try await !right.pings(back, wait: "0.3"), "\(back) is not reached")
            }
            let counts = try await Self.counts(daemon.client)
            #expect((counts["established"] ?? 0) >= 8)
            #expect(counts["dropped_by_default"] == 2)
            #expect(try await Self.packets(daemon.client) == ["from-left": 2])
            let connections = try await Self.list("connections", daemon.client)
            #expect(connections.count == 2)
            #expect(connections.contains { $0["source"] == "10.0.0.1" && $0["replied"] == true })
        }
    }

    @Test func rejectedPacketsAreAnswered() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await Self.addHosts(daemon.network)
            try await daemon.apply(
                Self.manifest(
                    """
                    rules:
                      - {id: no-web, action: reject, direction: ingress, protocol: tcp, destination_ports: 80}
                      - {id: no-dns, action: reject, direction: ingress, protocol: udp, destination_ports: 53}
                      - {id: dropped, action: drop, direction: ingress, protocol: tcp, destination_ports: 81}
                    """))
            for (family, address) in [("AF_INET", "10.0.0.2"), ("AF_INET6", "fd00::2")] {
                let tcp = try await Self.python(
                    left,
                    """
                    s = socket.socket(socket.\(family), socket.SOCK_STREAM)
                    s.settimeout(5)
                    s.connect(("\(address)", 80))
                    """)
                #expect(tcp == "ConnectionRefusedError", "TCP to \(address)")
                let udp = try await Self.python(
                    left,
                    """
                    s = socket.socket(socket.\(family), socket.SOCK_DGRAM)
                    s.settimeout(5)
                    s.connect(("\(address)", 53))
                    s.send(b"question")
                    s.recv(100)
                    """)
                #expect(udp == "ConnectionRefusedError", "UDP to \(address)")
            }
            let dropped = try await Self.python(
                left,
                """
                s = socket.socket()
                s.settimeout(0.3)
                s.connect(("10.0.0.2", 81))
                """)
            #expect(dropped == "TimeoutError" || dropped == "timeout")
            let counts = try await Self.counts(daemon.client)
            #expect(counts["answers"] == 4)
            #expect(try await Self.packets(daemon.client) == ["no-web": 2, "no-dns": 2, "dropped": 1])
        }
    }

    @Test func aLimitLetsABurstPass() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.addHosts(daemon.network)
            try await left.learn(right, as: "10.0.0.2")
            try await right.learn(left, as: "10.0.0.1")
            try await daemon.apply(
                Self.manifest(
                    """
                    accept_established: false
                    default: {ingress: drop}
                    rules:
                      - {id: answers, action: accept, protocol: icmp, icmp_type: 0}
                      - {id: some, action: accept, direction: ingress, protocol: icmp, limit: {rate: 1, burst: 3}}
                    """))
            _ = try await left.pings("10.0.0.2", count: 10, wait: "0.5")
            let packets = try await Self.packets(daemon.client)
            #expect((3...4).contains(packets["some"] ?? 0))
            #expect((6...7).contains(try await Self.counts(daemon.client)["dropped_by_default"] ?? 0))
        }
    }

    @Test func whatIsLoggedNamesTheRule() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await Self.addHosts(daemon.network)
            try await daemon.apply(
                Self.manifest(
                    """
                    rules:
                      - {id: seen, action: count, direction: ingress, source: 10.0.0.1, log: true}
                      - {id: no-echo, action: drop, direction: ingress, protocol: icmp, log: true}
                    """))
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            try await wait(for: "two lines") {
                let log = try daemon.log
                return log.contains("count ingress: rule seen: protocol 1, 10.0.0.1 port 0 to 10.0.0.2")
                    && log.contains("drop ingress: rule no-echo: protocol 1, 10.0.0.1")
            }
        }
    }

    @Test func countersAndConnectionsStayWhereRulesChange() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.addHosts(daemon.network)
            try await daemon.apply(Self.manifest(Self.inward))
            #expect(try await left.pings("10.0.0.2", count: 2))
            try await Echo.with(from: left, to: right) { connection in
                try await connection.works(0)
                let before = try await Self.packets(daemon.client)
                try await daemon.apply(
                    Self.manifest(
                        """
                        default: {ingress: drop}
                        rules:
                          - {id: first, action: drop, source: 10.9.0.0/16}
                          - {id: from-left, action: accept, direction: ingress, source: 10.0.0.1, protocol: udp}
                        """))
                #expect(try await daemon.client.module("fw").generation == 0, "the programs run on")
                #expect(try await Self.packets(daemon.client) == ["first": 0, "from-left": before["from-left"] ?? 0])
                // The connection of the rule that was; no new one.
                try await connection.works(1)
                #expect(try await !left.pings("10.0.0.2", wait: "0.3"))
            }
            // Rules that are no more have no counters.
            try await daemon.apply(Self.manifest("rules: [{id: other, action: drop, source: 10.9.0.0/16}]"))
            try await wait(for: "the counters to go") { try await Self.countersAreGone(daemon.client) }
            // One that comes back begins anew.
            try await daemon.apply(
                Self.manifest("rules: [{id: from-left, action: accept, direction: ingress, protocol: icmp}]"))
            #expect(try await left.pings("10.0.0.2"))
            let anew = try await Self.packets(daemon.client)
            #expect(anew == ["from-left": 1])
        }
    }

    private static func countersAreGone(_ client: HoverClient) async throws -> Bool {
        let places = try await client.allEntries(of: "frequent_rules", in: "fw")
        return try await client.allEntries(of: "rule_counts", in: "fw").isEmpty && places.allSatisfy { $0.value == 0 }
    }

    @Test func itsSlowPathBeginsAgainAfterAFault() async throws {
        let fault = "the slow path of module fw failed, and begins again"
        try await HoverDaemon.with(expectedWarnings: [fault]) { daemon in
            let (left, _) = try await Self.addHosts(daemon.network)
            try await daemon.apply(Self.manifest(Self.inward))
            #expect(try await left.pings("10.0.0.2"))
            let id = try await daemon.client.module("fw").id.dropFirst("m:".count)
            let pin = "\(daemon.pinFolder)/modules/\(id)/tables/rule_counts"
            try FileManager.default.moveItem(atPath: pin, toPath: pin + "-away")
            try await daemon.apply(Self.manifest("rules: [{id: other, action: drop, source: 10.9.0.0/16}]"))
            try await wait(for: "two faults") { try daemon.log.components(separatedBy: fault).count > 2 }
            try FileManager.default.moveItem(atPath: pin + "-away", toPath: pin)
            try await wait(for: "the counters to go") { try await Self.countersAreGone(daemon.client) }
        }
    }

    @Test func holdsTenThousandRules() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await Self.addHosts(daemon.network)
            try await daemon.apply(Self.manifest(Self.inward))
            #expect(try await left.pings("10.0.0.2"))
            var rules: [TypedValue] = (0..<9_999).map {
                [
                    "id": .string("r\($0)"), "action": "drop", "source": .string("172.16.\($0 >> 8).\($0 & 255)"),
                    "destination": .string("10.0.\($0 % 200).0/24"), "protocol": "tcp",
                    "destination_ports": TypedValue($0),
                ]
            }
            rules.append(["id": "last", "action": "accept", "direction": "ingress", "source": "10.0.0.1"])
            try await Self.change(rules, daemon.client)
            #expect(try await left.pings("10.0.0.2", count: 2))
            guard case .array(let shown)? = try await daemon.client.state(of: "fw", limit: 10_000)["rules"] else {
                Issue.record("no rules")
                return
            }
            #expect(shown.count == 10_000)
            #expect(
                shown.last == ["id": "last", "action": "accept", "direction": "ingress", "packets": 1, "bytes": 98])
            rules[9_999] = ["id": "last", "action": "drop", "direction": "ingress", "source": "10.0.0.1"]
            try await Self.change(rules, daemon.client)
            #expect(try await !left.pings("10.0.0.2", wait: "0.3"))
            try await Self.change([], daemon.client)
            #expect(try await !left.pings("10.0.0.2", wait: "0.3"), "the default drops")
        }
    }

    @Test func goesOnWithoutItsDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right) = try await Self.addHosts(daemons.network)
            try await daemons.apply(Self.manifest(Self.inward))
            #expect(try await left.pings("10.0.0.2", count: 2))
            try await Echo.with(from: left, to: right) { connection in
                try await connection.works(0)
                daemons.kill()
                try await connection.works(1)
                #expect(try await !right.pings("10.0.0.1", wait: "0.3"))
                #expect(try await left.pings("10.0.0.2"))
                try await daemons.start()
                try await connection.works(2)
            }
            #expect((try await Self.packets(daemons.client)["from-left"] ?? 0) >= 3)
            #expect(try await !right.pings("10.0.0.1", wait: "0.3"))
        }
    }
}

/// A TCP connection between two hosts: what the one sends, the other sends back.
private struct Echo {
    /// Where the client is told to send, and says that it came back.
    let folder: String

    private static let server = """
        import socket
        server = socket.create_server(("10.0.0.2", 7000))
        server.settimeout(30)
        peer = server.accept()[0]
        while data := peer.recv(100): peer.sendall(data)
        """

    private static let client = """
        import os, socket, sys, time
        folder = sys.argv[1]
        for attempt in range(500):
            try:
                peer = socket.create_connection(("10.0.0.2", 7000), timeout=5)
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        number = 0
        while not os.path.exists(folder + "/end"):
            if os.path.exists(f"{folder}/ask{number}"):
                peer.sendall(b"hello")
                assert peer.recv(100) == b"hello"
                open(f"{folder}/done{number}", "w").close()
                number += 1
            time.sleep(0.01)
        """

    static func with(from client: TestHost, to host: TestHost, _ body: (Echo) async throws -> Void) async throws {
        let folder = "/tmp/\(client.namespace)-echo"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        async let server = host.run("python3", "-c", Self.server)
        async let peer = client.run("python3", "-c", Self.client, folder)
        let result: Result<Void, any Error>
        do {
            try await body(Echo(folder: folder))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        _ = FileManager.default.createFile(atPath: folder + "/end", contents: nil)
        _ = try? await peer
        _ = try? await server
        try result.get()
    }

    /// Waits until what was sent is back.
    func works(_ number: Int) async throws {
        _ = FileManager.default.createFile(atPath: "\(folder)/ask\(number)", contents: nil)
        try await wait(for: "an echo") { FileManager.default.fileExists(atPath: "\(folder)/done\(number)") }
    }
}
