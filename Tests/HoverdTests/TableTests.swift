// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Tables as typed JSON, in both dialects.
@Suite struct TableTests {
    private func withTables(_ body: (HoverDaemon, String) async throws -> Void) async throws {
        try await HoverDaemon.with { daemon in
            let module = try await daemon.client.createModule(
                ModuleRequest(
                    name: "tables", type: "bpf/forward", source: Source.tables, file: "tables.c",
                    config: ["answer": 1]))
            try await body(daemon, module.id)
        }
    }

    @Test func areListedWithTheirTypes() async throws {
        try await withTables { daemon, module in
            let tables = try await daemon.client.tables(of: module)
            #expect(Set(tables.map(\.name)) == ["flows", "sums", "plain", "recent"])
            let flows = try #require(tables.first { $0.name == "flows" })
            #expect(flows.kind == "hash")
            #expect(flows.maxEntries == 4)
            #expect(flows.keySize == 8)
            #expect(flows.valueSize == 24)
            #expect(tables.first { $0.name == "sums" }?.perCPU == true)
            #expect(tables.first { $0.name == "sums" }?.kind == "percpu_array")
            #expect(tables.first { $0.name == "recent" }?.kind == "lru_hash")
        }
    }

    @Test func takeAndGiveTypedEntries() async throws {
        try await withTables { daemon, module in
            let key: TypedValue = ["source": "10.1.2.3", "port": 443, "protocol": 6, "unused": 0]
            let value: TypedValue = ["packets": 7, "flags": 5, "rest": 1000, "name": "web"]
            let client = daemon.client
            try await client.setEntry(TableEntry(key: key, value: value), of: "flows", in: module)
            let entry = try await client.entry(key.description, of: "flows", in: module)
            #expect(entry.key == key)
            #expect(entry.value == value)
            #expect(try await client.allEntries(of: "flows", in: module) == [entry])
            try await client.deleteEntry(key.description, of: "flows", in: module)
            #expect(try await client.allEntries(of: "flows", in: module).isEmpty)
            #expect(
                try await refusal { try await client.deleteEntry(key.description, of: "flows", in: module) }.status
                    == 404)
        }
    }

    @Test func perCPUValuesAreSummed() async throws {
        try await withTables { daemon, module in
            try await daemon.client.setEntry("1", to: 40, of: "sums", in: module)
            let entry = try await daemon.client.entry("1", of: "sums", in: module)
            #expect(entry.value == 40)
            #expect(entry.perCPU?.isEmpty == false)
        }
    }

    @Test func arePagedThrough() async throws {
        try await withTables { daemon, module in
            for number in 0..<25 {
                try await daemon.client.setEntry("\(number)", to: .init(2 * number), of: "plain", in: module)
            }
            var found: [TypedValue] = []
            var page = try await daemon.client.entries(of: "plain", in: module, limit: 10)
            found += page.entries.map(\.key)
            while let next = page.next {
                page = try await daemon.client.entries(of: "plain", in: module, after: next, limit: 10)
                found += page.entries.map(\.key)
            }
            #expect(found.count == 25)
            #expect(Set(found) == Set((0..<25).map { TypedValue($0) }))
        }
    }

    @Test func refuseWhatDoesNotFit() async throws {
        try await withTables { daemon, module in
            let client = daemon.client
            let refused: [(String, TypedValue)] = [
                ("{\"source\":\"10.1.2\",\"port\":1,\"protocol\":6,\"unused\":0}", ["packets": 1]),
                ("not a flow", ["packets": 1]),
                ("{\"source\":\"10.1.2.3\",\"port\":1,\"protocol\":600,\"unused\":0}", ["packets": 1]),
                ("{\"source\":\"10.1.2.3\",\"port\":1,\"protocol\":6,\"unused\":0}", ["packets": "many"]),
                ("{\"source\":\"10.1.2.3\",\"port\":1,\"protocol\":6,\"unused\":0}", 5),
            ]
            for (key, value) in refused {
                let problem = try await refusal { try await client.setEntry(key, to: value, of: "flows", in: module) }
                #expect(problem.status == 400, "\(key) \(value): \(problem)")
            }
            #expect(try await refusal { try await client.setEntry("2", to: 1, of: "sums", in: module) }.status == 400)
            #expect(try await refusal { try await client.deleteEntry("1", of: "sums", in: module) }.status == 400)
            let perCPU = TableEntry(key: 1, value: 0, perCPU: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
            #expect(try await refusal { try await client.setEntry(perCPU, of: "sums", in: module) }.status == 400)
            for number in 0..<4 {
                let key: TypedValue = ["source": "10.0.0.1", "port": .init(number), "protocol": 6, "unused": 0]
                let value: TypedValue = ["packets": 0, "flags": 0, "rest": 0, "name": ""]
                try await client.setEntry(TableEntry(key: key, value: value), of: "flows", in: module)
            }
            let full = try await refusal {
                let key: TypedValue = ["source": "10.0.0.1", "port": 9, "protocol": 6, "unused": 0]
                let value: TypedValue = ["packets": 0, "flags": 0, "rest": 0, "name": ""]
                try await client.setEntry(TableEntry(key: key, value: value), of: "flows", in: module)
            }
            #expect(full.detail.contains("flows"), "\(full)")
        }
    }
}
