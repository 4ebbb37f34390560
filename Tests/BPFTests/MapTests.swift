// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Testing

@Suite struct MapTests {
    @Test(arguments: [MapType.hash, .lruHash])
    func `entries of a hash come and go`(type: MapType) throws {
        let map = try BPFMap(create: type, name: "entries", keySize: 4, valueSize: 8, maxEntries: 64)
        let key = [UInt8](UInt32(7))
        #expect(try map.value(for: key) == nil)
        #expect(try map.remove(key) == false)
        try map.set([UInt8](UInt64(1)), for: key)
        try map.set([UInt8](UInt64(2)), for: key)
        #expect(try map.value(for: key) == [UInt8](UInt64(2)))
        #expect(try map.entries(limit: 10) == [MapEntry(key: key, values: [[UInt8](UInt64(2))])])
        #expect(try map.remove(key))
        #expect(try map.entries(limit: 10) == [])
    }

    @Test func `a mode says whether the entry must be there`() throws {
        let map = try BPFMap(create: .hash, name: "modes", keySize: 4, valueSize: 4, maxEntries: 1)
        let (key, other, value) = ([UInt8](UInt32(1)), [UInt8](UInt32(2)), [UInt8](UInt32(5)))
        #expect(errorNumber { try map.set(value, for: key, mode: .replace) } == ENOENT)
        try map.set(value, for: key, mode: .create)
        #expect(errorNumber { try map.set(value, for: key, mode: .create) } == EEXIST)
        try map.set(value, for: key, mode: .replace)
        #expect(errorNumber { try map.set(value, for: other) } == E2BIG)
    }

    @Test func `sizes that do not fit are errors that say what fits`() throws {
        let map = try BPFMap(create: .hash, name: "sizes", keySize: 4, valueSize: 8, maxEntries: 1)
        let error = #expect(throws: KernelError.self) { try map.set([1], for: [1, 2, 3, 4]) }
        #expect(
            error?.description == "cannot set an entry of map 'sizes': the value has 1 bytes, the map's values have 8")
        #expect(errorNumber { try map.value(for: [1]) } == EINVAL)
        #expect(errorNumber { try map.remove([]) } == EINVAL)
        #expect(errorNumber { try map.entries(after: [1], limit: 1) } == EINVAL)
        #expect(errorNumber { try map.perCPUValues(for: [1, 2, 3, 4]) } == EINVAL)
        #expect(
            errorNumber { try BPFMap(create: .hash, name: "sizes", keySize: -1, valueSize: 1, maxEntries: 1) } == EINVAL
        )
        #expect(
            errorNumber { try BPFMap(create: .hash, name: "sizes", keySize: 4, valueSize: 4, maxEntries: 0) } == EINVAL)
    }

    @Test func `an array has all its entries`() throws {
        let map = try BPFMap(create: .array, name: "array", keySize: 4, valueSize: 4, maxEntries: 300)
        try map.set([UInt8](UInt32(9)), for: [UInt8](UInt32(258)))
        let first = try map.entries(limit: 258)
        #expect(first.count == 258)
        // By index, not by bytes: 257 is 01 01.
        #expect(first.last?.key == [UInt8](UInt32(257)))
        let rest = try map.entries(after: first.last?.key, limit: 1000)
        #expect(rest.count == 42)
        #expect(rest.first == MapEntry(key: [UInt8](UInt32(258)), values: [[UInt8](UInt32(9))]))
        #expect(try map.entries(after: [255, 255, 255, 255], limit: 1) == [])
        #expect(errorNumber { try map.remove([UInt8](UInt32(0))) } == EINVAL)
        #expect(errorNumber { try map.set([UInt8](UInt32(0)), for: [UInt8](UInt32(300))) } == E2BIG)
    }

    @Test(arguments: [MapType.perCPUHash, .perCPUArray, .lruPerCPUHash])
    func `a per-CPU map has a value for each CPU`(type: MapType) throws {
        let map = try BPFMap(create: type, name: "percpu", keySize: 4, valueSize: 5, maxEntries: 4)
        let cpus = try possibleCPUCount()
        let key = [UInt8](UInt32(1))
        let values = (0..<cpus).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0 + 1), count: 5) }
        try map.setPerCPU(values, for: key)
        #expect(try map.perCPUValues(for: key) == values)
        #expect(try map.entries(limit: 10).first { $0.key == key }?.values == values)
        #expect(errorNumber { try map.setPerCPU(values + values, for: key) } == EINVAL)
        #expect(errorNumber { try map.setPerCPU([], for: key) } == EINVAL)
        #expect(errorNumber { try map.set(values[0], for: key) } == EINVAL)
        #expect(errorNumber { try map.value(for: key) } == EINVAL)
    }

    @Test func `a trie finds the longest prefix`() throws {
        let noPreallocation: UInt32 = 1
        let map = try BPFMap(
            create: .lpmTrie, name: "trie", keySize: 8, valueSize: 4, maxEntries: 16, flags: noPreallocation)
        let prefix = { (length: UInt32, address: [UInt8]) in [UInt8](length) + address }
        let wide = prefix(8, [10, 0, 0, 0])
        let narrow = prefix(24, [10, 1, 2, 0])
        try map.set([UInt8](UInt32(1)), for: wide)
        try map.set([UInt8](UInt32(2)), for: narrow)
        #expect(try map.value(for: prefix(32, [10, 1, 2, 3])) == [UInt8](UInt32(2)))
        #expect(try map.value(for: prefix(32, [10, 9, 9, 9])) == [UInt8](UInt32(1)))
        #expect(try map.value(for: prefix(32, [11, 0, 0, 0])) == nil)
        #expect(try map.entries(limit: 10).map(\.key) == [wide, narrow])
        #expect(try map.entries(after: wide, limit: 10).map(\.key) == [narrow])
        #expect(try map.remove(narrow))
        #expect(try map.remove(narrow) == false)
        #expect(try map.entries(limit: 10).map(\.key) == [wide])
    }

    @Test func `an LRU map makes room for what is new`() throws {
        let map = try BPFMap(create: .lruHash, name: "lru", keySize: 4, valueSize: 4, maxEntries: 128)
        for number in 0..<1000 as Range<UInt32> {
            try map.set([UInt8](number), for: [UInt8](number))
        }
        let entries = try map.entries(limit: 2000)
        #expect(!entries.isEmpty && entries.count <= 128)
        #expect(entries.allSatisfy { $0.values == [$0.key] })
        #expect(entries.contains { $0.key == [UInt8](UInt32(999)) })
    }

    @Test func `a prog array holds programs by number`() throws {
        let program = try loadClassifier(returning: 3)
        let map = try BPFMap(create: .programArray, name: "slots", keySize: 4, valueSize: 4, maxEntries: 8)
        try map.set(program: program, at: 5)
        let id = try program.information.id
        #expect(try map.value(for: [UInt8](UInt32(5))) == [UInt8](id))
        #expect(try map.value(for: [UInt8](UInt32(4))) == nil)
        #expect(try map.entries(limit: 10) == [MapEntry(key: [UInt8](UInt32(5)), values: [[UInt8](id)])])
        try map.set(program: try loadClassifier(returning: 4), at: 5)
        #expect(try map.value(for: [UInt8](UInt32(5))) != [UInt8](id))
        #expect(try map.remove(index: 5))
        #expect(try map.remove(index: 5) == false)
        #expect(errorNumber { try map.set(program: program, at: 8) } == E2BIG)
    }

    @Test func `a frozen map cannot be written`() throws {
        let map = try BPFMap(create: .array, name: "frozen", keySize: 4, valueSize: 4, maxEntries: 1)
        #expect(try !map.isFrozen())
        try map.freeze()
        #expect(errorNumber { try map.set([UInt8](UInt32(1)), for: [UInt8](UInt32(0))) } == EPERM)
        #expect(try BPFMap(id: map.information.id).isFrozen())
    }

    @Test func `a map's information is the kernel's`() throws {
        let map = try BPFMap(create: .lruHash, name: "a_long_name_of_a_map", keySize: 3, valueSize: 5, maxEntries: 77)
        let information = map.information
        #expect(information.type == .lruHash && information.keySize == 3 && information.valueSize == 5)
        #expect(information.maxEntries == 77 && information.name == "a_long_name_of_" && information.btfID == 0)
        #expect(try BPFMap(id: information.id).information == information)
        #expect(errorNumber { try BPFMap(id: .max) } == ENOENT)
    }

    @Test func `kinds of map have the kernel documentation's names`() {
        let names = [MapType.hash, .perCPUHash, .lpmTrie, .programArray, .lruPerCPUHash, .ringBuffer].map(\.name)
        #expect(names == ["hash", "percpu_hash", "lpm_trie", "prog_array", "lru_percpu_hash", "ringbuf"])
        #expect(MapType(rawValue: 9999).name == "type 9999")
    }
}
