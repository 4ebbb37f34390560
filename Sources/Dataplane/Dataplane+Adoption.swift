// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation
import Netlink

/// What is pinned of an earlier `hoverd`.
public enum Remains: Sendable, Hashable {
    /// Nothing, or not enough to go on with.
    case nothing
    /// What a store with this id describes.
    case ours
    /// What another store describes.
    case another
}

/// One thing that is pinned.
public enum Pinned: Sendable, Hashable {
    case module(String, generation: Int)
    case moduleAtXDP(String)
    case port(module: String, number: Int)
    case hop(policy: String, instance: Int)
    case interface(Int)
    case hook(interface: Int, HookDirection)
    case xdpHook(interface: Int)
    case promiscuity(interface: Int)
    /// A slot that leads somewhere.
    case way(Slot)
}

// What a `hoverd` finds that starts where one was before.
extension Dataplane {
    /// Looks at what is there, and takes over what all modules share if it is all there.
    ///
    /// - Parameter store: the id of the store.
    public func takeOver(store: String) throws(DataplaneError) -> Remains {
        try translating {
            guard BPFFileSystem.exists(layout.shared) else { return .nothing }
            let names = try BPFFileSystem.contents(of: layout.shared)
            let index = names.compactMap { layout.device(named: $0) }.first
            let isComplete = SharedMap.allCases.allSatisfy { names.contains($0.rawValue) }
            guard let index, isComplete, try isDeviceHooked(index) else { return .nothing }
            device = index
            return BPFFileSystem.exists(layout.owner(store)) ? .ours : .another
        }
    }

    private func isDeviceHooked(_ index: UInt32) throws -> Bool {
        guard try Interfaces.list().contains(where: { $0.index == index && $0.name.hasPrefix("hover") }) else {
            return false
        }
        guard usesTcx else { return true }
        return try BPFFileSystem.exists(layout.deviceLink)
            && BPFLink(pinned: layout.deviceLink).information.interfaceIndex == index
    }

    /// Has nobody listen to slow paths: whoever did is gone.
    public func forgetListeners() throws(DataplaneError) {
        try translating {
            let maps = try SlowPathMaps(layout)
            for entry in try maps.slowPaths.entries(limit: .max) {
                try expedited { () throws(KernelError) in
                    try maps.slowPaths.remove(entry.key)
                    try maps.rings.remove(entry.key)
                }
            }
        }
    }

    /// All that is pinned, and each slot that leads somewhere, of the modules in force.
    public func pinned() throws(DataplaneError) -> Set<Pinned> {
        do throws(KernelError) {
            var found: Set<Pinned> = []
            for folder in try BPFFileSystem.contents(of: layout.modules) {
                let parts = folder.split(separator: "+")
                // Others' folders are theirs.
                guard let uuid = parts.first, UUID(uuidString: String(uuid)) != nil else { continue }
                let id = "m:" + uuid
                let generation = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
                found.insert(.module(id, generation: generation))
                if generation == layout.generations[id] ?? 0, images[id] != nil {
                    found.formUnion(try pinned(ofModule: id))
                }
            }
            for index in try BPFFileSystem.contents(of: layout.interfaces).compactMap({ Int($0) }) {
                found.formUnion(try pinned(ofInterface: index))
            }
            return found
        } catch {
            throw DataplaneError(error)
        }
    }

    private func pinned(ofModule id: String) throws(KernelError) -> [Pinned] {
        guard let image = images[id] else { return [] }
        var found: [Pinned] = []
        if BPFFileSystem.exists(layout.module(id, at: .xdp)) {
            found.append(.moduleAtXDP(id))
        }
        let numbers = { (folder: String) throws(KernelError) in
            try BPFFileSystem.contents(of: self.layout.module(id) + "/" + folder).compactMap { Int($0) }
        }
        let (ports, hops) = (try numbers("ports"), try numbers("hops"))
        found += ports.map { .port(module: id, number: $0) }
        found += hops.map { .hop(policy: id, instance: $0) }
        // A way on is made after its program and removed before it, so the other slots need not be looked at.
        let slots = try BPFMap(pinned: layout.slots(ofModule: id))
        for way in image.isPolicy ? hops : ports where try slots.program(at: UInt32(way)) != nil {
            found.append(.way(image.isPolicy ? .hop(policy: id, instance: way) : .port(module: id, number: way)))
        }
        return found
    }

    private func pinned(ofInterface index: Int) throws(KernelError) -> [Pinned] {
        var found: [Pinned] = [.interface(index)]
        for direction in [HookDirection.ingress, .egress] where hasHook(interface: index, direction) {
            found.append(.hook(interface: index, direction))
        }
        if BPFFileSystem.exists(layout.slots(ofInterface: index)) {
            let slots = try BPFMap(pinned: layout.slots(ofInterface: index)).occupiedSlots(0...1)
            found += slots.map { .way($0 == 0 ? .ingress(interface: index) : .egress(interface: index)) }
        }
        if wasMadePromiscuous(interface: index) {
            found.append(.promiscuity(interface: index))
        }
        if xdpLink(index) != nil {
            found.append(.xdpHook(interface: index))
        }
        if BPFFileSystem.exists(layout.xdpSlots(index)),
            try !BPFMap(pinned: layout.xdpSlots(index)).occupiedSlots(0...0).isEmpty
        {
            found.append(.way(.xdp(interface: index)))
        }
        return found
    }

    /// The highest number of a module that packets can enter; 0 when there is none.
    public func highestNumber() throws(DataplaneError) -> UInt32 {
        do throws(KernelError) {
            let entries = try BPFMap(pinned: layout.shared(.entries))
            let occupied = try entries.occupiedSlots(0...UInt32(entries.information.maxEntries - 1))
            return UInt32(occupied.max() ?? 0)
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Empties the places by which packets enter modules that are not there any more.
    ///
    /// - Parameter numbers: of those that are.
    public func clearEntries(except numbers: Set<UInt32>) throws(DataplaneError) {
        do throws(KernelError) {
            let entries = try BPFMap(pinned: layout.shared(.entries))
            for number in try entries.occupiedSlots(0...UInt32(entries.information.maxEntries - 1))
            where !numbers.contains(UInt32(number)) {
                try entries.remove(index: UInt32(number))
            }
        } catch {
            throw DataplaneError(error)
        }
    }
}

// Whether something is there as it should be.
extension Dataplane {
    /// Whether a module is loaded with all its tables. If so, it is taken over.
    public func takeOver(module id: String, image: ModuleImage, tables: [ModuleTable]) -> Bool {
        setImage(image, ofModule: id)
        let pins =
            [
                layout.slots(ofModule: id), layout.stages(ofModule: id), layout.counters(ofModule: id),
                layout.ways(ofModule: id), layout.finish(ofModule: id),
            ] + tables.map { layout.table($0.name, ofModule: id) }
        guard pins.allSatisfy(BPFFileSystem.exists) else {
            setImage(nil, ofModule: id)
            return false
        }
        return true
    }

    /// Removes what there is of a module that is not whole.
    public func discard(module id: String, generation: Int) throws(DataplaneError) {
        try unloadGeneration(generation, ofModule: id)
    }

    /// Whether a module is at xdp.
    public func isAtXDP(_ id: String) -> Bool {
        [layout.slots(ofModule: id, at: .xdp), layout.stages(ofModule: id, at: .xdp)].allSatisfy(BPFFileSystem.exists)
    }

    /// Whether a port has its program.
    public func isLoaded(port number: Int, ofModule id: String) -> Bool {
        hooks(ofModule: id).allSatisfy { BPFFileSystem.exists(layout.port(number, ofModule: id, at: $0)) }
    }

    /// Whether a policy has its program for a place.
    public func isLoaded(hop instance: Int, ofPolicy id: String) -> Bool {
        hooks(ofModule: id).allSatisfy { BPFFileSystem.exists(layout.hop(instance, ofModule: id, at: $0)) }
    }

    /// Whether an interface has its programs.
    public func isAttached(interface index: Int) -> Bool {
        BPFFileSystem.exists(layout.slots(ofInterface: index))
            && InterfaceProgram.allCases.allSatisfy { BPFFileSystem.exists(layout.program($0, ofInterface: index)) }
    }

    /// Whether an interface's packets enter its programs: an interface of the same number as one that is gone has none.
    public func isHooked(interface index: Int, _ direction: HookDirection) -> Bool {
        do {
            guard usesTcx else {
                // A filter outlives the pins, and what the program of an earlier hoverd leads into.
                let id = clsact(index, direction).programID
                return try id != nil
                    && id == BPFProgram(pinned: layout.program(direction.program, ofInterface: index)).id
            }
            let pin = layout.link(direction, ofInterface: index)
            guard BPFFileSystem.exists(pin) else { return false }
            return try BPFLink(pinned: pin).information.interfaceIndex == UInt32(index)
        } catch {
            return false
        }
    }

    /// Whether there is a hook to take off, whatever becomes of packets there.
    func hasHook(interface index: Int, _ direction: HookDirection) -> Bool {
        usesTcx
            ? BPFFileSystem.exists(layout.link(direction, ofInterface: index))
            : clsact(index, direction).programID != nil
    }

    /// Whether an interface has its xdp programs.
    public func hasXDP(interface index: Int) -> Bool {
        [layout.xdpSlots(index), layout.xdpExit(index), layout.xdpIngress(index)].allSatisfy(BPFFileSystem.exists)
    }

    /// Whether a slot leads to a program, at each hook where both are.
    public func leads(_ slot: Slot, to target: Target) throws(DataplaneError) -> Bool {
        do throws(KernelError) {
            for hook in Hook.allCases {
                guard let place = layout.place(of: slot, at: hook),
                    hook == .tc || BPFFileSystem.exists(place.path)
                else { continue }
                let holds = try BPFMap(pinned: place.path).program(at: place.index)
                guard let pin = layout.program(of: target, at: hook), BPFFileSystem.exists(pin) else {
                    if holds != nil || hook == .tc { return false }
                    continue
                }
                guard try holds == BPFProgram(pinned: pin).id else { return false }
            }
            return true
        } catch {
            throw DataplaneError(error)
        }
    }
}

// Hover's own programs, which come with each build of it.
extension Dataplane {
    /// What tells this build's programs from another's: a digest of them (FNV-1a, 64 bits).
    private static let version: String = {
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        for object in [
            InterfaceObject.bytes, DispatchObject.bytes, XdpObject.bytes, FinishObject.bytes, XdpfinishObject.bytes,
        ] {
            for byte in object {
                digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        return String(digest, radix: 16)
    }()

    /// Whether what runs are this build's programs.
    public var isOfThisVersion: Bool { BPFFileSystem.exists(layout.version(Self.version)) }

    /// Notes that it is so, when all are loaded.
    public func noteVersion() throws(DataplaneError) {
        try translating { try setVersion() }
    }

    func setVersion() throws {
        for name in try BPFFileSystem.contents(of: layout.shared) where name.hasPrefix("version-") {
            try BPFFileSystem.removePin(layout.shared + "/" + name)
        }
        try BPFMap(pinned: layout.shared(.state)).pin(at: layout.version(Self.version))
    }

    /// Puts this build's program on Hover's device.
    public func replaceDispatch() throws(DataplaneError) {
        try translating {
            guard let device else { return }
            let object = try BPFObject(bytes: DispatchObject.bytes, name: "dispatch", isChecked: true)
            try share(with: object)
            try object.load()
            for program in object.programs where program.name == "hover_dispatch" {
                if usesTcx {
                    try BPFLink(pinned: layout.deviceLink).update(program: program.program)
                } else {
                    try ClsactFilter(direction: .egress, interfaceIndex: device).attach(program.program)
                }
                let pin = layout.device(device)
                try BPFFileSystem.removePin(pin)
                try program.program.pin(at: pin)
            }
        }
    }

    /// Loads this build's `hover_finish` for a module.
    public func replaceFinish(ofModule id: String) throws(DataplaneError) {
        try translating {
            for hook in hooks(ofModule: id) where BPFFileSystem.exists(layout.finish(ofModule: id, at: hook)) {
                let program = try BPFProgram(pinned: layout.finish(ofModule: id, at: hook)).information.name
                try loadFinish(ofModule: id, at: hook, onlyToEnter: !program.hasPrefix("hover_finish"))
            }
            try enterFinish(ofModule: id)
        }
    }
}
