// SPDX-License-Identifier: Apache-2.0

import BPF
import Netlink

extension Dataplane {
    /// Loads the xdp programs of an interface, which has its tc programs already. It is not hooked yet.
    ///
    /// - Parameter peer: for a veth, its peer, which is made ready for packets that xdp programs send.
    public func loadXDP(ofInterface index: Int, peer: VethPeer?) throws(DataplaneError) {
        do {
            try translating { try loadXDPPrograms(index) }
            try peer?.prepare()
        } catch {
            try unloadXDP(ofInterface: index)
            throw error
        }
    }

    /// Loads the xdp programs of an interface anew, where it has some; its hook runs the new one.
    public func reloadXDP(ofInterface index: Int) throws(DataplaneError) {
        try translating {
            try loadXDPPrograms(index)
            if let link = xdpLink(index) {
                try BPFLink(pinned: link).update(program: BPFProgram(pinned: layout.xdpIngress(index)))
            }
        }
    }

    private func loadXDPPrograms(_ index: Int) throws {
        try BPFFileSystem.createFolder(layout.xdp(index))
        let constants = Constants(values: [1: .known(UInt32(index))])
        let object = try BPFObject(bytes: constants.fill(XdpObject.bytes), name: "interface \(index)", isChecked: true)
        try share(with: object)
        let slots = layout.xdpSlots(index)
        for map in object.maps where map.name == "slots" && BPFFileSystem.exists(slots) {
            try map.reuse(BPFMap(pinned: slots))
        }
        try object.load()
        for map in object.maps where map.name == "slots" && !BPFFileSystem.exists(slots) {
            try map.map.pin(at: slots)
        }
        for program in object.programs {
            let pin = program.name == "hover_xdp_exit" ? layout.xdpExit(index) : layout.xdpIngress(index)
            try BPFFileSystem.removePin(pin)
            try program.program.pin(at: pin)
        }
    }

    /// Removes the xdp programs of an interface, and its hook.
    public func unloadXDP(ofInterface index: Int) throws(DataplaneError) {
        do throws(KernelError) {
            try removeXDPHook(index)
            try BPFFileSystem.removeFolder(layout.xdp(index))
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Lets an interface's packets into its xdp programs: in its driver, or where that cannot, in the kernel.
    ///
    /// - Parameter mode: nil takes native, else generic.
    public func hookXDP(interface index: Int, mode: XDPMode?) throws(DataplaneError) {
        try translating {
            let program = try BPFProgram(pinned: layout.xdpIngress(index))
            let (link, used) = try attach(program, to: UInt32(index), mode: mode)
            try link.pin(at: layout.xdpLink(index, used))
        }
    }

    private func attach(
        _ program: BPFProgram, to index: UInt32, mode: XDPMode?
    ) throws(KernelError) -> (BPFLink, XDPMode) {
        if let mode {
            return (try BPFLink(xdp: mode.isNative, interfaceIndex: index, program: program), mode)
        }
        do {
            return (try BPFLink(xdp: true, interfaceIndex: index, program: program), .native)
        } catch {
            logger.info("interface \(index) runs xdp in generic mode, for its driver does not: \(error)")
            return (try BPFLink(xdp: false, interfaceIndex: index, program: program), .generic)
        }
    }

    /// Takes the xdp hook off an interface.
    public func unhookXDP(interface index: Int) throws(DataplaneError) {
        do throws(KernelError) {
            try removeXDPHook(index)
        } catch {
            throw DataplaneError(error)
        }
    }

    /// How an interface runs xdp programs; nil when it has no hook there.
    public func xdpMode(ofInterface index: Int) -> XDPMode? {
        XDPMode.allCases.first { BPFFileSystem.exists(layout.xdpLink(index, $0)) }
    }

    /// The pin of its hook there.
    func xdpLink(_ index: Int) -> String? {
        xdpMode(ofInterface: index).map { layout.xdpLink(index, $0) }
    }

    /// Not hooked, or the interface gone: no error.
    func removeXDPHook(_ index: Int) throws(KernelError) {
        guard let pin = xdpLink(index) else { return }
        try BPFLink(pinned: pin).detach()
        try BPFFileSystem.removePin(pin)
    }
}

extension XDPMode {
    fileprivate var isNative: Bool { self == .native }
}
