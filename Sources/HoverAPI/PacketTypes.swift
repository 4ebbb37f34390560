// SPDX-License-Identifier: Apache-2.0

/// A packet that a module sent to its slow path, as `/v1/modules/{module}/packets` streams it.
public struct Packet: Codable, Sendable, Hashable {
    /// When it came, RFC 3339 in UTC with nanoseconds.
    public var time: String
    /// The port that the module received it by; of a policy 1 (ingress) or 2 (egress).
    public var port: Int
    /// Why it was sent, in the module's own numbers.
    public var reason: UInt32
    /// Three numbers that the module sent with it.
    public var metadata: [UInt32]
    /// Bytes of the whole frame.
    public var length: Int
    /// How many of them are in `bytes`.
    public var captured: Int
    /// Bytes of payload in each segment of a GSO packet; nil for others.
    public var segmentSize: Int?
    /// What the packet waits for, when the module has it held: `release` lets it go on.
    public var key: UInt64?
    /// Packets before it that this listener missed, because another one reads faster; nil for none.
    public var missed: Int?
    /// The frame from its Ethernet header, base64.
    public var bytes: String

    public init(
        time: String, port: Int, reason: UInt32, metadata: [UInt32], length: Int, captured: Int,
        segmentSize: Int? = nil,
        key: UInt64? = nil, missed: Int? = nil, bytes: String
    ) {
        self.time = time
        self.port = port
        self.reason = reason
        self.metadata = metadata
        self.length = length
        self.captured = captured
        self.segmentSize = segmentSize
        self.key = key
        self.missed = missed
        self.bytes = bytes
    }

    enum CodingKeys: String, CodingKey {
        case time, port, reason, metadata, length, captured, key, missed, bytes
        case segmentSize = "segment_size"
    }
}

/// A packet to be sent by `POST /v1/modules/{module}/packets`.
public struct PacketRequest: Codable, Sendable, Hashable {
    /// Where it begins.
    public enum Direction: String, Codable, Sendable, Hashable, CaseIterable {
        /// Into the port, as if the module received it there.
        case `in`
        /// Out of the port, to what is linked to it.
        case out
    }

    public var port: Int
    public var direction: Direction
    /// The frame from its Ethernet header, base64; 14 to 65,535 bytes.
    public var bytes: String
    /// Of a GSO packet: bytes of payload in each segment.
    public var segmentSize: Int?

    public init(port: Int, direction: Direction, bytes: String, segmentSize: Int? = nil) {
        self.port = port
        self.direction = direction
        self.bytes = bytes
        self.segmentSize = segmentSize
    }

    enum CodingKeys: String, CodingKey {
        case port, direction, bytes
        case segmentSize = "segment_size"
    }
}

/// What a module may send to its slow path and what came of it, as `/v1/modules/{module}/slow-path` shows it.
public struct SlowPath: Codable, Sendable, Hashable {
    /// Packets a second; the kernel drops what is more.
    public var rate: UInt32
    /// Packets at once, after a time without any.
    public var burst: UInt32
    /// The most bytes of a packet that the slow path gets; packets to hold come whole.
    public var snapLength: UInt32
    /// How many listen now. While nobody does, the kernel drops what the module sends.
    public var listeners: Int
    /// Packets that are held.
    public var held: Int
    /// Held packets that were given up because no answer came in time.
    public var expired: UInt64
    /// Held packets that were given up for younger ones.
    public var overflowed: UInt64

    public init(
        rate: UInt32, burst: UInt32, snapLength: UInt32, listeners: Int, held: Int, expired: UInt64, overflowed: UInt64
    ) {
        self.rate = rate
        self.burst = burst
        self.snapLength = snapLength
        self.listeners = listeners
        self.held = held
        self.expired = expired
        self.overflowed = overflowed
    }

    enum CodingKeys: String, CodingKey {
        case rate, burst, listeners, held, expired, overflowed
        case snapLength = "snap_length"
    }
}

/// The body of `PATCH /v1/modules/{module}/slow-path`: what is left out stays, but a rate without a burst brings its own.
public struct SlowPathUpdate: Codable, Sendable, Hashable {
    public var rate: Int?
    public var burst: Int?
    public var snapLength: Int?

    public init(rate: Int? = nil, burst: Int? = nil, snapLength: Int? = nil) {
        self.rate = rate
        self.burst = burst
        self.snapLength = snapLength
    }

    enum CodingKeys: String, CodingKey {
        case rate, burst
        case snapLength = "snap_length"
    }
}

/// What `POST /v1/modules/{module}/holds/{key}/release` answers.
public struct Released: Codable, Sendable, Hashable {
    /// How many packets were held, and go on now.
    public var released: Int

    public init(released: Int) {
        self.released = released
    }
}
