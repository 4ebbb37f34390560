// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BPF

/// An object with a bit of everything.
private let everything = """
    #include "fixture.h"
    struct key { __u32 a; __be16 b; };
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, struct key); __type(value, __u64); }
    table SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __uint(key_size, 4);
             __uint(value_size, 4); } slots SEC(".maps");
    const volatile __u32 limit = 5;
    __u64 counter;
    static __noinline int longer(struct __sk_buff *skb) { return skb->len > limit; }
    SEC("tc") int first(struct __sk_buff *skb)
    {
        struct key key = {};
        __u64 *value = bpf_map_lookup_elem(&table, &key);
        if (value)
            ++*value;
        counter++;
        bpf_tail_call(skb, &slots, 1);
        return longer(skb);
    }
    SEC("tc") int second(struct __sk_buff *skb) { return longer(skb) + 1; }
    """

@Suite struct ObjectTests {
    @Test func `an object's programs and maps are known before it is loaded`() throws {
        let object = try BPFObject(bytes: try compile(everything), name: "everything")
        #expect(object.programs.map(\.name) == ["first", "second"])
        #expect(object.programs.map(\.sectionName) == ["tc", "tc"])
        #expect(object.programs.map(\.type) == [.schedulerClassifier, .schedulerClassifier])
        #expect(Set(object.maps.filter { !$0.isInternal }.map(\.name)) == ["table", "slots"])
        let table = try #require(object.maps.first { $0.name == "table" })
        #expect(table.type == .hash && table.keySize == 8 && table.valueSize == 8 && table.maxEntries == 16)
        #expect(table.pinPath == nil)
        #expect(throws: BPFError.self) { try table.map }
    }

    @Test func `sizes, variables and the choice of programs are kept when it is loaded`() throws {
        let object = try BPFObject(bytes: try compile(everything), name: "everything")
        let table = try #require(object.maps.first { $0.name == "table" })
        try table.setMaxEntries(7)
        let rodata = try #require(object.maps.first { $0.isInternal && $0.name.hasSuffix(".rodata") })
        let limit = try #require(try object.types?.variable(named: "limit"))
        var bytes = try #require(rodata.initialValue)
        bytes.replaceSubrange(limit.offset..<limit.offset + 4, with: [UInt8](UInt32(60)))
        try rodata.setInitialValue(bytes)
        try #require(object.programs.first).setAutoload(false)
        try object.load()
        #expect(try table.map.information.maxEntries == 7)
        #expect(throws: BPFError.self) { try object.programs[0].program }
        let packet = [UInt8](repeating: 0, count: 60)
        #expect(try object.programs[1].program.testRun(data: packet).returnValue == 1)
        #expect(try object.programs[1].program.testRun(data: packet + [0]).returnValue == 2)
        #expect(throws: BPFError.self) { try object.load() }
    }

    @Test func `a loaded program and its maps outlive the object`() throws {
        let (program, map) = try load()
        let information = try program.information
        #expect(information.name == "first" && information.type == .schedulerClassifier && information.tag.count == 16)
        #expect(information.mapIDs.contains(map.information.id))
        #expect(information.btfID != 0)
        try map.set([UInt8](UInt64(41)), for: [0, 0, 0, 0, 0, 0, 0, 0])
        _ = try program.testRun(data: [UInt8](repeating: 0, count: 64))
        #expect(try map.value(for: [0, 0, 0, 0, 0, 0, 0, 0]) == [UInt8](UInt64(42)))
        #expect(try BPFProgram(id: information.id).information == information)
    }

    private func load() throws -> (BPFProgram, BPFMap) {
        let object = try BPFObject(bytes: try compile(everything), name: "everything")
        try object.load()
        let map = try #require(object.maps.first { $0.name == "table" })
        return (try #require(object.programs.first).program, try map.map)
    }

    @Test func `a map in place of an object's own must be like it`() throws {
        let bytes = try compile(everything)
        let object = try BPFObject(bytes: bytes, name: "everything")
        let table = try #require(object.maps.first { $0.name == "table" })
        let other = try BPFMap(create: .hash, name: "other", keySize: 8, valueSize: 4, maxEntries: 3)
        let error = #expect(throws: BPFError.self) { try table.reuse(other) }
        #expect("\(String(describing: error))".contains("its values have 4 bytes, not 8"))
        let same = try BPFMap(create: .hash, name: "same", keySize: 8, valueSize: 8, maxEntries: 3)
        try table.reuse(same)
        try object.load()
        #expect(try table.map.information.id == same.information.id)
    }

    @Test func `errors say what is wrong with an object`() {
        let error = #expect(throws: BPFError.self) { try BPFObject(bytes: Array("no object".utf8), name: "text") }
        #expect(error?.description == "object 'text': it is not a well-formed ELF object for eBPF")
        #expect(throws: BPFError.self) { try BPFObject(bytes: [], name: "nothing") }
    }

    @Test func `a truncated object is refused`() throws {
        let bytes = try compile(everything)
        for size in stride(from: 0, to: bytes.count, by: 64) {
            #expect(throws: BPFError.self, "\(size) bytes") {
                try BPFObject(bytes: Array(bytes.prefix(size)), name: "cut")
            }
        }
    }

    @Test func `an object with a wrong byte is opened or refused`() throws {
        let bytes = try compile(everything)
        var refusals = 0
        for offset in stride(from: 0, to: bytes.count, by: 5) {
            var damaged = bytes
            damaged[offset] ^= [0x01, 0x80, 0xff][offset % 3]
            do {
                let object = try BPFObject(bytes: damaged, name: "damaged")
                if let types = try object.types {
                    for id in types.ids { _ = types.shape(of: id) }
                }
                _ = object.programs.map(\.instructions)
            } catch {
                refusals += 1
            }
        }
        #expect(refusals > 0)
    }

    @Test func `an object with wrong types or instructions is loaded or refused`() throws {
        let bytes = try compile(everything)
        let file = try #require(ELFFile(bytes))
        let sections = file.sections.filter {
            [".BTF", ".BTF.ext", "tc", ".text", ".symtab", ".reltc"].contains($0.name)
        }
        #expect(sections.count == 6)
        for section in sections {
            for offset in stride(from: section.offset, to: section.offset + section.size, by: 7) {
                var damaged = bytes
                damaged[offset] ^= [0x01, 0x02, 0x80, 0xff][offset % 4]
                try? BPFObject(bytes: damaged, name: "damaged").load()
            }
        }
    }
}
