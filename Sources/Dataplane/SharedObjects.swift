// SPDX-License-Identifier: Apache-2.0

import BPF
import Netlink

/// The maps that all modules share; the names of their pins.
enum SharedMap: String, CaseIterable {
    case state, entries, slow_paths, rings, logs, log_limits

    /// The name in C.
    var name: String { "hover_" + rawValue }
}

extension Dataplane {
    /// Makes what all modules share: maps, and the device that lets packets of user space and copies into modules.
    ///
    /// - Parameter store: the id of the store that describes what will be here.
    public func prepare(store: String = "") throws(DataplaneError) {
        try translating {
            try BPFFileSystem.createFolder(layout.modules)
            try BPFFileSystem.createFolder(layout.interfaces)
            try BPFFileSystem.createFolder(layout.shared)
            let object = try BPFObject(bytes: DispatchObject.bytes, name: "dispatch", isChecked: true)
            try object.load()
            for map in object.maps {
                guard let shared = SharedMap.allCases.first(where: { $0.name == map.name }) else { continue }
                try map.map.pin(at: layout.shared(shared))
            }
            for program in object.programs where program.name == "hover_dispatch" {
                try hookDevice(program.program)
            }
            if !store.isEmpty {
                try BPFMap(pinned: layout.shared(.state)).pin(at: layout.owner(store))
            }
            try setVersion()
        }
    }

    private func hookDevice(_ program: BPFProgram) throws {
        // Room for the longest packet with its trailer.
        let index = try Interfaces.makeDevice(kind: "ifb", prefix: "hover", mtu: 65_536 + 64)
        do {
            if usesTcx {
                let link = try expedited { () throws(KernelError) in
                    try BPFLink(tcx: .egress, interfaceIndex: index, program: program)
                }
                try link.pin(at: layout.deviceLink)
            } else {
                try ClsactFilter(direction: .egress, interfaceIndex: index).attach(program)
            }
            // The pin's name is how a later hoverd knows the device.
            try program.pin(at: layout.device(index))
            device = index
        } catch {
            try Interfaces.remove(index: index)
            throw error
        }
    }

    /// Removes what all modules share. The device goes first: packets then no longer enter.
    func removeShared() throws {
        device = nil
        guard BPFFileSystem.exists(layout.shared) else { return }
        for index in try BPFFileSystem.contents(of: layout.shared).compactMap({ layout.device(named: $0) }) {
            try Interfaces.remove(index: index)
        }
        try BPFFileSystem.removeFolder(layout.shared)
    }

    /// Gives an object the maps that all modules share.
    func share(with object: BPFObject) throws {
        for map in object.maps {
            guard let shared = SharedMap.allCases.first(where: { $0.name == map.name }) else { continue }
            try map.reuse(BPFMap(pinned: layout.shared(shared)))
        }
    }
}
