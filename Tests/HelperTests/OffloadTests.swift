// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import HelperReference
import TestSupport
import Testing

/// A program on an interface that ends with its network namespace: by a tcx link or, without tcx, a clsact filter.
private struct Attachment: Sendable {
    private var link: BPFLink?

    init(of program: BPFProgram, to direction: TcxDirection, of index: UInt32) throws {
        if Feature.tcx.probe() == .supported {
            link = try BPFLink(tcx: direction, interfaceIndex: index, program: program)
        } else {
            try ClsactFilter(direction: direction, interfaceIndex: index).attach(program)
        }
    }
}

/// What a connection is made of.
struct Traffic: Sendable, CustomTestStringConvertible {
    let address: String
    let options: [String]

    var testDescription: String { ([address] + options).joined(separator: " ") }
}

private let traffic = ["10.0.0.9", "fd00::9"].flatMap { address in
    [
        Traffic(address: address, options: ["-n", "20000000"]),
        Traffic(address: address, options: ["-R", "-n", "20000000"]),
        Traffic(address: address, options: ["-u", "-b", "20M", "-l", "1201", "-n", "1000000"]),
    ]
}

/// What no test run can set: packets whose checksum is still to be made (CHECKSUM_PARTIAL), and that the kernel is to
/// cut up (GSO). The hosts' stacks send such packets; programs translate them; then they leave by interfaces that offload
/// nothing, so that the kernel completes the checksums, and the other host checks them.
@Suite(.serialized) struct OffloadTests {
    @Test(arguments: traffic)
    func `checksums that are still to be made are right in the end`(traffic: Traffic) async throws {
        let object = try BPFObject(bytes: compileFixture("traffic.c", options: []), name: "traffic")
        try object.load()
        let toServer = try #require(object.programs.first { $0.name == "to_server" }).program
        let fromServer = try #require(object.programs.first { $0.name == "from_server" }).program
        try await Network.with { network in
            let (client, server) = try await route(network)
            let attachments = try await inNamespace(network.namespace) {
                #expect(turn_off_checksum_offload("client") == 0 && turn_off_checksum_offload("server") == 0)
                let index = if_nametoindex("client")
                return [
                    try Attachment(of: toServer, to: .ingress, of: index),
                    try Attachment(of: fromServer, to: .egress, of: index),
                ]
            }
            try await server.run("iperf3", "-s", "-1", "-D", "--idle-timeout", "\(5 * patience)")
            try await wait(for: "iperf3 to listen") { try await server.run("ss", "-Htln").contains(":5201") }
            let command = ["timeout", "\(20 * patience)", "iperf3", "-J", "-c", traffic.address, "-p", "9000"]
            let namespace = ["nsenter", "--net=/run/netns/\(client.namespace)"]
            let report = try await shell(
                namespace + command + ["--connect-timeout", "\(3000 * patience)"] + traffic.options)
            // A busy machine loses some for want of buffers; with wrong checksums none arrives.
            #expect(try arrivedBytes(report) >= 1_000_000 / 10)
            withExtendedLifetime(attachments) {}
        }
    }

    /// Two hosts on networks of their own, and a way between them.
    private func route(_ network: Network) async throws -> (client: TestHost, server: TestHost) {
        let client = try await network.addHost("client", address: "10.0.0.1/24", "fd00::1/64")
        let server = try await network.addHost("server", address: "10.0.1.2/24", "fd01::2/64")
        for (interface, number) in [("client", "0"), ("server", "1")] {
            try await network.ip("address", "add", "10.0.\(number).254/24", "dev", interface)
            try await network.ip("address", "add", "fd0\(number)::fe/64", "dev", interface, "nodad")
        }
        for (host, number) in [(client, "0"), (server, "1")] {
            try await shell("ip", "-n", host.namespace, "route", "add", "default", "via", "10.0.\(number).254")
            try await shell("ip", "-n", host.namespace, "route", "add", "default", "via", "fd0\(number)::fe")
        }
        // The address by which the client knows the server is in its own network.
        let address = "\(try await network.ethernetAddress(of: "client"))"
        for shown in ["10.0.0.9", "fd00::9"] {
            try await shell(
                "ip", "-n", client.namespace, "neighbor", "add", shown, "lladdr", address, "dev", "eth0")
        }
        try await network.run(
            "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        return (client, server)
    }

    /// Bytes that the receiving side counted.
    private func arrivedBytes(_ report: String) throws -> Int {
        let document = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any]
        let end = try #require(document?["end"] as? [String: Any])
        let sum = try #require((end["sum_received"] ?? end["sum"]) as? [String: Any])
        let bytes = try #require(sum["bytes"] as? Int)
        // Of UDP the client's sum is of what was sent.
        let lost = sum["lost_percent"] as? Double ?? 0
        return bytes * Int(100 - lost) / 100
    }
}
