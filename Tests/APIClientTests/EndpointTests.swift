// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import APIClient
import HoverAPI

@Suite struct EndpointTests {
    @Test(arguments: [
        ("/run/hover/hover.sock", Endpoint.unixSocket(path: "/run/hover/hover.sock")),
        ("./hover.sock", .unixSocket(path: "./hover.sock")),
        ("unix:/tmp/a b", .unixSocket(path: "/tmp/a b")),
        ("http://127.0.0.1:5002", .tcp(host: "127.0.0.1", port: 5002)),
        ("http://localhost:5002/", .tcp(host: "localhost", port: 5002)),
        ("http://[::1]:5002", .tcp(host: "[::1]", port: 5002)),
    ])
    func reads(text: String, expected: Endpoint) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint == expected)
        #expect(try Endpoint("\(endpoint)") == expected)
    }

    @Test(arguments: [
        "", "hover.sock", "https://localhost:5002", "http://localhost", "http://localhost:0", "http://localhost:65536",
        "http://:80", "http://localhost:80/v1", "ftp://x/y", "/" + String(repeating: "x", count: 107),
    ])
    func refuses(text: String) {
        #expect(throws: ClientError.invalidEndpoint(text)) { try Endpoint(text) }
        #expect("\(ClientError.invalidEndpoint(text))".contains("'\(text)'"))
    }

    @Test func encodesAllButUnreservedCharacters() {
        #expect(percentEncoded("aZ09-._~") == "aZ09-._~")
        #expect(percentEncoded("a b/c?d%é") == "a%20b%2Fc%3Fd%25%C3%A9")
    }
}
