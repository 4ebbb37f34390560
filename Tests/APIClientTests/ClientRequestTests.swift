// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import Testing
import TypedValue

/// What the client sends.
@Suite struct ClientRequestTests {
    private static let module = """
        {"id":"m:1","name":"a","type":"bpf/forward","tags":[],"placements":[],"ports":[],"drops":{},"hooks":["tc"],"packet_ins":0,"copies":0,"config":{},
         "number":1,"warnings":""}
        """
    private static let link = """
        {"id":"l:1","from":{"node":"m:1","port":1},"to":{"node":"i:eth1"},"state":"up"}
        """
    private static let table = """
        {"name":"t","kind":"hash","max_entries":1,"key_size":4,"value_size":4,"per_cpu":false,"map_id":7,
         "key":{"type":"integer","size":4,"signed":false},"value":{"type":"integer","size":4,"signed":false}}
        """
    private static let interface = """
        {"id":"i:eth1.5","name":"eth1.5","index":2,"kind":"","up":true,"mtu":1500,"address":""}
        """
    private static let port = """
        {"number":1,"counters":{"rx_packets":1,"rx_bytes":2,"tx_packets":3,"tx_bytes":18446744073709551615}}
        """

    private static let slowPath = """
        {"rate":1,"burst":2,"snap_length":3,"listeners":0,"held":0,"expired":0,"overflowed":0}
        """

    struct Route: Sendable {
        var method: String
        var path: String
        var answer: String
        var body = ""
        var call: @Sendable (HoverClient) async throws -> Void
    }

    static let routes: [Route] = [
        Route(method: "GET", path: "/v1/modules", answer: "[\(module)]") { _ = try await $0.modules() },
        Route(method: "GET", path: "/v1/modules/m%3A1", answer: module) { _ = try await $0.module("m:1") },
        Route(method: "PATCH", path: "/v1/modules/a", answer: module, body: #"{"name":"b"}"#) {
            _ = try await $0.updateModule("a", ModuleChange(name: "b"))
        },
        Route(method: "PATCH", path: "/v1/modules/a", answer: module, body: #"{"config":{"limit":5}}"#) {
            _ = try await $0.updateModule("a", ModuleChange(config: ["limit": 5]))
        },
        Route(method: "DELETE", path: "/v1/modules/a", answer: "") { try await $0.deleteModule("a") },
        Route(method: "GET", path: "/v1/modules/a/ports", answer: "[\(port)]") {
            let ports = try await $0.ports(of: "a")
            #expect(ports.first?.counters.txBytes == .max)
        },
        Route(method: "POST", path: "/v1/modules/a/ports", answer: port, body: "{}") {
            _ = try await $0.addPort(to: "a")
        },
        Route(method: "GET", path: "/v1/modules/a/tables", answer: "[\(table)]") { _ = try await $0.tables(of: "a") },
        Route(method: "GET", path: "/v1/modules/a/tables/t", answer: table) { _ = try await $0.table("t", of: "a") },
        Route(method: "GET", path: "/v1/modules/a/tables/t/entries?limit=10", answer: #"{"entries":[]}"#) {
            _ = try await $0.entries(of: "t", in: "a", limit: 10)
        },
        Route(
            method: "GET", path: "/v1/modules/a/tables/t/entries?limit=10&after=%7B%22x%22%3A1%7D",
            answer: #"{"entries":[]}"#
        ) {
            _ = try await $0.entries(of: "t", in: "a", after: ["x": 1], limit: 10)
        },
        Route(method: "GET", path: "/v1/modules/a/tables/t/entries/1%2F2", answer: #"{"key":1,"value":2}"#) {
            _ = try await $0.entry("1/2", of: "t", in: "a")
        },
        Route(method: "DELETE", path: "/v1/modules/a/tables/t/entries/%22%22", answer: "") {
            try await $0.deleteEntry("", of: "t", in: "a")
        },
        Route(method: "PUT", path: "/v1/modules/a/tables/t/entries/5", answer: "", body: #"{"value":7}"#) {
            try await $0.setEntry("5", to: 7, of: "t", in: "a")
        },
        Route(method: "GET", path: "/v1/links", answer: "[\(link)]") { _ = try await $0.links() },
        Route(method: "GET", path: "/v1/links/l%3A1", answer: link) { _ = try await $0.link("l:1") },
        Route(method: "DELETE", path: "/v1/links/l%3A1", answer: "") { try await $0.deleteLink("l:1") },
        Route(method: "GET", path: "/v1/interfaces", answer: "[]") { _ = try await $0.interfaces() },
        Route(method: "GET", path: "/v1/interfaces/eth1.5", answer: interface) { _ = try await $0.interface("eth1.5") },
        Route(method: "POST", path: "/v1/modules/a/packets", answer: "", body: "[]") {
            try await $0.sendPackets([], module: "a")
        },
        Route(
            method: "POST", path: "/v1/modules/a/holds/18446744073709551615/release", answer: #"{"released":3}"#,
            body: "{}"
        ) {
            let released = try await $0.release(.max, module: "a")
            #expect(released == 3)
        },
        Route(method: "GET", path: "/v1/modules/a/slow-path", answer: slowPath) { _ = try await $0.slowPath(of: "a") },
        Route(method: "PATCH", path: "/v1/modules/a/slow-path", answer: slowPath, body: #"{"rate":5}"#) {
            _ = try await $0.updateSlowPath(of: "a", SlowPathUpdate(rate: 5))
        },
        Route(method: "GET", path: "/v1/modules/a/packets?rate=5&snap_length=64", answer: "") {
            _ = try await $0.packets(of: "a", limits: SlowPathUpdate(rate: 5, snapLength: 64))
        },
        Route(method: "GET", path: "/v1/types", answer: "[]") { _ = try await $0.types() },
        Route(method: "GET", path: "/v1/topology", answer: #"{"nodes":[],"edges":[]}"#) { _ = try await $0.topology() },
        Route(method: "GET", path: "/v1/version", answer: #"{"version":"1","kernel":"6.18"}"#) {
            let version = try await $0.version()
            #expect(version == Version(version: "1", kernel: "6.18"))
        },
    ]

    @Test(arguments: routes.indices)
    func asksTheRoute(index: Int) async throws {
        let route = Self.routes[index]
        let received = try await withServer(answering: { _ in Answer(body: route.answer) }, route.call)
        #expect(
            received == [
                Received(
                    method: route.method, path: route.path, body: route.body,
                    author: route.method == "GET" ? nil : "me@here", ifMatch: nil)
            ])
    }

    @Test(arguments: [
        ("two words", "/v1/modules/two%20words"), ("a/b", "/v1/modules/a%2Fb"),
        ("größe", "/v1/modules/gr%C3%B6%C3%9Fe"), ("100%?#&", "/v1/modules/100%25%3F%23%26"),
        ("\u{1f980}", "/v1/modules/%F0%9F%A6%80"),
    ])
    func encodesNames(name: String, path: String) async throws {
        let received = try await withServer(answering: { _ in Answer(body: Self.module) }) { client in
            _ = try await client.module(name)
        }
        #expect(received.map(\.path) == [path])
    }

    @Test func sendsPackets() async throws {
        let packet = PacketRequest(port: 1, direction: .out, bytes: "AA==", segmentSize: 1448)
        let received = try await withServer(answering: { _ in Answer(status: 204, body: "") }) { client in
            try await client.sendPackets([packet], module: "a")
        }
        let body = try JSONDecoder().decode(TypedValue.self, from: Data(try #require(received.first?.body).utf8))
        #expect(body == [["port": 1, "direction": "out", "bytes": "AA==", "segment_size": 1448]])
    }

    @Test func sendsAModule() async throws {
        let request = ModuleRequest(
            name: "a/b", type: "bpf/forward", object: "//8=", maxPorts: 2, config: ["x": .unsigned(.max)])
        let received = try await withServer(answering: { _ in Answer(status: 201, body: Self.module) }) { client in
            let module = try await client.createModule(request)
            #expect(module.name == "a")
        }
        let body = try #require(received.first?.body)
        let expected: TypedValue = [
            "name": "a/b", "type": "bpf/forward", "object": "//8=", "max_ports": 2,
            "config": ["x": 18_446_744_073_709_551_615],
        ]
        #expect(try TypedValue(json: body) == expected)
        #expect(!body.contains(#"\/"#), "base64 of a large object would outgrow the server's limit")
    }

    @Test func sendsALink() async throws {
        let received = try await withServer(answering: { _ in Answer(status: 201, body: Self.link) }) { client in
            _ = try await client.createLink(from: LinkEnd(node: "a", port: 1), to: LinkEnd(node: "i:eth1"))
        }
        let expected: TypedValue = ["from": ["node": "a", "port": 1], "to": ["node": "i:eth1"]]
        #expect(try received.map { try TypedValue(json: $0.body) } == [expected])
    }

    @Test func readsAllPages() async throws {
        let received = try await withServer(
            answering: { request in
                request.path.contains("after=2")
                    ? Answer(body: #"{"entries":[{"key":3,"value":1}],"next":null}"#)
                    : Answer(body: #"{"entries":[{"key":1,"value":1},{"key":2,"value":1}],"next":2}"#)
            },
            { client in
                let keys = try await client.allEntries(of: "t", in: "a").map(\.key)
                #expect(keys == [1, 2, 3])
            })
        #expect(received.count == 2)
    }
}
