// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import RESTServer

/// What can only be seen on a real connection.
@Suite struct ConnectionTests {
    private struct Failure: Error {
        var text: String
    }

    /// Serves on a Unix socket while `body` runs.
    private func withServer(_ body: @Sendable @escaping (String) async throws -> Void) async throws {
        let path = "/tmp/hover-rest-\(getpid())-\(UUID().uuidString.prefix(8)).sock"
        defer { unlink(path) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let application = RESTServer.application(
            address: .unixDomainSocket(path: path), responder: Service.responder, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await application.run()
                throw Failure(text: "the server ended")
            }
            group.addTask {
                let deadline = ContinuousClock.now + .seconds(20)
                while access(path, F_OK) != 0 || mode(of: path) != 0o600 {
                    guard ContinuousClock.now < deadline else { throw Failure(text: "no socket of mode 0600") }
                    await Task.yield()
                }
                try await body(path)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Sends all of `request`, and only then reads to the connection's end.
    private func exchange(_ path: String, _ request: Data) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Self.blockingExchange(path, request) })
            }
        }
    }

    private static func blockingExchange(_ path: String, _ request: Data) throws -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw Failure(text: "connect: \(String(cString: strerror(errno)))") }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try request.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
                let count = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { throw Failure(text: "send: \(String(cString: strerror(errno)))") }
                sent += count
            }
        }
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &part, part.count, 0)
            guard count >= 0 else { throw Failure(text: "recv: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            answer += part[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private func post(_ path: String, size: Int, close: Bool = false) -> Data {
        let head =
            "POST \(path) HTTP/1.1\r\nHost: hover\r\nContent-Length: \(size)\r\n"
            + (close ? "Connection: close\r\n" : "") + "\r\n"
        return Data(head.utf8) + Data(repeating: UInt8(ascii: " "), count: size)
    }

    @Test func aBodyThatIsTooLargeIsAnsweredAndTheConnectionEnds() async throws {
        try await withServer { path in
            for size in [Responder.bodyLimit + 1, 2 * Responder.bodyLimit] {
                let answer = try await exchange(path, post("/v1/modules", size: size))
                #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer.prefix(200))")
                #expect(answer.lowercased().contains("connection: close\r\n"))
                #expect(answer.contains("Content-Type: application/problem+json\r\n"))
                #expect(answer.contains("\"type\":\"urn:hover:problem:too-large\""))
            }
            let legacy = try await exchange(path, post("/modules/", size: 2 * Responder.bodyLimit))
            #expect(legacy.hasPrefix("HTTP/1.1 400 "))
            #expect(legacy.contains("Content-Type: text/plain; charset=utf-8\r\n"))
        }
    }

    @Test func aBodyOfTheLimitIsTaken() async throws {
        try await withServer { path in
            let answer = try await exchange(path, post("/v1/modules", size: Responder.bodyLimit, close: true))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.hasSuffix("\"POST /v1/modules \(Responder.bodyLimit)\""))
        }
    }

    @Test func whoAsksIsToldToGoOnWithTheBody() async throws {
        try await withServer { path in
            var request = String(decoding: post("/v1/modules", size: 3, close: true), as: UTF8.self)
            request.replace("Host: hover", with: "Host: hover\r\nExpect: 100-continue")
            let answer = try await exchange(path, Data(request.utf8))
            #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "\(answer)")
        }
    }

    @Test func aUnixSocketTakesAnyName() async throws {
        try await withServer { path in
            let request = "GET /v1/version HTTP/1.1\r\nHost: %2Frun%2Fhover.sock\r\nOrigin: http://evil.example\r\n"
            let answer = try await exchange(path, Data((request + "Connection: close\r\n\r\n").utf8))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test func overTCPForeignPagesAreRefused() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let application = RESTServer.application(
            address: .hostname("127.0.0.1", port: 0), responder: Service.responder, logger: logger)
        try await application.test(.live) { client in
            #expect(try await client.execute(uri: "/v1/version", method: .get).status == .ok)
            let page = try await client.execute(
                uri: "/modules/", method: .post, headers: [.origin: "http://evil.example"])
            #expect(page.status == .forbidden)
            #expect(page.headers[.accessControlAllowOrigin] == nil)
            let local = try await client.execute(
                uri: "/modules/", method: .get, headers: [.origin: "http://localhost:3000"])
            #expect(local.status == .ok)
        }
    }
}

/// The permissions of a file; 0 when there is none.
private func mode(of path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}
