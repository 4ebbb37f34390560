// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc

/// The programs of an external interface; the names of their pins.
enum InterfaceProgram: String, CaseIterable {
    case ingress, egress, exit, `continue`

    /// The name in `interface.bpf.c`.
    var function: String { "hover_" + rawValue }
}

extension HookDirection {
    /// What an interface's hook of this direction runs.
    var program: InterfaceProgram {
        switch self {
        case .ingress: .ingress
        case .egress: .egress
        }
    }
}

extension Dataplane {
    /// Loads the programs of an interface. It is not hooked yet.
    ///
    /// - Parameters:
    ///   - index: the interface's index.
    ///   - peer: for a veth whose peer lives in another network namespace, the peer's link-layer address, six bytes:
    ///     packets are then handed to the peer directly.
    public func attach(interface index: Int, peer: [UInt8]?) throws(DataplaneError) {
        do {
            try translating { try loadInterface(index, peer: peer) }
        } catch {
            do throws(DataplaneError) { try detach(interface: index) } catch { logger.warning("\(error)") }
            throw error
        }
    }

    /// Loads all programs of an interface anew, where it has some: its slots stay, and its hooks run the new ones.
    public func reattach(interface index: Int, peer: [UInt8]?) throws(DataplaneError) {
        try translating {
            let hooked = [HookDirection.ingress, .egress].filter { isHooked(interface: index, $0) }
            try loadInterface(index, peer: peer)
            for direction in hooked {
                let program = try BPFProgram(pinned: layout.program(direction.program, ofInterface: index))
                if usesTcx {
                    try BPFLink(pinned: layout.link(direction, ofInterface: index)).update(program: program)
                } else {
                    try clsact(index, direction).attach(program)
                }
            }
        }
    }

    private func loadInterface(_ index: Int, peer: [UInt8]?) throws {
        try BPFFileSystem.createFolder(layout.interface(index))
        let object = try interfaceObject(index, peer: peer)
        let slots = layout.slots(ofInterface: index)
        for map in object.maps where map.name == "slots" && BPFFileSystem.exists(slots) {
            try map.reuse(BPFMap(pinned: slots))
        }
        try object.load()
        for map in object.maps where map.name == "slots" && !BPFFileSystem.exists(slots) {
            try map.map.pin(at: slots)
        }
        for program in object.programs {
            guard let kind = InterfaceProgram.allCases.first(where: { $0.function == program.name }) else { continue }
            let pin = layout.program(kind, ofInterface: index)
            try BPFFileSystem.removePin(pin)
            try program.program.pin(at: pin)
        }
    }

    /// Loads the way out to an interface anew, for another peer, and puts it into the slots that hold the old one.
    public func replaceExit(of index: Int, peer: [UInt8]?, in slots: [Slot]) throws(DataplaneError) {
        let pin = layout.program(.exit, ofInterface: index)
        try translating {
            let object = try interfaceObject(index, peer: peer)
            for program in object.programs {
                try program.setAutoload(program.name == InterfaceProgram.exit.function)
            }
            try object.load()
            for program in object.programs where program.autoload {
                try BPFFileSystem.removePin(pin)
                try program.program.pin(at: pin)
            }
        }
        for slot in slots {
            try wire(slot, to: .exit(interface: index))
        }
    }

    /// Removes the programs of an interface, and its hooks, and ends that it is promiscuous. A missing interface is no
    /// error.
    public func detach(interface index: Int) throws(DataplaneError) {
        try endPromiscuity(ofInterface: index)
        try translating {
            try removeXDPHook(index)
            try removeHook(index, .ingress)
            try removeHook(index, .egress)
            try BPFFileSystem.removeFolder(layout.interface(index))
        }
    }

    /// Lets an interface's packets into its programs. Other programs on the hook stay where they are; ours is last.
    public func hook(interface index: Int, _ direction: HookDirection) throws(DataplaneError) {
        try translating {
            let program = try BPFProgram(pinned: layout.program(direction.program, ofInterface: index))
            if usesTcx {
                let link = try expedited { () throws(KernelError) in
                    try BPFLink(
                        tcx: direction == .ingress ? .ingress : .egress, interfaceIndex: UInt32(index),
                        program: program)
                }
                try link.pin(at: layout.link(direction, ofInterface: index))
            } else {
                try clsact(index, direction).attach(program)
            }
        }
    }

    /// Takes the hook of one direction off an interface.
    public func unhook(interface index: Int, _ direction: HookDirection) throws(DataplaneError) {
        do throws(KernelError) {
            try removeHook(index, direction)
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Not hooked, or the interface gone: no error.
    private func removeHook(_ index: Int, _ direction: HookDirection) throws(KernelError) {
        let pin = layout.link(direction, ofInterface: index)
        if usesTcx {
            guard access(pin, F_OK) == 0 || errno != ENOENT else { return }
            // Detached, not only unpinned: an interface keeps its hooks when it moves to another network namespace.
            let link = try BPFLink(pinned: pin)
            try expedited { () throws(KernelError) in try link.detach() }
            try BPFFileSystem.removePin(pin)
        } else {
            try clsact(index, direction).detach()
        }
    }

    func clsact(_ index: Int, _ direction: HookDirection) -> ClsactFilter {
        ClsactFilter(direction: direction == .ingress ? .ingress : .egress, interfaceIndex: UInt32(index))
    }

    private func interfaceObject(_ index: Int, peer: [UInt8]?) throws -> BPFObject {
        let address = peer ?? [0, 0, 0, 0, 0, 0]
        let start = UInt32(address[0]) | UInt32(address[1]) << 8 | UInt32(address[2]) << 16 | UInt32(address[3]) << 24
        let end = UInt32(address[4]) | UInt32(address[5]) << 8
        let constants = Constants(values: [
            1: .known(UInt32(index)), 2: .known(peer == nil ? 0 : 1), 3: .known(start), 4: .known(end),
            5: .known(device ?? 0),
        ])
        let object = try BPFObject(
            bytes: constants.fill(InterfaceObject.bytes), name: "interface \(index)", isChecked: true)
        try share(with: object)
        return object
    }
}
