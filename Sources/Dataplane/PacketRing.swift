// SPDX-License-Identifier: Apache-2.0

import BPF

/// The ring that one module's packet-ins come by, registered with the kernel side as long as it is open.
///
/// It is read only when somebody asks. A slow path that does not read lets it fill, and the kernel drops what does not
/// fit, counted as `controller_full`.
final class PacketRing: Sendable {
    private let buffer: BPFRingBuffer

    /// What a batch of ordinary size stays below, in bytes.
    private static let batchSize = 256 << 10

    /// Reads a ring that is there.
    init(_ map: BPFMap) throws(KernelError) {
        buffer = try BPFRingBuffer(map)
    }

    /// Makes a ring for a module and has its packet-ins come.
    ///
    /// - Parameter number: `md->module_id`.
    convenience init(module number: UInt32, limits: SlowPathLimits, maps: SlowPathMaps) throws(KernelError) {
        let map = try BPFMap(
            create: .ringBuffer, name: "hover_ring", keySize: 0, valueSize: 0, maxEntries: limits.ringSize)
        try self.init(map)
        let key = [UInt8](littleEndian: number)
        // The ring first: as soon as there is a slow path, packets are for the ring.
        try maps.rings.set(map: map, for: key)
        try maps.slowPaths.set(limits.bytes, for: key)
    }

    deinit {
        try? DescriptorPoller.shared.get().forget(buffer.map.descriptor.number)
    }

    /// The packets that wait, as many as a batch takes, or nil when there is none.
    func read() -> PacketBatch? {
        var batch = PacketBatch()
        buffer.read { record in
            batch.append(record)
            return batch.size < Self.batchSize
        }
        return batch.count > 0 ? batch : nil
    }

    /// Calls `handler` once, as soon as there is a packet.
    func notify(_ handler: @escaping @Sendable () -> Void) throws(KernelError) {
        try DescriptorPoller.shared.get().notify(when: buffer.map.descriptor.number, is: .readable, handler)
    }
}

/// The kernel side's tables of slow paths (`include/hover/packet_in.h`), by `md->module_id`.
struct SlowPathMaps {
    /// Limits; an entry is there while somebody listens.
    let slowPaths: BPFMap
    let rings: BPFMap

    init(_ layout: PinLayout) throws(KernelError) {
        slowPaths = try BPFMap(pinned: layout.shared(.slow_paths))
        rings = try BPFMap(pinned: layout.shared(.rings))
    }

    /// Has the kernel side drop a module's packet-ins from now on, counted as `controller`.
    func remove(module number: UInt32) throws(KernelError) {
        let key = [UInt8](littleEndian: number)
        try slowPaths.remove(key)
        try rings.remove(key)
    }
}
