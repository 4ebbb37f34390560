// SPDX-License-Identifier: Apache-2.0

import BPF
import TypedValue

/// The eBPF objects of a module.
public struct ModuleObjects: Sendable, Hashable {
    /// For tc, as clang made it.
    public var tc: [UInt8]
    /// The same for xdp (compiled with `HOVER_XDP`); nil when the source does not fit there.
    public var xdp: [UInt8]?

    public init(tc: [UInt8], xdp: [UInt8]? = nil) {
        self.tc = tc
        self.xdp = xdp
    }
}

/// A module's objects by the name that tells them from others, read when they are needed: thousands of modules would
/// take gigabytes.
public struct ModuleCode: Sendable, Hashable {
    public let id: String
    private let read: @Sendable () throws(DataplaneError) -> ModuleObjects

    /// - Parameter read: called each time when a program is loaded.
    public init(id: String, read: @escaping @Sendable () throws(DataplaneError) -> ModuleObjects) {
        self.id = id
        self.read = read
    }

    /// Objects in memory.
    public init(id: String = "", _ objects: ModuleObjects) {
        self.init(id: id) { () throws(DataplaneError) in objects }
    }

    func objects() throws(DataplaneError) -> ModuleObjects { try read() }

    public static func == (one: ModuleCode, other: ModuleCode) -> Bool { one.id == other.id }

    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// What a module is loaded from: its code, and what is fixed for all its programs.
public struct ModuleImage: Sendable, Hashable {
    public var code: ModuleCode
    /// How often the code or the configuration was exchanged before. Each time has pins of its own.
    public var generation: Int
    /// `md->module_id`.
    public var number: UInt32
    /// Whether the module is a policy, which lies on links instead of having ports.
    public var isPolicy: Bool
    /// The highest port number; for a policy its two handlers.
    public var maxPort: Int
    /// Values for `const volatile` globals.
    public var config: [String: TypedValue]
    /// The most entries of tables, where they are to be others than in the code.
    public var sizes: [String: Int]

    public init(
        code: ModuleCode, generation: Int = 0, number: UInt32, isPolicy: Bool, maxPort: Int,
        config: [String: TypedValue], sizes: [String: Int] = [:]
    ) {
        self.code = code
        self.generation = generation
        self.number = number
        self.isPolicy = isPolicy
        self.maxPort = isPolicy ? PolicyHandler.egress.rawValue : maxPort
        self.config = config
        self.sizes = sizes
    }

    /// The most places where one policy can lie. Each has two slots, and a slot's number must fit into 11 bits
    /// (`HOVER_MARK_PLACE`, include/hover/packet_out.h).
    public static let maxHops = 1023

    /// How many slots lead on from the module.
    var ways: Int { isPolicy ? Self.maxHops : maxPort }

    /// Slot 0, which stays empty, then the ways on, then as many for the module's own programs.
    var slotCount: Int { 1 + 2 * ways }

    /// The slot that holds the program whose way on is `way`.
    func ownSlot(of way: Int) -> UInt32 { UInt32(ways + way) }

    /// Bytes of `struct hover_counters` with all its ports.
    var counterSize: Int { 8 * DropReason.capacity + 32 * (maxPort + 1) }
}

extension Hook {
    /// The section of a module's programs (`HOVER_SECTION`, include/hover/hook.h).
    fileprivate var section: String { self == .tc ? "tc" : "xdp.frags" }
}

/// A table that a module's source declares.
public struct ModuleTable: Sendable, Hashable, Codable {
    /// The name in the source; for BCC's dialect the name that it is used by.
    public var name: String
    public var type: MapType
    public var keySize: Int
    public var valueSize: Int
    public var maxEntries: UInt32
    public var key: TypeShape
    public var value: TypeShape
    /// The kernel's id of the map.
    public var mapID: UInt32
    /// The bytes of a value that are 0 while there is no such entry: a module can keep entries in an array, all of which
    /// the kernel has. nil: the kernel's entries are the table's.
    public var used: Range<Int>?

    /// Whether an entry with this value is one of the table.
    func hasEntry(_ value: [UInt8]) -> Bool {
        guard let used, used.upperBound <= value.count else { return true }
        return value[used].contains { $0 != 0 }
    }
}

extension ModuleImage {
    static let portProgram = "hover_rx"
    static let slotsMap = "hover_slots"
    static let countersMap = "hover_counters"
    static let stagePrefix = "hover_stage_"
    static let stagesMap = "hover_stages"
    static let waysMap = "hover_ways"
    /// The maps that every module has, besides its tables.
    static let ownMaps =
        [slotsMap, stagesMap, countersMap, waysMap]
        + SharedMap.allCases.filter { $0 != .entries }.map(\.name)
    /// Those that a module cannot be without; the others are left out where nothing uses them.
    private static let requiredMaps = [slotsMap, stagesMap, countersMap, waysMap, SharedMap.state.name]

    /// The table whose values a program makes new ones of (`include/hover/migrate.h`); nil for other programs.
    static func migratedTable(of program: String) -> String? {
        program.hasPrefix(migrationPrefix) ? String(program.dropFirst(migrationPrefix.count)) : nil
    }

    static let migrationPrefix = "hover_migrate_"

    /// The number of a stage's program in `hover_stages`, 1 to 15; 0 is `hover_finish`. Nil for other programs.
    static func stage(of program: String) -> UInt32? {
        guard program.hasPrefix(stagePrefix), let number = UInt32(program.dropFirst(stagePrefix.count)),
            (1...15).contains(number)
        else { return nil }
        return number
    }

    /// The kinds of map that a module may declare. Others reach beyond the module (`struct_ops`, sockets, cgroups) or
    /// need handling that Hover does not have.
    private static let allowedTypes: Set<MapType> = [
        .hash, .array, .perCPUHash, .perCPUArray, .lruHash, .lruPerCPUHash, .lpmTrie, .programArray, .queue, .stack,
        .bloomFilter,
    ]

    /// The most memory that the tables of one module may ask for, in bytes.
    private static let maxTableBytes: UInt64 = 1 << 30

    /// Opens the object with its constants filled in, and checks that it is an IO Module that stays within bounds.
    ///
    /// - Parameter isChecked: that it was opened before, when the module was made.
    func open(
        name: String, at hook: Hook, filling constants: Constants, isChecked: Bool = false
    ) throws -> BPFObject {
        let objects = try code.objects()
        guard let code = hook == .tc ? objects.tc : objects.xdp else {
            throw DataplaneError.notAModule("module \(name) cannot run at xdp: link it at tc")
        }
        let opened = try BPFObject(bytes: constants.fill(code), name: name, isChecked: isChecked)
        try sizeTables(of: opened)
        guard !isChecked else { return opened }
        for program in opened.programs where program.sectionName != hook.section {
            throw DataplaneError.notAModule(
                "object \(name): program \(program.name) is in section \(program.sectionName), and modules at "
                    + "\(hook.rawValue) have theirs in \(hook.section): compile it "
                    + (hook == .tc ? "without -DHOVER_XDP" : "with -DHOVER_XDP"))
        }
        for program in opened.programs
        where program.name != Self.portProgram && Self.stage(of: program.name) == nil
            && Self.migratedTable(of: program.name) == nil
        {
            throw DataplaneError.notAModule(
                "object \(name): program \(program.name) in section \(program.sectionName): a module's programs are handle_rx and what "
                    + "HOVER_STAGE(1 to 15, …) and HOVER_MIGRATE declare; write functions without SEC()")
        }
        guard opened.programs.contains(where: { $0.name == Self.portProgram }) else {
            throw DataplaneError.notAModule(
                "object \(name) has no program \(Self.portProgram), so there is no handle_rx in it: "
                    + "compile the module with -include hover/iomodule.h")
        }
        for required in Self.requiredMaps
        where opened.maps.first(where: { $0.name == required }) == nil {
            throw DataplaneError.notAModule(
                "object \(name) has no map \(required): compile the module with -include hover/iomodule.h")
        }
        try checkMaps(of: opened, name: name)
        return opened
    }

    private func checkMaps(of opened: BPFObject, name: String) throws {
        var bytes: UInt64 = 0
        for map in opened.maps where !Self.ownMaps.contains(map.name) {
            guard map.name != SharedMap.entries.name else {
                throw DataplaneError.notAModule(
                    "table \(map.name) of object \(name) is how hover lets packets into modules, which modules may not: "
                        + "leave hover/entry.h out, or name the table otherwise")
            }
            guard map.pinPath == nil else {
                throw DataplaneError.notAModule(
                    "table \(map.name) of object \(name) asks to be pinned; hover pins tables itself: "
                        + "remove LIBBPF_PIN_BY_NAME")
            }
            guard Self.allowedTypes.contains(map.type) else {
                throw DataplaneError.notAModule(
                    "table \(map.name) of object \(name) is a \(map.type), which modules may not have")
            }
            guard map.name.utf8.count <= 200 else {
                throw DataplaneError.notAModule("table \(map.name.prefix(40))…: a table's name has at most 200 bytes")
            }
            let entry = UInt64(map.keySize) + UInt64(map.valueSize)
            let (size, overflow) = entry.multipliedReportingOverflow(by: UInt64(map.maxEntries))
            let (sum, sumOverflow) = bytes.addingReportingOverflow(size)
            guard !overflow, !sumOverflow, sum <= Self.maxTableBytes else {
                throw DataplaneError.notAModule(
                    "table \(map.name) of object \(name): the tables of one module may take 1 GiB; "
                        + "make max_entries smaller")
            }
            bytes = sum
        }
    }
}
