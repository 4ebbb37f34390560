// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import Logging

/// Modules, ports, links and interfaces as kernel objects, pinned under one folder of a bpffs.
///
/// Each method is one small change that can be undone by another; none decides anything. All calls block, so the
/// actor has a thread of its own.
public actor Dataplane {
    private(set) var layout: PinLayout
    let logger: Logger
    /// Whether interfaces are hooked by tcx links; by clsact filters otherwise.
    let usesTcx: Bool
    /// What loaded modules were loaded from, to load further programs of them.
    var images: [String: ModuleImage] = [:]
    /// The index of Hover's own device.
    var device: UInt32?
    /// For packets that user space sends on it, once there are some.
    var socket: PacketSocket?
    /// The parts in user space of modules that have one.
    var slowPaths: [String: SlowPath] = [:]
    /// Never frozen, so that the verifier knows nothing of its value.
    let unknown: BPFMap

    private nonisolated let executor = DataplaneExecutor()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A data plane under `layout.root`, which must be on a mounted bpffs. `clear()` removes what is there
    /// of an earlier one, `prepare()` makes it ready.
    ///
    /// - Throws: `DataplaneError.kernel` when the kernel does not let this process use BPF.
    public init(layout: PinLayout, logger: Logger) throws(DataplaneError) {
        self.layout = layout
        self.logger = logger
        do throws(KernelError) {
            // BPF_F_RDONLY_PROG, or programs could not be checked against it as against .rodata.
            unknown = try BPFMap(
                create: .array, name: "hover_unknown", keySize: 4, valueSize: 4, maxEntries: 1, flags: 1 << 7)
        } catch {
            throw DataplaneError(error)
        }
        switch Feature.tcx.probe() {
        case .supported: usesTcx = true
        case .unsupported, .inconclusive: usesTcx = false
        }
    }

    /// What programs of a module are loaded from now on, and where they are pinned; nil forgets the module.
    func setImage(_ image: ModuleImage?, ofModule id: String) {
        images[id] = image
        layout.generations[id] = image.flatMap { $0.generation == 0 ? nil : $0.generation }
    }

    /// Removes all that Hover has in the kernel under this folder. The folder stays: it is what a `hoverd` locks.
    public func clear() throws(DataplaneError) {
        slowPaths.values.forEach { $0.feed.close() }
        slowPaths = [:]
        socket = nil
        try translating {
            try removeShared()
            try BPFFileSystem.createFolder(layout.interfaces)
            for index in try BPFFileSystem.contents(of: layout.interfaces).compactMap({ Int($0) }) {
                try detach(interface: index)
            }
            try BPFFileSystem.removeFolder(layout.modules)
            try BPFFileSystem.removeFolder(layout.interfaces)
        }
        images.keys.forEach { setImage(nil, ofModule: $0) }
    }

    /// Tells the operator of something that went wrong beside a change.
    public func log(_ warning: String) {
        logger.warning("\(warning)")
    }

    /// Makes a slot lead to a program, or nowhere, at once for every packet that comes after, at both hooks.
    ///
    /// Where the program is not there at xdp, the slot stays empty, and the packet goes up to tc (`hover_no_way`).
    public func wire(_ slot: Slot, to target: Target?) throws(DataplaneError) {
        do throws(KernelError) {
            for hook in Hook.allCases {
                try wire(slot, to: target, at: hook)
            }
            switch slot {
            case .port(let module, let number), .hop(let module, let number):
                let way = way(to: target).flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
                try BPFMap(pinned: layout.ways(ofModule: module)).set(
                    way, for: withUnsafeBytes(of: UInt32(number).littleEndian) { Array($0) })
            case .ingress, .egress, .xdp: break
            }
        } catch {
            throw DataplaneError(error)
        }
    }

    private func wire(_ slot: Slot, to target: Target?, at hook: Hook) throws(KernelError) {
        guard let place = layout.place(of: slot, at: hook), hook == .tc || BPFFileSystem.exists(place.path) else {
            return
        }
        let slots = try BPFMap(pinned: place.path)
        if let pin = target.flatMap({ layout.program(of: $0, at: hook) }), hook == .tc || BPFFileSystem.exists(pin) {
            try slots.set(program: BPFProgram(pinned: pin), at: place.index)
        } else if case .xdp(let interface) = slot, target != nil {
            // Empty, it would let the interface's packets past the chain.
            throw KernelError(
                operation: "lead", object: "interface \(interface) into its chain", errno: ENOENT,
                reason: "what comes first there has no program at xdp")
        } else {
            try slots.remove(index: place.index)
        }
    }

    /// `struct hover_way` (`include/hover/program.h`).
    private func way(to target: Target?) -> [UInt32] {
        switch target {
        case nil: [0, 0, 0]
        case .exit(let interface), .continue(let interface): [UInt32(interface), 0, 0]
        case .port(let module, let number): way(into: module, at: number)
        case .hop(let policy, let instance): way(into: policy, at: instance)
        }
    }

    private func way(into module: String, at way: Int) -> [UInt32] {
        images[module].map { [0, $0.number, $0.ownSlot(of: way)] } ?? [0, 0, 0]
    }
}
