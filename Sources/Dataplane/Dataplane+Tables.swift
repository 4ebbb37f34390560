// SPDX-License-Identifier: Apache-2.0

import BPF

/// Packets and bytes of one port, summed over all CPUs.
public struct PortCount: Sendable, Hashable {
    /// Packets that the module received by the port.
    public var rxPackets: UInt64
    /// Their bytes: whole frames, a GSO packet's whole length.
    public var rxBytes: UInt64
    /// Packets that the module sent by the port, to what it is linked to.
    public var txPackets: UInt64
    /// Their bytes, in the same measure.
    public var txBytes: UInt64

    /// What a port that was not used has counted, unless it is given.
    public init(rxPackets: UInt64 = 0, rxBytes: UInt64 = 0, txPackets: UInt64 = 0, txBytes: UInt64 = 0) {
        self.rxPackets = rxPackets
        self.rxBytes = rxBytes
        self.txPackets = txPackets
        self.txBytes = txBytes
    }
}

/// What a module has counted since it was loaded.
public struct ModuleCount: Sendable, Hashable {
    /// By port number; index 0 is not used.
    public var ports: [PortCount]
    /// Packets that ended in the module, each under one reason.
    public var drops: [DropReason: UInt64]
    /// Packets that the slow path got (`HOVER_COUNT_PACKET_IN`, include/hover/program.h).
    public var packetIns: UInt64
    /// Copies that were sent (`HOVER_COUNT_COPY`).
    public var copies: UInt64
}

extension Dataplane {
    /// Reads a module's counters.
    public func counters(ofModule id: String) throws(DataplaneError) -> ModuleCount {
        try translating {
            let map = try BPFMap(pinned: layout.counters(ofModule: id))
            let perCPU = try map.perCPUValues(for: [0, 0, 0, 0]) ?? []
            return ModuleCount(perCPU)
        }
    }

    /// An entry of a module's table: one value, or one per possible CPU; nil when there is none.
    public func entry(_ key: [UInt8], of table: ModuleTable, ofModule id: String) throws(DataplaneError) -> [[UInt8]]? {
        try translating {
            let map = try BPFMap(pinned: layout.table(table.name, ofModule: id))
            if table.type.isPerCPU { return try map.perCPUValues(for: key) }
            guard let value = try map.value(for: key), table.hasEntry(value) else { return nil }
            return [value]
        }
    }

    /// At most `limit` entries of a module's table, those after the key `after`, in the kernel's order.
    public func entries(
        of table: ModuleTable, ofModule id: String, after: [UInt8]?, limit: Int
    ) throws(DataplaneError) -> [MapEntry] {
        try translating {
            let map = try BPFMap(pinned: layout.table(table.name, ofModule: id))
            guard table.used != nil else { return try map.entries(after: after, limit: limit) }
            var found: [MapEntry] = []
            var last = after
            while found.count < limit {
                let page = try map.entries(after: last, limit: 1024)
                found += page.filter { $0.values.first.map(table.hasEntry) ?? false }
                guard page.count == 1024, let next = page.last else { break }
                last = next.key
            }
            return Array(found.prefix(limit))
        }
    }

    /// Sets an entry of a module's table. A per-CPU table takes one value per possible CPU; a single one goes to the
    /// first CPU, with zeros on the others, so that their sum is what was set.
    public func setEntry(
        _ key: [UInt8], to values: [[UInt8]], of table: ModuleTable, ofModule id: String
    ) throws(DataplaneError) {
        try translating {
            try checkIndex(key, of: table)
            let map = try BPFMap(pinned: layout.table(table.name, ofModule: id))
            if table.type.isPerCPU {
                let count = try possibleCPUCount()
                guard values.count == 1 || values.count == count else {
                    throw DataplaneError.configuration(
                        "an entry of table \(table.name) has a value for each of \(count) CPUs, or one that goes to the "
                            + "first: these are \(values.count)")
                }
                let zero = [UInt8](repeating: 0, count: table.valueSize)
                try map.setPerCPU(values + Array(repeating: zero, count: count - values.count), for: key)
            } else if let value = values.first {
                try map.set(value, for: key)
            }
        }
    }

    private func checkIndex(_ key: [UInt8], of table: ModuleTable) throws(DataplaneError) {
        guard table.type.isArray, key.count == 4 else { return }
        let index = key.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard index < table.maxEntries else {
            throw .configuration("table \(table.name) has entries 0 to \(table.maxEntries - 1), and no \(index)")
        }
    }

    /// Removes an entry of a module's table; false when there was none.
    ///
    /// - Throws: `.configuration` for an array, which keeps all its entries.
    public func deleteEntry(
        _ key: [UInt8], of table: ModuleTable, ofModule id: String
    ) throws(DataplaneError) -> Bool {
        guard !table.type.isArray else {
            throw .configuration("table \(table.name) is an array, whose entries stay: set this one to zero instead")
        }
        return try translating {
            try BPFMap(pinned: layout.table(table.name, ofModule: id)).remove(key)
        }
    }
}

extension ModuleCount {
    /// Adds up `struct hover_counters` of each CPU.
    init(_ perCPU: [[UInt8]]) {
        let words = (perCPU.first?.count ?? 0) / 8
        var sums = [UInt64](repeating: 0, count: words)
        for bytes in perCPU {
            for word in 0..<words {
                let value = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[word * 8 + $1]) << (8 * UInt64($1)) }
                sums[word] &+= value
            }
        }
        drops = [:]
        for reason in DropReason.allCases where reason.rawValue < words {
            drops[reason] = sums[reason.rawValue]
        }
        packetIns = words > 15 ? sums[14] : 0
        copies = words > 15 ? sums[15] : 0
        ports = stride(from: DropReason.capacity, to: words - 3, by: 4).map { word in
            PortCount(
                rxPackets: sums[word], rxBytes: sums[word + 1], txPackets: sums[word + 2], txBytes: sums[word + 3])
        }
    }
}
