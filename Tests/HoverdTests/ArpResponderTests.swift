// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing

/// `examples/arp-responder`, as its README uses it.
@Suite struct ArpResponderTests {
    private static let example = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/arp-responder")
    private let module = "arp-responder"

    private func withModule(
        hook: String = "tc", _ body: (HoverDaemon, TestHost, TestHost) async throws -> Void
    ) async throws {
        let source = try String(contentsOf: Self.example.appending(path: "arp-responder.c"), encoding: .utf8)
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            try await daemon.forward(module, source: source)
            try await daemon.link((module, 1), ("i:left", nil), hook: hook)
            try await daemon.link((module, 2), ("i:right", nil), hook: hook)
            try await body(daemon, left, right)
        }
    }

    /// Runs the slow path to its end. Its process id is in the file `slow-path` of the daemon's folder.
    private func runSlowPath(of daemon: HoverDaemon) async throws -> CommandResult {
        let script = Self.example.appending(path: "slow-path.py").path()
        return try await attempt([
            "env", "HOVER_ENDPOINT=\(daemon.socket)", "sh", "-c", "echo $$ >\"$0\"; exec python3 \"$@\"",
            daemon.folder + "/slow-path", script, "--answer", "10.0.0.9=02:00:00:00:00:09",
        ])
    }

    private func waitForListener(of daemon: HoverDaemon) async throws {
        try await wait(for: "the slow path to listen") {
            try await daemon.client.slowPath(of: module).listeners == 1
        }
    }

    /// What arping says of as many questions, the first to all and the others to who answered.
    private func ask(_ host: TestHost, _ address: String, count: Int) async throws -> String {
        try await host.run("arping", "-c", "\(count)", "-w", "10", "-I", "eth0", address)
    }

    @Test(arguments: ["tc", "xdp"]) func theFirstQuestionIsTheSlowPathsTheOthersTheKernels(hook: String) async throws {
        try await withModule(hook: hook) { daemon, left, _ in
            async let result = runSlowPath(of: daemon)
            try await waitForListener(of: daemon)
            let answers = try await ask(left, "10.0.0.9", count: 2)
            #expect(answers.contains("Received 2 response(s)"), "\(answers)")
            #expect(answers.contains("[02:00:00:00:00:09]"), "\(answers)")
            #expect(try await daemon.client.module(module).packetIns == 1)
            let entry = try await daemon.client.entry("10.0.0.9", of: "stations", in: module)
            #expect(entry.value == "02:00:00:00:00:09")
            // What the slow path does not know the other host is asked.
            #expect(try await left.pings("10.0.0.2", wait: "5"))
            try await daemon.client.deleteModule(module)
            let ended = try await result
            #expect(ended.succeeded, "\(ended.errors)")
            #expect(ended.output.contains("port 1: who has 10.0.0.9? 02:00:00:00:00:09\n"))
            #expect(ended.output.contains("port 1: who has 10.0.0.2? not known here\n"))
            #expect(ended.errors.isEmpty, "\(ended.errors)")
        }
    }

    @Test func theKernelAnswersAfterTheSlowPathHasGone() async throws {
        try await withModule { daemon, left, _ in
            async let result = runSlowPath(of: daemon)
            try await waitForListener(of: daemon)
            #expect(try await ask(left, "10.0.0.9", count: 1).contains("Received 1 response(s)"))
            let id = try String(contentsOfFile: daemon.folder + "/slow-path", encoding: .utf8)
            try await shell("kill", "-INT", id.trimmingCharacters(in: .whitespacesAndNewlines))
            let ended = try await result
            #expect(ended.succeeded, "\(ended.errors)")
            #expect(ended.errors.isEmpty, "\(ended.errors)")
            try await wait(for: "hoverd to see that the slow path has gone") {
                try await daemon.client.slowPath(of: module).listeners == 0
            }
            #expect(try await ask(left, "10.0.0.9", count: 1).contains("Received 1 response(s)"))
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            #expect(try await daemon.client.module(module).drops["controller"] ?? 0 > 0)
        }
    }

    @Test func whatIsNoQuestionForTheTableGoesOn() async throws {
        // From the station 02:00:00:00:00:09: its question for its own address, the same in VLAN 1, a reply, a question
        // for something else than an Ethernet address, and one that is cut off.
        let addresses = "ffffffffffff020000000009"
        let parties = "0200000000090a0000090000000000000a000009"
        let frames = [
            "\(addresses)08060001080006040001\(parties)",
            "\(addresses)8100000108060001080006040001\(parties)",
            "\(addresses)08060001080006040002\(parties)",
            "\(addresses)08060006080006040001\(parties)",
            "\(addresses)08060001080006040001\(parties.dropLast(2))",
        ]
        let receive = """
            import socket
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind(("eth0", 3)); s.settimeout(\(10 * patience))
            n = 0
            while n < \(frames.count):
                n += s.recv(100)[6:12] == bytes.fromhex("020000000009")
            print(n)
            """
        try await withModule { daemon, _, right in
            try await daemon.client.setEntry("10.0.0.9", to: "02:00:00:00:00:09", of: "stations", in: module)
            async let received = right.run("python3", "-c", receive)
            try await wait(for: "the receiver's socket") {
                // The first line is a heading (packet(7)).
                try await right.run("cat", "/proc/net/packet").split(separator: "\n").count > 1
            }
            let hoverctl = HoverDaemon.products.appending(path: "hoverctl").path()
            for frame in frames {
                try await shell(
                    hoverctl, "create", "packet", "\(module):1", "in", frame, "--endpoint", daemon.socket)
            }
            #expect(try await received == "\(frames.count)\n")
            #expect(try await daemon.client.module(module).packetIns == 0)
        }
    }
}
