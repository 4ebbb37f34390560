// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// What people have running while something is changed: a download, and a call, fifty datagrams a second that are
/// answered each.
struct Streams: Decodable {
    /// Datagrams of the call without an answer.
    var lost: Int
    /// Datagrams that were sent.
    var sent: Int
    /// Bytes of the download.
    var received: Int
    /// Seconds of the download's longest pause.
    var pause: Double

    /// Runs `body` with both between two hosts.
    static func between(
        _ host: TestHost, and server: TestHost, at address: String, while body: () async throws -> Void
    ) async throws -> Streams {
        let end = URL(filePath: "/tmp/\(host.namespace)-end")
        defer { try? FileManager.default.removeItem(at: end) }
        async let _ = server.run("python3", "-c", serving, address)
        try await wait(for: "the server to listen") { try await server.run("ss", "-Hltun").contains(":7002") }
        async let printed = host.run("python3", "-c", using, address, end.path())
        do {
            try await body()
        } catch {
            try Data().write(to: end)
            throw error
        }
        try Data().write(to: end)
        return try JSONDecoder().decode(Streams.self, from: Data(try await printed.utf8))
    }

    private static let serving = """
        import socket, sys, threading, time
        def download():
            server = socket.create_server((sys.argv[1], 7001))
            connection, _ = server.accept()
            while True:
                connection.sendall(bytes(20000))
                time.sleep(0.002)
        call = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        threading.Thread(target=download, daemon=True).start()
        call.bind((sys.argv[1], 7002))
        while True:
            data, sender = call.recvfrom(2000)
            call.sendto(data, sender)
        """

    private static let using = """
        import json, os, socket, struct, sys, threading, time
        address, end = sys.argv[1:]
        answered, pause, received, isOver = set(), 0, 0, False
        def download():
            global pause, received
            connection = socket.create_connection((address, 7001), timeout=20)
            last = time.monotonic()
            while not isOver:
                received += len(connection.recv(65536))
                now = time.monotonic()
                pause, last = max(pause, now - last), now
        call = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        call.connect((address, 7002))
        def listen():
            while True:
                answered.add(struct.unpack("!I", call.recv(2000)[:4])[0])
        for part in download, listen:
            threading.Thread(target=part, daemon=True).start()
        sent = 0
        while not os.path.exists(end):
            call.send(struct.pack("!I", sent) + bytes(156))
            sent += 1
            time.sleep(0.02)
        deadline = time.monotonic() + 5
        while len(answered) < sent and time.monotonic() < deadline:
            time.sleep(0.01)
        isOver = True
        print(json.dumps({"lost": sent - len(answered), "sent": sent, "received": received, "pause": pause}))
        """
}
