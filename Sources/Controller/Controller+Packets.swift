// SPDX-License-Identifier: Apache-2.0

import Dataplane

// Packets between modules and user space.
extension Controller {
    /// What a module may send to its slow path, who listens, and what it had held.
    public func slowPath(of reference: String) async throws(HoverError) -> SlowPathState {
        try await exclusively { () async throws(HoverError) in
            try await self.slowPathState(of: self.writable(reference))
        }
    }

    /// Changes what a module may send to its slow path, for all who listen and who will.
    ///
    /// - Throws: `.invalid` for a limit that cannot be.
    public func updateSlowPath(
        of reference: String, _ change: SlowPathChange
    ) async throws(HoverError) -> SlowPathState {
        try await exclusively { () async throws(HoverError) in
            let module = try await self.limit(try self.writable(reference), change)
            return try await self.slowPathState(of: module)
        }
    }

    /// Begins to listen to what a module sends to its slow path. Several may listen, and all get the same packets.
    ///
    /// - Parameter change: of the module's limits, which stay so afterwards.
    /// - Returns: the packets. They end when the module is deleted, or with `close()`.
    public func packetIns(
        of reference: String, _ change: SlowPathChange = SlowPathChange()
    ) async throws(HoverError) -> PacketIns {
        try await exclusively { () async throws(HoverError) in
            let module = try await self.limit(try self.writable(reference), change)
            do throws(DataplaneError) {
                return try await self.dataplane.listen(toModule: module.id, limits: module.slowPathLimits)
            } catch {
                throw HoverError(error)
            }
        }
    }

    /// Sends packets into a module or out of its ports, in order. All are checked before the first is sent.
    ///
    /// - Throws: `.invalid` for what is no frame or no port of the module, `.conflict` for a port that is not linked.
    public func packetOut(_ packets: [PacketOutRequest], of reference: String) async throws(HoverError) {
        let slowPath = try await slowPath(reference)
        for (index, packet) in packets.enumerated() {
            do throws(DataplaneError) {
                try slowPath.check(packet.packet, packet.direction, port: packet.port)
            } catch {
                var refusal = HoverError(error)
                if packets.count > 1 {
                    refusal.message = "[\(index)]: " + refusal.message
                }
                throw refusal
            }
        }
        for packet in packets {
            do throws(DataplaneError) {
                try await slowPath.send(packet.packet, packet.direction, port: packet.port)
            } catch {
                throw HoverError(error)
            }
        }
    }

    /// Sends all packets that a module had held for one thing into it again, oldest first.
    ///
    /// - Returns: how many there were.
    public func release(_ key: UInt64, of reference: String) async throws(HoverError) -> Int {
        let slowPath = try await slowPath(reference)
        do throws(DataplaneError) {
            return try await slowPath.release(key)
        } catch {
            throw HoverError(error)
        }
    }

    /// Packets do not wait for changes: the kernel has the last word on where they go.
    private func slowPath(_ reference: String) async throws(HoverError) -> SlowPath {
        let module = try writable(reference)
        do throws(DataplaneError) {
            return try await dataplane.slowPath(ofModule: module.id)
        } catch {
            throw HoverError(error)
        }
    }

    private func limit(
        _ module: ModuleRecord, _ change: SlowPathChange
    ) async throws(HoverError) -> ModuleRecord {
        var updated = module
        updated.slowPathLimits = try change.applied(to: module.slowPathLimits)
        guard updated != module else { return module }
        do throws(DataplaneError) {
            try await dataplane.setLimits(updated.slowPathLimits, ofModule: module.id)
        } catch {
            throw HoverError(error)
        }
        return try await self.change("update the slow path of module \(module.name)") {
            [updated] (model: inout Model, plan: inout Plan) throws(HoverError) in
            model.set(.module(module.id, updated), in: &plan)
            return updated
        }
    }

    private func slowPathState(of module: ModuleRecord) async throws(HoverError) -> SlowPathState {
        let (listeners, holds) = await dataplane.slowPathCounts(ofModule: module.id)
        return SlowPathState(limits: module.slowPathLimits, listeners: listeners, holds: holds)
    }
}

/// What a module may send to its slow path, and what came of it.
public struct SlowPathState: Sendable, Hashable {
    /// What holds for all who listen.
    public var limits: SlowPathLimits
    /// How many listen now.
    public var listeners: Int
    /// Packets that wait for the slow path's answer.
    public var holds: HoldCounts
}

/// A change of what a module may send to its slow path; nil leaves a limit. A rate without a burst brings its own.
public struct SlowPathChange: Sendable, Hashable {
    /// Packets a second.
    public var rate: Int?
    /// Packets at once.
    public var burst: Int?
    /// The most bytes of a packet that listeners get.
    public var snapLength: Int?

    public init(rate: Int? = nil, burst: Int? = nil, snapLength: Int? = nil) {
        self.rate = rate
        self.burst = burst
        self.snapLength = snapLength
    }

    func applied(to limits: SlowPathLimits) throws(HoverError) -> SlowPathLimits {
        var limits = limits
        if let rate {
            limits.rate = try Self.check(rate, SlowPathLimits.rates, "rate")
            limits.burst = SlowPathLimits.burst(forRate: limits.rate)
        }
        if let burst {
            limits.burst = try Self.check(burst, SlowPathLimits.bursts, "burst")
        }
        if let snapLength {
            limits.snapLength = try Self.check(snapLength, SlowPathLimits.snapLengths, "snap_length")
        }
        return limits
    }

    private static func check(
        _ number: Int, _ range: ClosedRange<UInt32>, _ name: String
    ) throws(HoverError) -> UInt32 {
        guard let exact = UInt32(exactly: number), range.contains(exact) else {
            throw HoverError(
                .invalid, "\(name) is \(number), and can be \(range.lowerBound) to \(range.upperBound)")
        }
        return exact
    }
}

/// A packet that is to be sent.
public struct PacketOutRequest: Sendable, Hashable {
    /// Into the module's port as if received, or out of it.
    public var direction: PacketDirection
    /// The module's port, from 1.
    public var port: Int
    /// The frame.
    public var packet: PacketOut

    public init(_ packet: PacketOut, _ direction: PacketDirection, port: Int) {
        self.direction = direction
        self.port = port
        self.packet = packet
    }
}
