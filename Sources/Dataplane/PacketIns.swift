// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The packets that a module sends to its slow path, for one who listens. They end when the module is deleted, with
/// `close()`, when nobody refers to this object any more, or, for a task that waits, when it is cancelled.
///
///     for await packet in packetIns { … }
///
/// Nothing is read ahead: what is not asked for waits in the module's ring in the kernel, and when that is full the
/// kernel drops further packets and counts them as `controller_full`.
public final class PacketIns: AsyncSequence, Sendable {
    public typealias Element = PacketIn
    public typealias Failure = Never

    private let feed: PacketFeed
    private let number: Int

    init(feed: PacketFeed, number: Int) {
        self.feed = feed
        self.number = number
    }

    deinit {
        close()
    }

    /// The packets that are there, as many as come together, or those that come first; nil at the end.
    public func nextBatch() async -> PacketBatch? {
        await feed.next(for: number)
    }

    /// Ends the sequence, for a task that waits too. Packets that were not asked for are lost.
    public func close() {
        feed.remove(number)
    }

    public func makeAsyncIterator() -> Iterator { Iterator(packets: self) }

    /// Goes through the packets one by one.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let packets: PacketIns
        private var batch = PacketBatch().makeIterator()

        fileprivate init(packets: PacketIns) {
            self.packets = packets
        }

        public mutating func next() async -> PacketIn? {
            await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> PacketIn? {
            while true {
                if let packet = batch.next() {
                    return packet
                }
                guard let next = await packets.nextBatch() else { return nil }
                batch = next.makeIterator()
            }
        }
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`, the clock of `PacketIn.time`.
func monotonicNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
