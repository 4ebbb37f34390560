// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// An entry of a map.
public struct MapEntry: Sendable, Hashable {
    /// The key's bytes.
    public let key: [UInt8]
    /// The value's bytes; in a per-CPU map one value per possible CPU.
    public let values: [[UInt8]]

    public init(key: [UInt8], values: [[UInt8]]) {
        self.key = key
        self.values = values
    }
}

extension BPFMap {
    /// A page of the map's entries: up to `limit` with keys greater than `after`, in the order of the keys. An array's
    /// keys are ordered as indices, all others as strings of bytes.
    ///
    /// It ends although others insert and delete meanwhile, and gives no key twice, in one page or in pages that
    /// follow on each other's last key, even when that key was deleted. An entry that is there all the time is found;
    /// in a trie that changes fast, one may rarely be left out (see `walk`).
    /// A page of a hash or trie costs a walk over all of it, for the kernel cannot begin behind a key that is gone.
    public func entries(after: [UInt8]? = nil, limit: Int) throws(KernelError) -> [MapEntry] {
        if let after { try checkKey(after, "read the entries") }
        guard limit > 0 else { return [] }
        if information.type.isArray {
            return try arrayEntries(after: after, limit: limit)
        }
        var page = Page(after: after, limit: limit)
        let hashes: [MapType] = [.hash, .lruHash, .perCPUHash, .lruPerCPUHash]
        let isRead = try hashes.contains(information.type) ? readBatches(into: &page) : false
        if !isRead {
            try walk(into: &page)
        }
        return page.entries()
    }

    private func arrayEntries(after: [UInt8]?, limit: Int) throws(KernelError) -> [MapEntry] {
        let last = after.map { key in key.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        let first = last.map { $0 + 1 } ?? 0
        var entries: [MapEntry] = []
        var index = first
        while index < information.maxEntries, entries.count < limit {
            let key = [UInt8](littleEndian: UInt32(truncatingIfNeeded: index))
            index += 1
            // Slots of arrays of objects may be empty.
            if let values = try values(for: key) {
                entries.append(MapEntry(key: key, values: values))
            }
        }
        return entries
    }

    private func values(for key: [UInt8]) throws(KernelError) -> [[UInt8]]? {
        information.type.isPerCPU ? try perCPUValues(for: key) : try value(for: key).map { [$0] }
    }

    private func walk(into page: inout Page) throws(KernelError) {
        var met: Set<[UInt8]> = []
        // Over a trie the kernel leaves out a branch whose parent changes at that moment (kernel/bpf/lpm_trie.c,
        // trie_get_next_key). A second walk finds it, unless that happens to it again.
        for _ in 0..<(information.type == .lpmTrie ? 2 : 1) {
            try walk(into: &page, met: &met)
        }
    }

    /// Walks from key to key. When a key is deleted under the walk, the kernel begins anew: then keys that were met are
    /// passed over. A map in which that happens again and again is given up on, so that the walk ends.
    private func walk(into page: inout Page, met: inout Set<[UInt8]>) throws(KernelError) {
        var steps = 0
        var key: [UInt8]? = nil
        while let next = try nextKey(after: key) {
            steps += 1
            guard steps <= 16 * (met.count + 64) else {
                throw KernelError(
                    operation: "read the entries of map", object: information.name, errno: EAGAIN,
                    reason: "its entries come and go too fast", remedy: "try again")
            }
            key = next
            guard met.insert(next).inserted, page.wants(next), let values = try values(for: next) else { continue }
            page.insert(MapEntry(key: next, values: values))
        }
    }

    private func nextKey(after key: [UInt8]?) throws(KernelError) -> [UInt8]? {
        var next = [UInt8](repeating: 0, count: information.keySize)
        let result =
            key.map { bpf_map_get_next_key(descriptor.number, $0, &next) }
            ?? bpf_map_get_next_key(descriptor.number, nil, &next)
        guard result != 0 else { return next }
        guard errno == ENOENT else { throw failure("read the entries", errno) }
        return nil
    }

    /// Reads a hash bucket by bucket, which ends whatever others do; false where the kernel cannot (before 5.6).
    private func readBatches(into page: inout Page) throws(KernelError) -> Bool {
        let keySize = information.keySize
        let valueSize = try entryValueSize
        var capacity = 256
        // The kernel's cursor is four bytes for a hash (kernel/bpf/hashtab.c, __htab_map_lookup_and_delete_batch).
        var cursor = [UInt8](repeating: 0, count: max(keySize, 4))
        var isFirst = true
        while true {
            var keys = [UInt8](repeating: 0, count: capacity * keySize)
            var values = [UInt8](repeating: 0, count: capacity * valueSize)
            var count = UInt32(capacity)
            var next = cursor
            let result =
                isFirst
                ? bpf_map_lookup_batch(descriptor.number, nil, &next, &keys, &values, &count, nil)
                : bpf_map_lookup_batch(descriptor.number, &cursor, &next, &keys, &values, &count, nil)
            let number = result == 0 ? 0 : errno
            switch number {
            case 0, ENOENT:
                for index in 0..<Int(count) {
                    let key = Array(keys[index * keySize..<(index + 1) * keySize])
                    guard page.wants(key) else { continue }
                    let value = values[index * valueSize..<(index + 1) * valueSize]
                    let perCPU = information.type.isPerCPU
                    page.insert(MapEntry(key: key, values: perCPU ? splitPerCPU(value) : [Array(value)]))
                }
                if number == ENOENT { return true }
                cursor = next
                isFirst = false
            case ENOSPC where capacity <= information.maxEntries:
                // A bucket has more entries than fit.
                capacity *= 4
            case EINVAL where isFirst, kernelNotSupported where isFirst:
                return false
            default:
                throw failure("read the entries", number)
            }
        }
    }
}

/// The entries with the smallest keys after a given one, out of all that are inserted in any order.
struct Page {
    let after: [UInt8]?
    let limit: Int
    private var kept: [MapEntry] = []
    /// The greatest key of a full page: greater ones need not be inserted.
    private var bound: [UInt8]?

    init(after: [UInt8]?, limit: Int) {
        self.after = after
        self.limit = limit
    }

    func wants(_ key: [UInt8]) -> Bool {
        if let after, !after.lexicographicallyPrecedes(key) { return false }
        if let bound, bound.lexicographicallyPrecedes(key) { return false }
        return true
    }

    mutating func insert(_ entry: MapEntry) {
        kept.append(entry)
        // Sorting only each time the page has doubled keeps an insertion cheap.
        if kept.count / 2 > limit {
            shrink()
        }
    }

    mutating func entries() -> [MapEntry] {
        shrink()
        return kept
    }

    private mutating func shrink() {
        kept.sort { $0.key.lexicographicallyPrecedes($1.key) }
        var unique: [MapEntry] = []
        for entry in kept where unique.count < limit && unique.last?.key != entry.key {
            unique.append(entry)
        }
        kept = unique
        bound = kept.count == limit ? kept.last?.key : nil
    }
}
