// SPDX-License-Identifier: Apache-2.0

import BPF
import Logging

/// A packet that waits for what the slow path finds out.
struct HeldPacket: Sendable {
    let packet: PacketOut
    let port: Int
    let slot: UInt32

    init(_ received: PacketIn) {
        packet = PacketOut(Array(received.bytes), data: received.data, segmentSize: received.segmentSize)
        port = received.port
        slot = received.slot
    }
}

/// Where a packet of user space begins.
public enum PacketDirection: Sendable, Hashable {
    /// At a port of a module, as if the module received it there.
    case into
    /// Behind a port of a module, as if the module sent it there.
    case outOf
}

/// A module's part in user space: it gets the packets that the module sends it, and sends packets into the module or out
/// of its ports.
///
///     let slowPath = try await dataplane.slowPath(ofModule: id)
///     for await packet in try await slowPath.listen() {
///         try await slowPath.send(PacketOut(Array(packet.bytes)), .outOf, port: packet.port)
///     }
public final class SlowPath: Sendable {
    /// The module's id.
    public let module: String

    let feed: PacketFeed
    private let image: ModuleImage
    private let socket: PacketSocket
    private let slots: BPFMap
    private let ways: BPFMap
    private weak let dataplane: Dataplane?

    init(
        module: String, image: ModuleImage, socket: PacketSocket, layout: PinLayout, dataplane: Dataplane,
        logger: Logger
    ) throws(KernelError) {
        self.module = module
        self.image = image
        self.socket = socket
        self.dataplane = dataplane
        slots = try BPFMap(pinned: layout.slots(ofModule: module))
        ways = try BPFMap(pinned: layout.ways(ofModule: module))
        feed = PacketFeed(logger: logger) { [weak dataplane] in
            Task { await dataplane?.stopListening(toModule: module) }
        }
    }

    var number: UInt32 { image.number }

    /// Begins to listen. Packets come from now on; as long as nobody listens, the kernel drops them, counted as
    /// `controller`.
    public func listen(limits: SlowPathLimits = SlowPathLimits()) async throws(DataplaneError) -> PacketIns {
        guard let dataplane else { throw .kernel("module \(module) is gone") }
        return try await dataplane.listen(toModule: module, limits: limits)
    }

    /// Sends a packet. When this returns, it has run through the modules on its way.
    ///
    /// - Throws: `.notLinked` for a port that nothing is linked to, to send out of; `.configuration` for what is no frame,
    ///   or no port of the module; `.kernel`.
    public func send(_ packet: PacketOut, _ direction: PacketDirection, port: Int) async throws(DataplaneError) {
        try await socket.send(packet, to: try place(direction, port))
    }

    /// Throws what `send` would throw of a packet before it is sent.
    public func check(_ packet: PacketOut, _ direction: PacketDirection, port: Int) throws(DataplaneError) {
        _ = try place(direction, port)
        _ = try VirtioHeader(for: packet)
    }

    /// Sends all packets that are held for one thing into the ports that they came by, in the order in which they came:
    /// the module sees them again, and knows by now.
    ///
    /// - Parameter key: what `pkt_hold` was given.
    /// - Returns: how many there were.
    @discardableResult
    public func release(_ key: UInt64) async throws(DataplaneError) -> Int {
        let packets = feed.release(key)
        for held in packets {
            let slot = held.slot != 0 || image.isPolicy ? held.slot : image.ownSlot(of: held.port)
            try await socket.send(held.packet, to: PacketPlace(kind: .enter, module: number, place: slot))
        }
        return packets.count
    }

    /// What became of held packets.
    public var holds: HoldCounts {
        let (held, lost) = feed.holdCounts
        return HoldCounts(held: held, expired: lost.expired, overflowed: lost.overflowed)
    }

    private func place(_ direction: PacketDirection, _ port: Int) throws(DataplaneError) -> PacketPlace {
        guard !image.isPolicy else {
            throw .configuration("module \(module) is a policy and has no ports to send packets to")
        }
        guard (1...image.maxPort).contains(port) else {
            throw .configuration("module \(module) has no port \(port): its ports are 1 to \(image.maxPort)")
        }
        switch direction {
        case .into:
            let slot = image.ownSlot(of: port)
            guard try entry(of: slots, at: slot) != nil else {
                throw .configuration("module \(module) has no port \(port) yet: add it, or link it")
            }
            return PacketPlace(kind: .enter, module: number, place: slot)
        case .outOf:
            guard let way = try entry(of: ways, at: UInt32(port)), way.contains(where: { $0 != 0 }) else {
                throw .notLinked(
                    "port \(port) of module \(module) is not linked, so no packet can leave by it: link it first")
            }
            return PacketPlace(kind: .leave, module: number, place: UInt32(port))
        }
    }

    private func entry(of map: BPFMap, at index: UInt32) throws(DataplaneError) -> [UInt8]? {
        do throws(KernelError) {
            return try map.value(for: [UInt8](littleEndian: index))
        } catch {
            throw DataplaneError(error)
        }
    }
}

/// Packets that a module had held.
public struct HoldCounts: Sendable, Hashable {
    /// That are held now.
    public var held: Int
    /// That were given up, because what they waited for did not come in time.
    public var expired: UInt64
    /// That were given up for younger ones, or could not be held.
    public var overflowed: UInt64

    public init(held: Int = 0, expired: UInt64 = 0, overflowed: UInt64 = 0) {
        self.held = held
        self.expired = expired
        self.overflowed = overflowed
    }
}
