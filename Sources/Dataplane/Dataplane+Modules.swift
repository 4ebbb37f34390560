// SPDX-License-Identifier: Apache-2.0

import BPF
import TypedValue

extension Dataplane {
    /// Loads a module: its tables, its slots, and a program that the verifier has checked for every port that the
    /// module can have. It receives nothing yet.
    ///
    /// - Parameter id: `m:<uuid>`.
    /// - Returns: the tables that the source declares, in its order.
    public func loadModule(_ id: String, image: ModuleImage) throws(DataplaneError) -> [ModuleTable] {
        setImage(image, ofModule: id)
        do {
            return try translating {
                let tables = try load(id, image)
                try enterFinish(ofModule: id)
                return tables
            }
        } catch {
            removePins(ofModule: id)
            setImage(nil, ofModule: id)
            throw error
        }
    }

    /// Removes a module with its tables. Nothing may be wired to it any more.
    public func unloadModule(_ id: String) throws(DataplaneError) {
        endSlowPath(ofModule: id)
        defer { setImage(nil, ofModule: id) }
        do throws(KernelError) {
            if let image = images[id] {
                try BPFMap(pinned: layout.shared(.entries)).remove(index: image.number)
            }
            try BPFFileSystem.removeFolder(layout.module(id))
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Loads the program that receives on a port of a forward module, at each hook that the module is at.
    public func loadPort(_ number: Int, ofModule id: String) throws(DataplaneError) {
        for hook in hooks(ofModule: id) {
            try loadPort(number, ofModule: id, at: hook)
        }
    }

    /// The same at one hook.
    public func loadPort(_ number: Int, ofModule id: String, at hook: Hook) throws(DataplaneError) {
        try loadProgram(
            of: id, at: hook, way: number, pin: layout.port(number, ofModule: id, at: hook), port: number, next: 0)
        try enterPrograms(ofModule: id, at: hook, ways: [number])
    }

    /// Removes the program of a port.
    public func unloadPort(_ number: Int, ofModule id: String) throws(DataplaneError) {
        for hook in hooks(ofModule: id) {
            try unloadProgram(of: id, at: hook, way: number, pin: layout.port(number, ofModule: id, at: hook))
        }
    }

    /// Loads the program of a policy for one place where it lies, at each hook that the policy is at; its packets go on
    /// by the slot of the same number.
    public func loadHop(_ instance: Int, ofPolicy id: String, handler: PolicyHandler) throws(DataplaneError) {
        for hook in hooks(ofModule: id) {
            try loadHop(instance, ofPolicy: id, handler: handler, at: hook)
        }
    }

    /// The same at one hook.
    public func loadHop(
        _ instance: Int, ofPolicy id: String, handler: PolicyHandler, at hook: Hook
    ) throws(DataplaneError) {
        try loadProgram(
            of: id, at: hook, way: instance, pin: layout.hop(instance, ofModule: id, at: hook),
            port: handler.rawValue, next: instance)
        try enterPrograms(ofModule: id, at: hook, ways: [instance])
    }

    /// Removes the program of a policy from a place where it lay.
    public func unloadHop(_ instance: Int, ofPolicy id: String) throws(DataplaneError) {
        for hook in hooks(ofModule: id) {
            try unloadProgram(of: id, at: hook, way: instance, pin: layout.hop(instance, ofModule: id, at: hook))
        }
    }

    /// Brings a module to xdp besides tc: on the tables that it has, with programs that the verifier has checked for
    /// every port. Its ports are loaded there one by one.
    public func loadModuleAtXDP(_ id: String) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        do {
            try translating { try loadAtXDP(id, image) }
        } catch {
            try unloadModuleFromXDP(id)
            throw error
        }
    }

    /// Takes a module away from xdp. Nothing may be wired to it there any more.
    public func unloadModuleFromXDP(_ id: String) throws(DataplaneError) {
        do throws(KernelError) {
            try BPFFileSystem.removeFolder(layout.module(id, at: .xdp))
        } catch {
            throw DataplaneError(error)
        }
    }

    func hooks(ofModule id: String) -> [Hook] {
        BPFFileSystem.exists(layout.slots(ofModule: id, at: .xdp)) ? [.tc, .xdp] : [.tc]
    }

    /// Loads what is the same for all ports. Nothing leads to it yet.
    ///
    /// - Parameter earlier: the generation whose tables it goes on with.
    func load(_ id: String, _ image: ModuleImage, after earlier: EarlierGeneration? = nil) throws -> [ModuleTable] {
        for folder in ["tables", "data", "ports", "hops"] {
            try BPFFileSystem.createFolder(layout.module(id) + "/" + folder)
        }
        let object = try openForCheck(id, image, at: .tc)
        let migrations = try earlier?.handOver(to: object, image) ?? []
        try object.load()
        try pinOwn(object, id: id, at: .tc)
        let tables = try pinTables(object, id: id)
        for migration in migrations {
            try migration.run()
        }
        return tables
    }

    func loadAtXDP(_ id: String, _ image: ModuleImage, after earlier: EarlierGeneration? = nil) throws {
        for folder in ["data", "ports", "hops"] {
            try BPFFileSystem.createFolder(layout.module(id, at: .xdp) + "/" + folder)
        }
        let object = try openForCheck(id, image, at: .xdp)
        try checkGlobals(of: object, image: image, id: id)
        for map in object.maps where !isShared(map) {
            if !isOwnAtEachHook(map) {
                try map.reuse(BPFMap(pinned: pinPath(of: map, module: id, object: object, at: .xdp)))
            } else if let earlier, map.name == ModuleImage.slotsMap {
                try map.reuse(BPFMap(pinned: earlier.layout.slots(ofModule: id, at: .xdp)))
            }
        }
        try object.load()
        try pinOwn(object, id: id, at: .xdp)
    }

    /// A module's object with constants that stand for all ports.
    private func openForCheck(_ id: String, _ image: ModuleImage, at hook: Hook) throws -> BPFObject {
        var constants = try constants(image, port: 0, next: 0, way: 0)
        for number in image.isPolicy ? [2, 4, 5, 7] : [2, 5] as [UInt32] {
            constants.values[number] = .unknown(unknown)
        }
        let object = try image.open(name: id, at: hook, filling: constants)
        for program in object.programs where ModuleImage.migratedTable(of: program.name) != nil {
            try program.setAutoload(false)
        }
        try image.configure(object)
        try image.size(object)
        try share(with: object)
        return object
    }

    /// Variables that programs at both hooks write must be the same ones for both.
    private func checkGlobals(of object: BPFObject, image: ModuleImage, id: String) throws {
        let here = try object.types?.variables ?? []
        let there = try BPFObject(bytes: image.code.objects().tc, name: id, isChecked: true).types?.variables ?? []
        for section in [".bss", ".data"] {
            let layouts = [here, there].map { variables in
                variables.filter { $0.variable.section == section }
                    .map { "\($0.name) \($0.variable.offset) \($0.variable.size)" }.sorted()
            }
            guard layouts[0] == layouts[1] else {
                throw DataplaneError.notAModule(
                    "module \(id) cannot run at xdp: its global variables are others there; use the same ones at both "
                        + "hooks, or link it at tc")
            }
        }
    }

    func isShared(_ map: BPFObjectMap) -> Bool { SharedMap.allCases.contains { $0.name == map.name } }

    /// Prog arrays know programs of one hook only; constants are read, and differ.
    func isOwnAtEachHook(_ map: BPFObjectMap) -> Bool {
        [ModuleImage.slotsMap, ModuleImage.stagesMap].contains(map.name)
            || map.isInternal && section(of: map) == "rodata"
    }

    /// libbpf calls the map of a section by a part of the object's name, and the section: `m:1234.bss`, `.rodata.str1.1`.
    func section(of map: BPFObjectMap) -> String {
        guard let dot = map.name.firstIndex(of: ".") else { return map.name }
        return String(map.name[map.name.index(after: dot)...])
    }

    /// Pins what is no table, and puts the module's own programs in their places.
    private func pinOwn(_ object: BPFObject, id: String, at hook: Hook) throws {
        for map in object.maps where map.isInternal || ModuleImage.ownMaps.contains(map.name) {
            guard !isShared(map), hook == .tc || isOwnAtEachHook(map) else { continue }
            try map.map.pin(at: pinPath(of: map, module: id, object: object, at: hook))
        }
        let stages = try BPFMap(pinned: layout.stages(ofModule: id, at: hook))
        for program in object.programs {
            guard let stage = ModuleImage.stage(of: program.name) else { continue }
            try stages.set(program: program.program, at: stage)
        }
        let goesOn = try object.programs.contains { program in
            try program.autoload && program.program.information.mapIDs.contains(stages.information.id)
        }
        if goesOn {
            for hook in Hook.allCases where hook == .tc || hooks(ofModule: id).contains(.xdp) {
                try loadFinish(ofModule: id, at: hook)
            }
        } else if hook == .tc {
            try loadFinish(ofModule: id, at: .tc, onlyToEnter: true)
        }
    }

    /// Loads the program that carries out what a module's own programs do not (`hover_finish`), on the module's maps. A
    /// module that never goes on in another program needs it only for packets that enter from elsewhere.
    func loadFinish(ofModule id: String, at hook: Hook, onlyToEnter: Bool = false) throws {
        let pin = layout.finish(ofModule: id, at: hook)
        guard let image = images[id] else { return }
        let constants = try constants(image, port: 0, next: 0, way: 0)
        let code = hook == .tc ? FinishObject.bytes : XdpfinishObject.bytes
        let object = try BPFObject(bytes: constants.fill(code), name: id, isChecked: true)
        for program in object.programs {
            try program.setAutoload(program.name == (onlyToEnter ? "hover_enter_module" : "hover_finish"))
        }
        try image.size(object)
        try share(with: object)
        for map in object.maps where !isShared(map) {
            try map.reuse(BPFMap(pinned: pinPath(of: map, module: id, object: object, at: hook)))
        }
        try object.load()
        for program in object.programs where program.autoload {
            if !onlyToEnter {
                try BPFMap(pinned: layout.stages(ofModule: id, at: hook)).set(program: program.program, at: 0)
            }
            try BPFFileSystem.removePin(pin)
            try program.program.pin(at: pin)
        }
    }

    /// Lets packets that come from elsewhere than an interface enter a module.
    func enterFinish(ofModule id: String) throws {
        guard let image = images[id] else { return }
        try BPFMap(pinned: layout.shared(.entries)).set(
            program: BPFProgram(pinned: layout.finish(ofModule: id)), at: image.number)
    }

    private func pinTables(_ object: BPFObject, id: String) throws -> [ModuleTable] {
        var tables: [ModuleTable] = []
        for objectMap in object.maps where !objectMap.isInternal && !ModuleImage.ownMaps.contains(objectMap.name) {
            let map = try objectMap.map
            let table = try ModuleTable(objectMap, map: map, object: object)
            try map.pin(at: layout.table(table.name, ofModule: id))
            // The helpers keep some tables for themselves (`include/hover/aging.h`).
            if try !ModuleTable.tags(of: objectMap, in: object).contains("hover:internal") {
                tables.append(table)
            }
        }
        return tables
    }

    /// Loads one more program of a module, on the maps that the module has.
    func loadProgram(
        of id: String, at hook: Hook, way: Int, pin: String, port: Int, next: Int
    ) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        try translating {
            let constants = try constants(image, port: port, next: next, way: way)
            let object = try image.open(name: id, at: hook, filling: constants, isChecked: true)
            for program in object.programs {
                try program.setAutoload(program.name == ModuleImage.portProgram)
            }
            try image.size(object)
            try share(with: object)
            for map in object.maps where !isShared(map) {
                try map.reuse(BPFMap(pinned: pinPath(of: map, module: id, object: object, at: hook)))
            }
            try object.load()
            for program in object.programs where program.name == ModuleImage.portProgram {
                try program.program.pin(at: pin)
            }
        }
    }

    /// Puts the programs of ports, or places, where the module itself leads to them.
    func enterPrograms(ofModule id: String, at hook: Hook, ways: [Int]) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        do throws(KernelError) {
            let slots = try BPFMap(pinned: layout.slots(ofModule: id, at: hook))
            for way in ways {
                let pin =
                    image.isPolicy
                    ? layout.hop(way, ofModule: id, at: hook) : layout.port(way, ofModule: id, at: hook)
                try slots.set(program: BPFProgram(pinned: pin), at: image.ownSlot(of: way))
            }
        } catch {
            throw DataplaneError(error)
        }
    }

    private func unloadProgram(of id: String, at hook: Hook, way: Int, pin: String) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        try translating {
            let slots = try BPFMap(pinned: layout.slots(ofModule: id, at: hook))
            try slots.remove(index: image.ownSlot(of: way))
            try slots.remove(index: UInt32(way))
            try BPFFileSystem.removePin(pin)
        }
    }

    func pinPath(
        of map: BPFObjectMap, module id: String, object: BPFObject, at hook: Hook
    ) throws(BPFError) -> String {
        switch map.name {
        case _ where map.isInternal:
            layout.data(section(of: map), ofModule: id, at: isOwnAtEachHook(map) ? hook : .tc)
        case ModuleImage.slotsMap: layout.slots(ofModule: id, at: hook)
        case ModuleImage.stagesMap: layout.stages(ofModule: id, at: hook)
        case ModuleImage.countersMap: layout.counters(ofModule: id)
        case ModuleImage.waysMap: layout.ways(ofModule: id)
        default: layout.table(try ModuleTable.name(of: map, in: object), ofModule: id)
        }
    }

    func removePins(ofModule id: String) {
        do throws(KernelError) {
            try BPFFileSystem.removeFolder(layout.module(id))
        } catch {
            logger.warning("\(error)")
        }
    }

    /// The constants of the program whose way on is `way`.
    private func constants(_ image: ModuleImage, port: Int, next: Int, way: Int) throws -> Constants {
        guard let device else { throw DataplaneError.kernel("the data plane is not prepared: call prepare() first") }
        return Constants(values: [
            1: .known(image.number),
            2: .known(UInt32(port)),
            3: .known(UInt32(image.maxPort)),
            4: .known(UInt32(next)),
            5: .known(image.ownSlot(of: way)),
            6: .known(image.isPolicy ? 0 : UInt32(image.maxPort)),
            7: .known(image.isPolicy && port == PolicyHandler.egress.rawValue ? 1 : 0),
            8: .known(device),
            128: .flag(image.isPolicy),
        ])
    }
}

extension ModuleImage {
    /// Gives the object's slots and counters the size that the module's ports need.
    func size(_ object: BPFObject) throws {
        for map in object.maps where map.name == Self.slotsMap {
            try map.setMaxEntries(slotCount)
        }
        for map in object.maps where map.name == Self.countersMap {
            try map.setValueSize(counterSize)
        }
        for map in object.maps where map.name == Self.waysMap {
            try map.setMaxEntries(ways + 1)
        }
    }
}

extension ModuleTable {
    init(_ objectMap: BPFObjectMap, map: BPFMap, object: BPFObject) throws(BPFError) {
        let types = try object.types
        let information = map.information
        self.init(
            name: try Self.name(of: objectMap, in: object),
            type: information.type,
            keySize: information.keySize,
            valueSize: information.valueSize,
            maxEntries: UInt32(information.maxEntries),
            key: Self.shape(objectMap.btfKeyTypeID, size: information.keySize, types: types),
            value: Self.shape(objectMap.btfValueTypeID, size: information.valueSize, types: types),
            mapID: information.id,
            used: types.flatMap { Self.used(objectMap.btfValueTypeID, types: $0) })
    }

    /// BCC's dialect declares the map of table `x` as `x_map` and says so by a tag (`include/hover/bcc.h`).
    static func name(of map: BPFObjectMap, in object: BPFObject) throws(BPFError) -> String {
        guard map.name.hasSuffix("_map"), try tags(of: map, in: object).contains("hover:table") else { return map.name }
        return String(map.name.dropLast("_map".count))
    }

    static func tags(of map: BPFObjectMap, in object: BPFObject) throws(BPFError) -> [String] {
        guard let types = try object.types, let variable = types.variable(named: map.name) else { return [] }
        return types.declTags(of: variable.id, member: nil)
    }

    /// Where the member tagged `hover:used` lies in a value.
    private static func used(_ type: UInt32, types: BTF) -> Range<Int>? {
        guard case .structure(_, let members) = types.type(type)?.kind,
            let index = members.indices.first(where: {
                types.declTags(of: type, member: $0).contains("hover:used")
            }), let size = types.size(of: members[index].typeID)
        else { return nil }
        let offset = members[index].bitOffset / 8
        return offset..<offset + size
    }

    static func shape(_ type: UInt32, size: Int, types: BTF?) -> TypeShape {
        guard let types, type != 0 else { return .bytes(count: size) }
        let shape = types.shape(of: type)
        return shape.size == size ? shape : .bytes(count: size)
    }
}
