// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Synchronization
import Testing

@Suite struct MapPagingTests {
    private static let types: [MapType] = [.hash, .lruHash, .perCPUHash, .lpmTrie]

    private func filled(_ type: MapType, count: UInt32) throws -> (map: BPFMap, keys: [[UInt8]]) {
        let isTrie = type == .lpmTrie
        let map = try BPFMap(
            create: type, name: "paging", keySize: isTrie ? 8 : 4, valueSize: 4, maxEntries: Int(count) * 2,
            flags: isTrie ? 1 : 0)
        let cpus = try possibleCPUCount()
        var keys: [[UInt8]] = []
        for number in 0..<count {
            let key = isTrie ? [UInt8](UInt32(32), number.byteSwapped) : [UInt8](number)
            if type.isPerCPU {
                try map.setPerCPU(Array(repeating: [UInt8](number), count: cpus), for: key)
            } else {
                try map.set([UInt8](number), for: key)
            }
            keys.append(key)
        }
        return (map, keys.sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test(arguments: types)
    func `pages follow on each other in the order of the keys`(type: MapType) throws {
        let (map, keys) = try filled(type, count: 1500)
        var found: [[UInt8]] = []
        while true {
            let page = try map.entries(after: found.last, limit: 400)
            found += page.map(\.key)
            guard page.count == 400 else { break }
        }
        #expect(found == keys)
        #expect(try map.entries(limit: 0) == [])
        #expect(try map.entries(after: keys.last, limit: 5) == [])
    }

    @Test(arguments: types)
    func `a page goes on behind a key that was deleted`(type: MapType) throws {
        let (map, keys) = try filled(type, count: 300)
        let page = try map.entries(limit: 100)
        #expect(page.map(\.key) == Array(keys[..<100]))
        try map.remove(keys[99])
        try map.remove(keys[100])
        #expect(try map.entries(after: keys[99], limit: 100).map(\.key) == Array(keys[101..<201]))
    }

    @Test(arguments: types)
    func `entries that stay are found once while others come and go`(type: MapType) throws {
        let (map, keys) = try filled(type, count: 1000)
        let coming = Set(keys.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
        let staying = keys.filter { !coming.contains($0) }
        let isDone = Mutex(false)
        let cpus = try possibleCPUCount()
        let failures = Mutex<[String]>([])
        let writer = Thread {
            do {
                while !isDone.withLock({ $0 }) {
                    for key in coming {
                        try map.remove(key)
                        let value: [UInt8] = [1, 2, 3, 4]
                        if type.isPerCPU {
                            try map.setPerCPU(Array(repeating: value, count: cpus), for: key)
                        } else {
                            try map.set(value, for: key)
                        }
                    }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
            isDone.withLock { $0 = false }
        }
        writer.start()
        for _ in 0..<10 {
            var found: [[UInt8]] = []
            while true {
                let page = try map.entries(after: found.last, limit: 128)
                found += page.map(\.key)
                guard page.count == 128 else { break }
            }
            #expect(Set(found).count == found.count)
            // An LRU map may push out what it likes.
            if type != .lruHash {
                #expect(Set(staying).subtracting(found).isEmpty)
            }
        }
        isDone.withLock { $0 = true }
        while isDone.withLock({ $0 }) { sched_yield() }
        #expect(failures.withLock { $0 } == [])
    }
}
