// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModuleKit
import TestSupport
import Testing
import TypedValue

/// The client engine with another one's server: busybox's.
@Suite struct DHCPClientServerTests {
    /// A client on a host's interface. Its clock is the test's.
    private struct Station {
        let socket: FrameSocket
        let mac: MACAddress
        var client: DHCPClient
        var now = 0
        /// Of the server, when it has been heard.
        var server = MACAddress.broadcast

        init(_ host: TestHost) async throws {
            socket = try await FrameSocket.open(on: host)
            mac = try await host.ethernetAddress()
            client = DHCPClient(.init(mac: mac, hostname: "gateway"), random: SystemRandomNumberGenerator())
        }

        /// Does what the client wants, and gives it the answers, until it is in a state.
        mutating func perform(
            _ actions: [DHCPClient.Action], until state: DHCPClient.State
        ) async throws -> [DHCPClient.Action] {
            var all = actions
            try send(actions)
            var impatience = ContinuousClock.now + .seconds(1)
            try await wait(for: "the client to be \(state), it is \(client.state)") {
                while let bytes = socket.receive() {
                    guard let frame = EthernetFrame(bytes: bytes), let datagram = DHCPDatagram(frame),
                        datagram.ports.destination == DHCPMessage.clientPort
                    else { continue }
                    server = frame.source
                    let next = client.receive(try DHCPMessage(datagram.payload), now: now)
                    try send(next)
                    all += next
                }
                if client.state != state, ContinuousClock.now > impatience, let deadline = client.deadline {
                    // The server may not listen yet: the client asks again.
                    impatience = .now + .seconds(1)
                    now = deadline
                    try send(client.advance(to: now))
                }
                return client.state == state
            }
            return all
        }

        private func send(_ actions: [DHCPClient.Action]) throws {
            for case .send(let message, let source, let destination) in actions {
                let datagram = DHCPDatagram(
                    stations: (mac, destination == .broadcast4 ? .broadcast : server), source: source,
                    destination: destination, ports: (DHCPMessage.clientPort, DHCPMessage.serverPort),
                    payload: message.bytes())
                try socket.send(datagram.frame.bytes)
            }
        }
    }

    /// Runs `body` with a host at whose other end is busybox's server.
    private func withServer(_ body: (TestHost) async throws -> Void) async throws {
        try await Network.with { network in
            let host = try await network.addHost("one")
            try await network.ip("address", "add", "10.9.0.1/24", "dev", "one")
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try """
            start 10.9.0.50
            end 10.9.0.60
            interface one
            lease_file \(folder)/leases
            pidfile \(folder)/pid
            option subnet 255.255.255.0
            option router 10.9.0.1
            option dns 10.9.0.2 10.9.0.3
            option domain home.example
            option lease 3600

            """.write(toFile: folder + "/conf", atomically: true, encoding: .utf8)
            try "".write(toFile: folder + "/leases", atomically: true, encoding: .utf8)
            // It writes its number into the file, and goes on by itself.
            try await network.run("sh", "-c", "busybox udhcpd \(folder)/conf >\(folder)/log 2>&1")
            do {
                try await body(host)
            } catch {
                _ = try await attempt(["sh", "-c", "kill $(cat \(folder)/pid)"])
                throw error
            }
            try await shell("sh", "-c", "kill $(cat \(folder)/pid)")
        }
    }

    @Test func getsRenewsAndReturnsALease() async throws {
        try await withServer { host in
            var station = try await Station(host)
            let start = station.client.start(remembering: nil, now: 0, isImmediate: true)
            let actions = try await station.perform(start, until: .bound)
            let lease = try #require(station.client.lease)
            #expect(actions.last == .bind(lease))
            #expect((50...60).contains(lease.address.address.bytes[3]))
            #expect(lease.address.length == 24)
            #expect(lease.routers.map(\.description) == ["10.9.0.1"])
            #expect(lease.dns.map(\.description) == ["10.9.0.2", "10.9.0.3"])
            #expect(lease.domain == "home.example")
            #expect(lease.duration == 3600)

            station.now = try #require(station.client.deadline)
            let renewal = station.client.advance(to: station.now)
            #expect(station.client.state == .renewing)
            let renewed = try await station.perform(renewal, until: .bound)
            guard case .extend(let longer)? = renewed.last else {
                Issue.record("\(renewed)")
                return
            }
            #expect(longer.end == station.now + 3_600_000)

            // As after a restart.
            var again = try await Station(host)
            let reboot = again.client.start(remembering: longer, now: station.now)
            again.now = station.now
            #expect(again.client.state == .rebooting)
            _ = try await again.perform(reboot, until: .bound)
            #expect(again.client.lease?.address == lease.address)
            _ = try await again.perform(again.client.release(now: again.now), until: .stopped)
        }
    }

    @Test func anAddressOfAnotherNetworkIsRefusedAndReplaced() async throws {
        try await withServer { host in
            var station = try await Station(host)
            let start = station.client.start(remembering: nil, now: 0, isImmediate: true)
            _ = try await station.perform(start, until: .bound)
            var old = try #require(station.client.lease)
            old.address = try #require(IPPrefix("10.8.0.50/24"))
            let reboot = station.client.start(remembering: old, now: 0)
            _ = try await station.perform(reboot, until: .initial)
            station.now = try #require(station.client.deadline)
            _ = try await station.perform(station.client.advance(to: station.now), until: .bound)
            #expect(station.client.lease?.address.description.hasPrefix("10.9.0.") == true)
        }
    }
}
