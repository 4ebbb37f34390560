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
        do {
            let tables = try translating { try load(id, image) }
            images[id] = image
            return tables
        } catch {
            removePins(ofModule: id)
            throw error
        }
    }

    /// Removes a module with its tables. Nothing may be wired to it any more.
    public func unloadModule(_ id: String) throws(DataplaneError) {
        let image = images.removeValue(forKey: id)
        do throws(KernelError) {
            if let image {
                try BPFMap(pinned: layout.shared(.entries)).remove(index: image.number)
            }
            try BPFFileSystem.removeFolder(layout.module(id))
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Loads the program that receives on a port of a forward module.
    public func loadPort(_ number: Int, ofModule id: String) throws(DataplaneError) {
        try loadProgram(of: id, way: number, pin: layout.port(number, ofModule: id), port: number, next: 0)
    }

    /// Removes the program of a port.
    public func unloadPort(_ number: Int, ofModule id: String) throws(DataplaneError) {
        try unloadProgram(of: id, way: number, pin: layout.port(number, ofModule: id))
    }

    /// Loads the program of a policy for one place where it lies; its packets go on by the slot of the same number.
    public func loadHop(_ instance: Int, ofPolicy id: String, handler: PolicyHandler) throws(DataplaneError) {
        try loadProgram(
            of: id, way: instance, pin: layout.hop(instance, ofModule: id), port: handler.rawValue, next: instance)
    }

    /// Removes the program of a policy from a place where it lay.
    public func unloadHop(_ instance: Int, ofPolicy id: String) throws(DataplaneError) {
        try unloadProgram(of: id, way: instance, pin: layout.hop(instance, ofModule: id))
    }

    private func load(_ id: String, _ image: ModuleImage) throws -> [ModuleTable] {
        var constants = try constants(image, port: 0, next: 0, way: 0)
        for number in image.isPolicy ? [2, 4, 5, 7] : [2, 5] as [UInt32] {
            constants.values[number] = .unknown(unknown)
        }
        let object = try image.open(name: id, filling: constants)
        try image.configure(object)
        try image.size(object)
        try share(with: object)
        try object.load()
        return try pin(object, id: id, number: image.number)
    }

    private func pin(_ object: BPFObject, id: String, number: UInt32) throws -> [ModuleTable] {
        for folder in ["tables", "data", "ports", "hops"] {
            try BPFFileSystem.createFolder(layout.module(id) + "/" + folder)
        }
        var tables: [ModuleTable] = []
        for (number, objectMap) in object.maps.enumerated() {
            guard !SharedMap.allCases.contains(where: { $0.name == objectMap.name }) else { continue }
            let map = try objectMap.map
            if objectMap.isInternal || ModuleImage.ownMaps.contains(objectMap.name) {
                try map.pin(at: pinPath(of: objectMap, number: number, module: id, object: object))
            } else {
                let table = try ModuleTable(objectMap, map: map, object: object)
                try map.pin(at: layout.table(table.name, ofModule: id))
                tables.append(table)
            }
        }
        let stages = try BPFMap(pinned: layout.stages(ofModule: id))
        for program in object.programs {
            guard let stage = ModuleImage.stage(of: program.name) else { continue }
            try stages.set(program: program.program, at: stage)
            if stage == 0 {
                try program.program.pin(at: layout.finish(ofModule: id))
                try BPFMap(pinned: layout.shared(.entries)).set(program: program.program, at: number)
            }
        }
        return tables
    }

    /// Loads one more program of a module, on the maps that the module has.
    private func loadProgram(
        of id: String, way: Int, pin: String, port: Int, next: Int
    ) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        try translating {
            let constants = try constants(image, port: port, next: next, way: way)
            let object = try image.open(name: id, filling: constants, isChecked: true)
            for program in object.programs {
                try program.setAutoload(program.name == ModuleImage.portProgram)
            }
            try image.size(object)
            try share(with: object)
            for (number, map) in object.maps.enumerated()
            where !SharedMap.allCases.contains(where: { $0.name == map.name }) {
                try map.reuse(BPFMap(pinned: pinPath(of: map, number: number, module: id, object: object)))
            }
            try object.load()
            for program in object.programs where program.name == ModuleImage.portProgram {
                try program.program.pin(at: pin)
                try BPFMap(pinned: layout.slots(ofModule: id)).set(
                    program: program.program, at: image.ownSlot(of: way))
            }
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

    private func unloadProgram(of id: String, way: Int, pin: String) throws(DataplaneError) {
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        try translating {
            try BPFMap(pinned: layout.slots(ofModule: id)).remove(index: image.ownSlot(of: way))
            try BPFFileSystem.removePin(pin)
        }
    }

    private func pinPath(of map: BPFObjectMap, number: Int, module id: String, object: BPFObject) throws(BPFError)
        -> String
    {
        switch map.name {
        case _ where map.isInternal: layout.data(number, ofModule: id)
        case ModuleImage.slotsMap: layout.slots(ofModule: id)
        case ModuleImage.stagesMap: layout.stages(ofModule: id)
        case ModuleImage.countersMap: layout.counters(ofModule: id)
        case ModuleImage.waysMap: layout.ways(ofModule: id)
        default: layout.table(try ModuleTable.name(of: map, in: object), ofModule: id)
        }
    }

    private func removePins(ofModule id: String) {
        do throws(KernelError) {
            try BPFFileSystem.removeFolder(layout.module(id))
        } catch {
            logger.warning("\(error)")
        }
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
            mapID: information.id)
    }

    /// BCC's dialect declares the map of table `x` as `x_map` and says so by a tag (`include/hover/bcc.h`).
    static func name(of map: BPFObjectMap, in object: BPFObject) throws(BPFError) -> String {
        guard map.name.hasSuffix("_map"), let types = try object.types, let variable = types.variable(named: map.name),
            types.declTags(of: variable.id, member: nil).contains("hover:table")
        else { return map.name }
        return String(map.name.dropLast("_map".count))
    }

    private static func shape(_ type: UInt32, size: Int, types: BTF?) -> TypeShape {
        guard let types, type != 0 else { return .bytes(count: size) }
        let shape = types.shape(of: type)
        return shape.size == size ? shape : .bytes(count: size)
    }
}
