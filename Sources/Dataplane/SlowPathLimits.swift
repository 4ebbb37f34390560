// SPDX-License-Identifier: Apache-2.0

/// How much a module may send to its slow path. The kernel drops what is more, and counts it as `controller_rate`.
public struct SlowPathLimits: Sendable, Hashable, Codable {
    /// Packets a second.
    public var rate: UInt32
    /// Packets at once, after a time without any.
    public var burst: UInt32
    /// The most bytes of a packet that the slow path gets; packets to hold come whole.
    public var snapLength: UInt32

    /// The burst of a rate: what comes in 100 ms, and at least 64.
    public static func burst(forRate rate: UInt32) -> UInt32 { max(rate / 10, 64) }

    /// - Parameters:
    ///   - burst: nil: what comes in 100 ms, and at least 64.
    ///   - snapLength: without another, an Ethernet frame of the usual MTU and its VLAN tags.
    public init(rate: UInt32 = 10_000, burst: UInt32? = nil, snapLength: UInt32 = 1536) {
        self.rate = rate
        self.burst = burst ?? Self.burst(forRate: rate)
        self.snapLength = snapLength
    }

    /// What `rate` can be.
    public static let rates: ClosedRange<UInt32> = 1...100_000_000
    /// What `burst` can be; the most is HOVER_BUCKET_MOST (`include/hover/bucket.h`).
    public static let bursts: ClosedRange<UInt32> = 1...134_217_727
    /// What `snapLength` can be: from an Ethernet header to HOVER_MOST_CAPTURED (`include/hover/packet_in.h`).
    public static let snapLengths: ClosedRange<UInt32> = 14...65_535

    /// `struct hover_slow_path` (`include/hover/packet_in.h`), with its bucket full.
    var bytes: [UInt8] {
        [0, 0, rate, burst, snapLength, 0].flatMap { [UInt8](littleEndian: $0) }
    }

    /// Bytes of a ring that a burst fits into, and some GSO packets whatever the burst is.
    var ringSize: Int {
        // The kernel side takes room in four sizes, besides the head and the ring's own header.
        let room = [128, 512, 2048].first { Int(snapLength) <= $0 } ?? 65_536
        let needed = Int(burst) * (room + 96)
        return (20...25).map { 1 << $0 }.first { $0 >= needed } ?? 1 << 26
    }
}

extension [UInt8] {
    /// A number as the kernel's structures have it on the machines that Hover runs on.
    init(littleEndian number: some FixedWidthInteger) {
        self = Swift.withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
