// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import HoverAPI
import Testing
import TypedValue

@testable import RESTServer

@Suite struct SchemaTests {
    /// A value of each wire type, with all its optional members.
    private static let samples: [String: [any Encodable & Sendable]] = {
        let counters = PortCounters(rxPackets: 1, rxBytes: 2, txPackets: 3, txBytes: .max)
        let port = HoverAPI.Port(number: 1, peer: "i:eth1", counters: counters)
        let placement = Placement(
            node: "m:1", port: 1, direction: "ingress", at: "first", before: "m:2", after: "m:3")
        let policy = EdgePolicy(policy: "m:2", handler: "egress", tag: "m:1", placement: placement)
        let module = Module(
            id: "m:1", name: "a", type: "bpf/forward", tags: ["b:br0"], placements: [placement], ports: [port],
            drops: ["unlinked": 1],
            config: ["limit": 5], number: 1, warnings: "", xdpObstacle: "no", code: "00")
        let end = LinkEnd(node: "m:1", port: 1)
        let link = Link(id: "l:1", from: end, to: end, state: "pending", detail: "the interface is gone", hook: "tc")
        let interface = Interface(
            id: "i:eth1", name: "eth1", index: 2, kind: "veth", up: true, mtu: 1500, address: "02:00:00:00:00:01",
            bridge: "br0", link: "l:1")
        let node = TopologyNode(id: "i:eth1", name: "eth1", type: "interface")
        let edge = TopologyEdge(
            kind: "link", link: "l:1", from: end, to: end, state: "pending", detail: "the interface is gone",
            forth: [policy], back: [])
        let change = Change(action: "create", kind: "link", name: "a – b", id: "l:1", detail: "pending")
        let revision = Revision(number: 1, time: "2026-01-01T00:00:00Z", author: "a@b", summary: "", current: true)
        let finding = Finding(object: "m:1", state: "missing", detail: "", mended: false)
        let diagnostic = Diagnostic(file: "a.c", line: 1, column: 2, severity: "error", message: "no")
        let entry = TableEntry(key: 1, value: 2, perCPU: [1, 1])
        let names = [TypeShape.EnumerationCase(name: "A", value: -1)]
        let member = TypeShape.Member(
            name: "a", offset: 0, bitOffset: 1, bitSize: 2, shape: .integer(size: 4, signed: false))
        let shapes: [TypeShape] = [
            .integer(size: 4, signed: true), .boolean, .enumeration(size: 4, signed: true, names: names),
            .characters(count: 4), .bytes(count: 4), .formatted(.bigEndian(size: 2)), .formatted(.ipv4),
            .formatted(.ipv6), .formatted(.mac), .formatted(.prefix4), .formatted(.prefix6),
            .array(of: .boolean, count: 2),
            .structure(name: "s", size: 4, isUnion: false, members: [member]),
            .structure(name: "u", size: 4, isUnion: true, members: [member]),
        ]
        return [
            "Module": [module], "Port": [port], "PortCounters": [counters], "Link": [link], "LinkEnd": [end],
            "LinkRequest": [LinkRequest(from: end, to: end, hook: "xdp")], "Interface": [interface],
            "ModuleRequest": [
                ModuleRequest(
                    name: "a", type: "bpf/policy", tags: [], placements: [placement], source: "", file: "", object: "",
                    ports: 1, maxPorts: 2, config: ["a": 1], counters: true)
            ],
            "ModuleChange": [ModuleChange(name: "a", tags: [], placements: [placement], config: ["a": 1])],
            "Placement": [placement],
            "ModuleType": [ModuleType(name: "a", summary: "b", creatable: true, config: ["type": "object"])],
            "Table": [
                Table(
                    name: "t", kind: "hash", maxEntries: 1, keySize: 4, valueSize: 1,
                    key: .integer(size: 4, signed: false), value: .boolean, perCPU: false, mapID: 1)
            ],
            "TableEntry": [entry], "TablePage": [TablePage(entries: [entry], next: 1)],
            "EntryRequest": [EntryRequest(key: 1, value: 2, perCPU: [1])],
            "ValueRequest": [ValueRequest(value: 2, perCPU: [1])],
            "Topology": [Topology(nodes: [node], edges: [edge])], "TopologyNode": [node], "TopologyEdge": [edge],
            "EdgePolicy": [policy],
            "Packet": [
                Packet(
                    time: "2026-01-01T00:00:00.000000000Z", port: 1, reason: 2, metadata: [1, 2, 3], length: 64,
                    captured: 64, segmentSize: 1448, key: .max, missed: 1, bytes: "AAAA")
            ],
            "PacketRequest": [PacketRequest(port: 1, direction: .in, bytes: "AAAA", segmentSize: 1448)],
            "SlowPath": [
                SlowPath(rate: 1, burst: 2, snapLength: 3, listeners: 4, held: 5, expired: 6, overflowed: .max)
            ],
            "SlowPathUpdate": [SlowPathUpdate(rate: 1, burst: 2, snapLength: 64)],
            "Released": [Released(released: 1)],
            "Manifest": [Manifest(modules: [], links: [])],
            "ManifestResult": [ManifestResult(revision: 1, changes: [change])], "Change": [change],
            "Revisions": [Revisions(revisions: [revision])], "Revision": [revision],
            "CodeRequest": [CodeRequest(source: "", file: "a.c", object: "AAAA")],
            "DoctorReport": [DoctorReport(findings: [finding])], "Finding": [finding],
            "Version": [Version(version: "1", kernel: "6")],
            "Problem": [
                Problem(
                    type: "", title: "", status: 400, detail: "", diagnostics: [diagnostic], log: "",
                    pointer: "/modules/0")
            ],
            "Diagnostic": [diagnostic], "TypeShape": shapes, "EnumerationCase": names, "Member": [member],
        ]
    }()

    /// The sample as JSON.
    private func json(_ sample: any Encodable) throws -> TypedValue {
        try JSONDecoder().decode(TypedValue.self, from: JSONEncoder().encode(sample))
    }

    @Test func schemasHaveTheMembersOfTheirTypes() throws {
        #expect(Set(Self.samples.keys) == Set(Components.schemas.keys))
        for (name, samples) in Self.samples {
            guard case .object(let properties)? = Components.schemas[name] else {
                Issue.record("\(name) is no object")
                continue
            }
            let encoded = try samples.map { try #require(try json($0).members) }
            #expect(Set(encoded.flatMap(\.keys)) == Set(properties.map(\.name)), "\(name)")
            for property in properties where property.isRequired {
                #expect(encoded.allSatisfy { $0[property.name] != nil }, "\(name).\(property.name)")
            }
            #expect(properties.allSatisfy { !$0.description.isEmpty })
        }
    }

    @Test func samplesAreWhatTheirSchemasSay() throws {
        for (name, samples) in Self.samples {
            for sample in samples {
                try Schema.reference(name).check(json(sample))
            }
        }
    }

    @Test func optionalMembersCanBeMissing() throws {
        for (name, minimum) in [
            ("ModuleRequest", ["name": "a", "type": "bpf/forward"] as TypedValue), ("ModuleChange", [:]),
            ("Placement", ["node": "m:1"]), ("LinkEnd", ["node": "m:1"]), ("LinkEnd", ["node": "m:1", "port": .null]),
            ("EntryRequest", ["key": 1]),
        ] {
            try Schema.reference(name).check(minimum)
        }
    }

    @Test(arguments: [
        (
            #"{"name":"a","type":"bpf/forward","ports":"two"}"#,
            "ports: expected an integer from 0 to 1000, found a string"
        ),
        (#"{"name":"a","type":"bpf/forward","ports":2000}"#, "ports: expected an integer from 0 to 1000, found 2000"),
        (#"{"name":"a","type":"bpf/forward","ports":-1}"#, "ports: expected an integer from 0 to 1000, found -1"),
        (#"{"name":5,"type":"bpf/forward"}"#, "name: expected a string, found an integer"),
        (#"{"name":null,"type":"bpf/forward"}"#, "name: expected a string, found null"),
        (#"{"type":"bpf/forward"}"#, "name: expected a string, found nothing"),
        (#"{"name":"a","type":"bpf/forward","tags":["a",1]}"#, "tags[1]: expected a string, found an integer"),
        (#"{"name":"a","type":"bpf/forward","tags":{}}"#, "tags: expected an array, found an object"),
        (
            #"{"name":"a","type":"bpf/policy","placements":[{"node":"b","port":1,"direction":"in"}]}"#,
            #"placements[0].direction: expected ingress or egress, found "in""#
        ),
        (
            #"{"name":"a","type":"bpf/policy","placements":[{"node":"b","position":"first"}]}"#,
            "placements[0].position: expected one of the members node, port, direction, at, before, after, found this one"
        ),
        (#"{"name":"a","type":"bpf/forward","counters":1}"#, "counters: expected true or false, found an integer"),
        ("[]", "the body: expected an object, found an array"),
        ("", "the body is empty: expected JSON"),
    ])
    func bodiesThatDoNotFit(body: String, message: String) throws {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(body.utf8)).decode(ModuleRequest.self)
        }
        #expect(error?.kind == .invalid)
        #expect(error?.message == message)
    }

    @Test func unknownMembersAreNamed() throws {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(#"{"name":"a","type":"bpf/forward","prots":1}"#.utf8)).decode(ModuleRequest.self)
        }
        #expect(error?.message.hasPrefix("prots: expected one of the members name, type, tags, ") == true)
    }

    @Test func whereAnEndIsWrong() throws {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(#"{"from":{"node":"a"},"to":{"node":"b","port":"1"}}"#.utf8))
                .decode(LinkRequest.self)
        }
        #expect(error?.message == "to.port: expected an integer from 1 to 1000, found a string")
    }

    @Test(arguments: [#"{"name": "#, "{a}", "{\"name\":\"\u{1}\"}", #"{"name":"a" "b"}"#, "nothing", "[1] 2"])
    func bodiesThatAreNoJSON(body: String) throws {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(body.utf8)).decode(ModuleRequest.self)
        }
        #expect(error?.kind == .invalid)
        #expect(error?.message.hasPrefix("the body is not JSON: ") == true, "\(error?.message ?? "")")
    }

    @Test func numbersWithFractionsAreNamed() throws {
        let error = #expect(throws: HoverError.self) {
            _ = try Call(body: Data(#"{"name":"a","type":"bpf/forward","ports":1.5}"#.utf8)).decode(ModuleRequest.self)
        }
        #expect(error?.message.hasPrefix("ports: expected an integer") == true, "\(error?.message ?? "")")
    }

    /// From PyPI, in the tests' environment or on the path.
    private static let validator: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = [root.path() + "/.venv/bin"] + path.split(separator: ":").map(String.init)
        return folders.map { $0 + "/openapi-spec-validator" }.first(where: FileManager.default.isExecutableFile)
    }()

    @Test(.enabled(if: validator != nil, "openapi-spec-validator is not installed"))
    func theDocumentIsValid() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "openapi-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONEncoder().encode(OpenAPI.document(of: RouteTable.v1, version: "1.2.3")).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.validator))
        process.arguments = [file.path()]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
