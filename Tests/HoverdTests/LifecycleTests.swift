// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import HoverAPI
import TestSupport
import Testing

/// How `hoverd` begins and ends.
@Suite struct LifecycleTests {
    @Test func aSecondOneSaysWhoHoldsTheLock() async throws {
        try await HoverDaemon.with { daemon in
            let same = try await attempt(HoverDaemon.command(in: daemon.network, folder: daemon.folder))
            #expect(!same.succeeded)
            #expect(same.errors.contains("pid \(daemon.processID)"), "\(same.errors)")
            // Another run folder, the same pins.
            let pins = try await attempt(HoverDaemon.command(in: daemon.network, folder: daemon.folder + "/other"))
            #expect(!pins.succeeded)
            #expect(pins.errors.contains("pid \(daemon.processID)"), "\(pins.errors)")
            #expect(try await daemon.client.modules().isEmpty, "the first one still answers")
        }
    }

    @Test func whatTheKernelLacksIsSaidAtTheStart() async throws {
        try await HoverDaemon.with { daemon in
            let lines = try daemon.log.split(separator: "\n").filter { $0.contains(" notice ") }
            #expect(lines.contains { $0.contains("clsact") } == (Feature.tcx.probe() != .supported), "\(lines)")
        }
    }

    @Test func withoutCapabilitiesItSaysWhichAreMissing() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let command = HoverDaemon.command(in: network, folder: folder)
            let words = Array(command.prefix(2)) + ["setpriv", "--reuid", "65534", "--clear-groups"]
            let unprivileged = try await attempt(words + Array(command.dropFirst(2)))
            #expect(!unprivileged.succeeded)
            #expect(unprivileged.errors.contains("CAP_BPF"), "\(unprivileged.errors)")
            #expect(unprivileged.errors.contains("CAP_NET_ADMIN"))
            let bounded = try await attempt(
                Array(command.prefix(2)) + ["setpriv", "--bounding-set", "-bpf", "--inh-caps", "-all"]
                    + Array(command.dropFirst(2)))
            #expect(!bounded.succeeded)
            #expect(bounded.errors.contains("CAP_BPF"), "\(bounded.errors)")
            #expect(!bounded.errors.contains("CAP_NET_ADMIN"), "\(bounded.errors)")
        }
    }

    @Test func pinsMustBeOnABPFFileSystem() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder + "/pins", withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let result = try await attempt(
                HoverDaemon.command(in: network, folder: folder, pinFolder: folder + "/pins"))
            #expect(!result.succeeded)
            #expect(result.errors.contains("mount -t bpf"), "\(result.errors)")
        }
    }

    @Test func mountsTheUsualFileSystemWhenItIsMissing() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let command = HoverDaemon.command(in: network, folder: folder).joined(separator: " ")
            let socket = folder + "/hover.sock"
            // In a mount namespace of its own, without any bpffs; it ends when it has answered once.
            let script = """
                while umount /sys/fs/bpf 2>/dev/null; do :; done
                \(command) 2>\(folder)/log & daemon=$!
                for _ in $(seq \(1000 * patience)); do
                    curl -sf --unix-socket \(socket) http://hover/v1/version >/dev/null && break
                    kill -0 $daemon || break
                    read -rt 0.01 <> <(:) || :
                done
                grep -c ' /sys/fs/bpf ' /proc/self/mounts
                kill $daemon
                wait $daemon
                """
            let result = try await attempt(["unshare", "--mount", "bash", "-c", script])
            let log = try String(contentsOfFile: folder + "/log", encoding: .utf8)
            #expect(result.output.hasPrefix("1\n"), "\(result) \(log)")
        }
    }

    @Test func theSocketIsItsOwnersAlone() async throws {
        try await HoverDaemon.with { daemon in
            let mode = try await shell("stat", "-c", "%a", daemon.socket).trimmingCharacters(in: .newlines)
            #expect(mode == "600")
            let refused = try await attempt([
                "setpriv", "--reuid", "65534", "--clear-groups", "curl", "-s", "--unix-socket", daemon.socket,
                "http://hover/v1/version",
            ])
            #expect(!refused.succeeded)
        }
    }

    @Test func whoFindsItsSocketFindsItsAddressesToo() async throws {
        try await HoverDaemon.with(arguments: ["--listen", "127.0.0.1:5002", "--listen", "[::1]:5002"]) { daemon in
            let lines = try daemon.log.split(separator: "\n").filter { $0.contains("listening on") }
            #expect(lines.count == 3)
            #expect(lines.last?.contains(daemon.socket) == true, "\(lines)")
            for host in ["127.0.0.1", "[::1]"] {
                let answer = try await daemon.network.run("curl", "-sfg", "http://\(host):5002/v1/version")
                #expect(answer.contains("version"))
            }
        }
    }

    @Test func anAddressThatIsTakenIsNamed() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let command = HoverDaemon.command(in: network, folder: folder)
            let holder = """
                import socket, subprocess, sys
                with socket.create_server(("127.0.0.1", 5002)):
                    sys.exit(subprocess.run(sys.argv[1:]).returncode)
                """
            let result = try await attempt(
                ["nsenter", "--net=/run/netns/\(network.namespace)", "python3", "-c", holder] + command
                    + ["--listen", "127.0.0.1:5002"])
            try await shell(command + ["--down"])
            #expect(!result.succeeded)
            #expect(result.errors.contains("cannot listen on 127.0.0.1:5002 (Address already in use)"), "\(result)")
            #expect(!result.errors.contains("hover.sock"), "it never served: \(result.errors)")
        }
    }

    @Test func aSocketOfTooLongAPathIsNamed() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            let deep = folder + "/" + String(repeating: "x", count: 100)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let command = HoverDaemon.command(in: network, folder: deep)
            let result = try await attempt(command)
            try await shell(command + ["--down"])
            #expect(!result.succeeded)
            #expect(result.errors.contains("cannot listen on \(deep)/hover.sock (the path of a Unix socket"))
        }
    }

    @Test func refusesToListenBeyondLoopback() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let result = try await attempt(
                HoverDaemon.command(in: network, folder: folder) + ["--listen", "0.0.0.0:5002"])
            #expect(!result.succeeded)
            #expect(result.errors.contains("0.0.0.0:5002"))
        }
    }
}
