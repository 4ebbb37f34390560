// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import Testing
import TypedValue

@testable import Controller
@testable import RESTServer

@Suite struct EntryTests {
    private static let counter = TypeShape.structure(
        name: "counter", size: 24, isUnion: false,
        members: [
            .init(name: "packets", offset: 0, shape: .integer(size: 8, signed: false)),
            .init(name: "balance", offset: 8, shape: .integer(size: 4, signed: true)),
            .init(name: "address", offset: 12, shape: .formatted(.ipv4)),
            .init(name: "sizes", offset: 16, shape: .array(of: .integer(size: 4, signed: false), count: 2)),
        ])

    private func table(perCPU: Bool) -> TableState {
        TableState(
            name: "t", kind: "hash", maxEntries: 8, key: .integer(size: 2, signed: false), value: Self.counter,
            isPerCPU: perCPU, mapID: 1)
    }

    private func value(_ packets: UInt64, _ balance: Int) -> TypedValue {
        [
            "packets": .unsigned(packets), "balance": TypedValue(balance), "address": "10.0.0.1",
            "sizes": [TypedValue(packets & 0xff), 1],
        ]
    }

    @Test func perCPUNumbersAreSummedMemberByMember() throws {
        let values = [value(3, -5), value(4, 2), value(0, 0)]
        let bytes = try values.map { try Self.counter.encode($0) }
        let entry = try table(perCPU: true).entry(RawEntry(key: [7, 0], values: bytes))
        #expect(entry.key == 7)
        #expect(entry.value == ["packets": 7, "balance": -3, "address": "10.0.0.1", "sizes": [7, 3]])
        #expect(entry.perCPU == values)
    }

    @Test func sumsRunOverAsCountersDo() {
        let shape = TypeShape.integer(size: 8, signed: false)
        #expect(shape.sum(of: [.unsigned(.max), 3]) == 2)
        #expect(shape.sum(of: [.unsigned(.max)]) == .unsigned(.max))
    }

    @Test func aPlainEntryHasItsValue() throws {
        let bytes = try Self.counter.encode(value(3, -5))
        let entry = try table(perCPU: false).entry(RawEntry(key: [7, 0], values: [bytes]))
        #expect(entry == TableEntry(key: 7, value: value(3, -5)))
    }

    @Test func valuesToSet() throws {
        let one = try Self.counter.encode(value(1, 1))
        #expect(try table(perCPU: false).valueBytes(value(1, 1), perCPU: nil) == [one])
        #expect(try table(perCPU: true).valueBytes(value(1, 1), perCPU: nil) == [one])
        #expect(try table(perCPU: true).valueBytes(5, perCPU: [value(1, 1), value(1, 1)]) == [one, one])
    }

    @Test func valuesThatCannotBeSet() {
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: HoverError.self, performing: body)?.message
        }
        let (plain, perCPU) = (table(perCPU: false), table(perCPU: true))
        #expect(message { _ = try plain.valueBytes(nil, perCPU: nil) } == "value: expected a value, found nothing")
        #expect(message { _ = try plain.valueBytes(nil, perCPU: []) }?.hasPrefix("per_cpu: table t has one ") == true)
        #expect(message { _ = try plain.valueBytes(5, perCPU: nil) }?.hasPrefix("value: expected ") == true)
        #expect(
            message { _ = try perCPU.valueBytes(nil, perCPU: [value(1, 1), ["packets": 1]]) }?
                .hasPrefix("per_cpu[1].balance: expected ") == true)
        #expect(message { _ = try plain.keyBytes(70000) }?.hasPrefix("key: expected ") == true)
        #expect(message { _ = try plain.keyBytes("x", as: "after") }?.hasPrefix("after: expected ") == true)
    }

    @Test func keysAsPeopleWriteThem() throws {
        #expect(try table(perCPU: false).keyBytes("0x5", as: "key") == [5, 0])
        #expect(try table(perCPU: false).keyBytes("258", as: "key") == [2, 1])
    }

    @Test func requestsForModules() throws {
        let object = try ModuleSpecification(ModuleRequest(name: "a", type: "bpf/policy", object: "AQI="))
        #expect(object.code == .object([1, 2]))
        #expect(object.kind == .policy)
        #expect(object.maxPorts == nil)
        #expect(object.counters)
        let source = try ModuleSpecification(
            ModuleRequest(name: "a", type: "bpf/forward", source: "int x;", file: "x.c", ports: 2, counters: false))
        #expect(source.code == .source("int x;", file: "x.c"))
        #expect(source.ports == 2)
        #expect(!source.counters)
        for wrong in [
            ModuleRequest(name: "a", type: "bpf/forward"),
            ModuleRequest(name: "a", type: "bpf/forward", source: "", object: ""),
            ModuleRequest(name: "a", type: "bpf/forward", object: "%%%"),
            ModuleRequest(name: "a", type: "bpf/x", source: ""),
        ] {
            #expect(throws: HoverError.self) { try ModuleSpecification(wrong) }
        }
    }
}
