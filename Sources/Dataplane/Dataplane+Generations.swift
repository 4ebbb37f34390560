// SPDX-License-Identifier: Apache-2.0

import BPF

// Another code or configuration for a module that runs. It is loaded beside the one in force, on the same tables, and
// then put in its place; each packet meets one of the two, wholly.
extension Dataplane {
    /// Loads another generation of a module. Nothing leads to it yet.
    ///
    /// - Parameters:
    ///   - ports: that the module has.
    ///   - hops: places where a policy lies.
    ///   - atXDP: whether the module is at xdp.
    /// - Returns: its tables.
    /// - Throws: `.notAModule` for a table whose entries the new code would read otherwise, with what differs.
    public func loadGeneration(
        _ id: String, image: ModuleImage, ports: [Int], hops: [(instance: Int, handler: PolicyHandler)], atXDP: Bool
    ) throws(DataplaneError) -> [ModuleTable] {
        guard let before = images[id] else { throw .kernel("module \(id) is not loaded") }
        let earlier = EarlierGeneration(id: id, image: before, layout: layout)
        setImage(image, ofModule: id)
        defer { setImage(before, ofModule: id) }
        do {
            return try translating {
                let tables = try load(id, image, after: earlier)
                if atXDP {
                    try loadAtXDP(id, image, after: earlier)
                }
                for hook in atXDP ? Hook.allCases : [.tc] {
                    for port in ports {
                        try loadProgram(
                            of: id, at: hook, way: port, pin: layout.port(port, ofModule: id, at: hook), port: port,
                            next: 0)
                    }
                    for hop in hops {
                        try loadProgram(
                            of: id, at: hook, way: hop.instance,
                            pin: layout.hop(hop.instance, ofModule: id, at: hook), port: hop.handler.rawValue,
                            next: hop.instance)
                    }
                }
                return tables
            }
        } catch {
            removePins(ofModule: id)
            throw error
        }
    }

    /// Puts a generation of a module in force, which is loaded; what leads to the other one leads to it at once, way by
    /// way. On a failure the other one is in force again.
    public func enterGeneration(
        _ id: String, image: ModuleImage, before: ModuleImage, ways: [(slot: Slot, target: Target)]
    ) throws(DataplaneError) {
        do {
            try translating { try enter(image, id, ways) }
        } catch {
            do {
                try translating { try enter(before, id, ways) }
            } catch let second {
                logger.warning("could not put the earlier code of module \(id) in force again: \(second)")
            }
            throw error
        }
    }

    private func enter(_ image: ModuleImage, _ id: String, _ ways: [(slot: Slot, target: Target)]) throws {
        setImage(image, ofModule: id)
        for hook in hooks(ofModule: id) {
            let folder = layout.module(id, at: hook) + (image.isPolicy ? "/hops" : "/ports")
            try enterPrograms(
                ofModule: id, at: hook, ways: BPFFileSystem.contents(of: folder).compactMap { Int($0) })
        }
        try enterFinish(ofModule: id)
        for way in ways {
            try wire(way.slot, to: way.target)
        }
    }

    /// Removes a generation that is not in force. The tables that both have stay.
    public func unloadGeneration(_ generation: Int, ofModule id: String) throws(DataplaneError) {
        do throws(KernelError) {
            try BPFFileSystem.removeFolder(layout.module(id, generation: generation))
        } catch {
            throw DataplaneError(error)
        }
    }
}

/// The generation of a module that another one goes on from.
struct EarlierGeneration {
    let id: String
    let image: ModuleImage
    let layout: PinLayout

    /// Gives an object, which is not loaded yet, the tables and variables of this generation.
    ///
    /// - Returns: what is to be done when it is loaded, for tables that could not be taken over as they are.
    func handOver(to object: BPFObject, _ image: ModuleImage) throws -> [Migration] {
        let old = try BPFObject(bytes: self.image.code.objects().tc, name: id, isChecked: true)
        let oldMaps = try Dictionary(
            old.maps.map { (try ModuleTable.name(of: $0, in: old), $0) }, uniquingKeysWith: { first, _ in first })
        var migrations: [Migration] = []
        for map in object.maps {
            switch map.name {
            case ModuleImage.slotsMap: try map.reuse(BPFMap(pinned: layout.slots(ofModule: id)))
            case ModuleImage.countersMap: try map.reuse(BPFMap(pinned: layout.counters(ofModule: id)))
            case ModuleImage.waysMap: try map.reuse(BPFMap(pinned: layout.ways(ofModule: id)))
            case _ where ModuleImage.ownMaps.contains(map.name): break
            case _ where map.isInternal: try handOverVariables(of: old, to: map, of: object)
            default:
                let name = try ModuleTable.name(of: map, in: object)
                if let oldMap = oldMaps[name] {
                    try handOver(oldMap, of: old, to: map, of: object, table: name).map { migrations.append($0) }
                }
            }
        }
        return migrations
    }

    private func handOver(
        _ old: BPFObjectMap, of oldObject: BPFObject, to new: BPFObjectMap, of object: BPFObject, table: String
    ) throws -> Migration? {
        let running = try BPFMap(pinned: layout.table(table, ofModule: id))
        let was = try ModuleTable(old, map: running, object: oldObject)
        let key = ModuleTable.shape(new.btfKeyTypeID, size: new.keySize, types: try object.types)
        let value = ModuleTable.shape(new.btfValueTypeID, size: new.valueSize, types: try object.types)
        let differences = (key: was.key.difference(from: key), value: was.value.difference(from: value))
        if differences == (nil, nil), was.type == new.type, Int(was.maxEntries) == new.maxEntries {
            try new.reuse(running)
            return nil
        }
        let tags = try ModuleTable.tags(of: new, in: object)
        if tags.contains("hover:temporary") { return nil }
        if let difference = differences.key {
            throw refusal(table, "its key", difference)
        }
        let program = object.programs.first { ModuleImage.migratedTable(of: $0.name) == table }
        if let difference = differences.value, program == nil {
            throw refusal(table, "its value", difference)
        }
        // Its entries are those of the configuration, which are set afterwards.
        if tags.contains("hover:configured") { return nil }
        guard Migration.canCopy(was.type), Migration.canCopy(new.type), was.type.isPerCPU == new.type.isPerCPU else {
            throw DataplaneError.notAModule(
                "table \(table) is a \(was.type) of \(was.maxEntries) entries and would be a \(new.type) of "
                    + "\(new.maxEntries), which cannot take its entries over: keep its size, or give it another name")
        }
        try program?.setAutoload(differences.value != nil)
        return Migration(table: table, from: running, to: new, program: differences.value == nil ? nil : program)
    }

    private func refusal(_ table: String, _ what: String, _ difference: String) -> DataplaneError {
        .notAModule(
            "table \(table) cannot be taken over, for \(what) differs: \(difference); declare it as it was, write "
                + "HOVER_MIGRATE(\(table), …), or give the table another name")
    }

    /// Variables keep their values where name and type are the same. With all of them the same, both generations write
    /// the same memory; otherwise what the old one writes after this is lost.
    private func handOverVariables(of old: BPFObject, to map: BPFObjectMap, of object: BPFObject) throws {
        guard let dot = map.name.firstIndex(of: ".") else { return }
        let section = String(map.name[dot...])
        guard section.hasPrefix(".bss") || section.hasPrefix(".data"), let types = try object.types,
            let oldTypes = try old.types
        else { return }
        let pin = layout.data(String(section.dropFirst()), ofModule: id, at: .tc)
        guard BPFFileSystem.exists(pin) else { return }
        let running = try BPFMap(pinned: pin)
        let variables = types.variables.filter { $0.variable.section == section }
        let oldVariables = oldTypes.variables.filter { $0.variable.section == section }
        let kept = variables.compactMap { name, variable in
            oldTypes.variable(named: name).flatMap { was in
                was.section == section
                    && oldTypes.shape(of: was.typeID).difference(from: types.shape(of: variable.typeID)) == nil
                    ? (was: was, now: variable) : nil
            }
        }
        if kept.count == variables.count, kept.count == oldVariables.count,
            kept.allSatisfy({ $0.was.offset == $0.now.offset }),
            running.information.valueSize == map.valueSize
        {
            return try map.reuse(running)
        }
        guard var initial = map.initialValue, let value = try running.value(for: [0, 0, 0, 0]) else { return }
        for (was, now) in kept {
            let range = now.offset..<now.offset + now.size
            guard now.offset >= 0, was.offset >= 0, range.upperBound <= initial.count, was.size == now.size,
                was.offset + was.size <= value.count
            else { continue }
            initial.replaceSubrange(range, with: value[was.offset..<was.offset + was.size])
        }
        try map.setInitialValue(initial)
    }
}

/// Entries of a table that go from one map to another, as they are or through a program of the module.
struct Migration {
    let table: String
    let from: BPFMap
    let to: BPFObjectMap
    let program: BPFObjectProgram?

    /// Queues cannot be read without emptying them; slots of programs are not entries of a module's.
    static func canCopy(_ type: MapType) -> Bool {
        [.hash, .array, .perCPUHash, .perCPUArray, .lruHash, .lruPerCPUHash, .lpmTrie].contains(type)
    }

    /// The most bytes of an old and a new value together: what a test run takes is less than a page (`bpf_test_init`,
    /// net/bpf/test_run.c).
    private static let maxValueBytes = 3000
    /// What a test run takes for an Ethernet header (`HOVER_MIGRATE`, include/hover/migrate.h).
    private static let header = [UInt8](repeating: 0, count: 14)

    func run() throws {
        let target = try to.map
        let program = try self.program?.program
        let room = [UInt8](repeating: 0, count: to.valueSize)
        var last: [UInt8]?
        while true {
            let page = try from.entries(after: last, limit: 4096)
            for entry in page {
                let values = try entry.values.map { value in try program.map { try migrate(value, room, $0) } ?? value }
                try set(values, for: entry.key, in: target)
            }
            guard page.count == 4096, let next = page.last else { return }
            last = next.key
        }
    }

    private func migrate(_ value: [UInt8], _ room: [UInt8], _ program: BPFProgram) throws -> [UInt8] {
        guard value.count + room.count <= Self.maxValueBytes else {
            throw DataplaneError.notAModule(
                "table \(table): values of \(value.count) and \(room.count) bytes are too large to be migrated, which "
                    + "takes \(Self.maxValueBytes) together: give the table another name")
        }
        let run = try program.testRun(data: Self.header + value + room)
        guard run.returnValue == 0, run.data.count == Self.header.count + value.count + room.count else {
            throw DataplaneError.notAModule(
                "table \(table): HOVER_MIGRATE answered \(Int32(bitPattern: run.returnValue)) for an entry, and 0 would be done"
            )
        }
        return Array(run.data.suffix(room.count))
    }

    private func set(_ values: [[UInt8]], for key: [UInt8], in target: BPFMap) throws {
        // An array that became smaller.
        if target.information.type.isArray, UInt32(littleEndianBytes: key) >= UInt32(target.information.maxEntries) {
            return
        }
        if target.information.type.isPerCPU {
            try target.setPerCPU(values, for: key)
        } else if let value = values.first {
            try target.set(value, for: key)
        }
    }
}

extension UInt32 {
    fileprivate init(littleEndianBytes bytes: [UInt8]) {
        self = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
