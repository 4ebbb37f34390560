// SPDX-License-Identifier: Apache-2.0

/// Packets that wait until a slow path knows what they need, such as a neighbour's address: by what they wait for,
/// bounded in number and age. As in the kernel's neighbour table, the oldest one goes when there are too many
/// (net/core/neighbour.c, `__neigh_event_send`).
public struct HoldQueue<Packet: Sendable>: Sendable {
    /// The bounds.
    public struct Limits: Sendable, Hashable {
        /// Packets that wait for one thing. The kernel's default for a neighbour is as many of the ordinary size
        /// (Documentation/networking/ip-sysctl.rst, `unres_qlen`).
        public var perKey = 101
        /// Packets in all.
        public var total = 1024
        /// Nanoseconds that one waits: the kernel gives a neighbour up after three questions, one a second.
        public var age: UInt64 = 3_000_000_000

        public init() {}
    }

    /// What became of packets that were not released.
    public struct Counts: Sendable, Hashable {
        /// Packets that got too old.
        public var expired: UInt64 = 0
        /// Packets that gave way to younger ones, or could not be held as a whole.
        public var overflowed: UInt64 = 0

        public init() {}
    }

    private struct Entry: Sendable {
        let key: UInt64
        let since: UInt64
        let packet: Packet
    }

    /// The bounds.
    public let limits: Limits
    /// What was not released.
    public private(set) var counts = Counts()
    /// By a number that grows with each packet.
    private var entries: [UInt64: Entry] = [:]
    /// The numbers of the packets that wait for one thing, oldest first.
    private var waiting: [UInt64: [UInt64]] = [:]
    /// No packet has a lower number.
    private var first: UInt64 = 0
    private var next: UInt64 = 0

    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many packets wait.
    public var count: Int { entries.count }

    /// Takes a packet in.
    ///
    /// - Parameters:
    ///   - key: what it waits for.
    ///   - now: nanoseconds of a clock that does not go back.
    public mutating func hold(_ packet: Packet, key: UInt64, at now: UInt64) {
        expire(at: now)
        if let oldest = waiting[key]?.first, waiting[key, default: []].count >= limits.perKey {
            remove(oldest)
            counts.overflowed += 1
        }
        if entries.count >= limits.total, let oldest {
            remove(oldest)
            counts.overflowed += 1
        }
        entries[next] = Entry(key: key, since: now, packet: packet)
        waiting[key, default: []].append(next)
        next += 1
    }

    /// Counts a packet that cannot be held.
    public mutating func refuse() {
        counts.overflowed += 1
    }

    /// Lets all packets go that wait for one thing, oldest first.
    public mutating func release(key: UInt64, at now: UInt64) -> [Packet] {
        expire(at: now)
        return (waiting.removeValue(forKey: key) ?? []).compactMap { entries.removeValue(forKey: $0)?.packet }
    }

    /// Gives up the packets that have waited too long.
    public mutating func expire(at now: UInt64) {
        while let oldest, let entry = entries[oldest], now >= entry.since, now - entry.since >= limits.age {
            remove(oldest)
            counts.expired += 1
        }
    }

    private var oldest: UInt64? {
        mutating get {
            while first < next, entries[first] == nil {
                first += 1
            }
            return first < next ? first : nil
        }
    }

    /// The oldest packet of its key.
    private mutating func remove(_ number: UInt64) {
        guard let entry = entries.removeValue(forKey: number) else { return }
        waiting[entry.key]?.removeFirst()
        if waiting[entry.key]?.isEmpty == true {
            waiting[entry.key] = nil
        }
    }
}
