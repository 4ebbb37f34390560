// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc
import Synchronization

/// The reading end of a `BPF_MAP_TYPE_RINGBUF`, of which there can be one (Documentation/bpf/ringbuf.rst).
///
/// Nothing is read before it is asked for: what nobody fetches stays in the ring, and once the ring is full, programs get
/// no more room in it.
public final class BPFRingBuffer: Sendable {
    /// The ring's map. Its descriptor is readable (poll(2), epoll(7)) while there are records.
    public let map: BPFMap
    private let pages: Pages
    /// How far it was read, in bytes since the ring was made.
    private let position: Mutex<UInt>

    /// Maps a ring's memory.
    ///
    /// - Parameter map: a ring buffer that nobody else reads.
    public init(_ map: BPFMap) throws(KernelError) {
        guard map.information.type == .ringBuffer else { throw map.refusal("read", "it is no ring buffer") }
        self.map = map
        pages = try Pages(map)
        position = Mutex(hover_load_acquire(pages.consumer))
    }

    /// Hands the records that are there to `body`, oldest first, and makes their room free as soon as it has them.
    ///
    /// - Parameter body: gets a record's bytes, which are valid until it returns; false ends the reading after this one.
    /// - Returns: how many records there were.
    @discardableResult
    public func read(_ body: (UnsafeRawBufferPointer) -> Bool) -> Int {
        position.withLock { position in
            var count = 0
            var goesOn = true
            while goesOn, let record = pages.record(at: position) {
                if let bytes = record.bytes {
                    count += 1
                    goesOn = body(bytes)
                }
                position = record.end
                hover_store_release(pages.consumer, position)
            }
            return count
        }
    }
}

/// A ring in memory: a page with the consumer's position, one with the producer's, and the data, twice in a row, so that
/// a record that wraps around is in one piece.
private final class Pages: Sendable {
    // The pointers never change. What they lead to is shared with the kernel; the consumer's page is written under the
    // lock of the one BPFRingBuffer that has this object.
    nonisolated(unsafe) let consumer: UnsafeMutablePointer<UInt>
    private nonisolated(unsafe) let producer: UnsafeMutableRawPointer
    private let pageSize: Int
    private let size: Int

    /// In front of each record, on the 8 bytes that it is aligned to (kernel/bpf/ringbuf.c, struct bpf_ringbuf_hdr).
    private static let headerSize = 8
    /// The record is being written (BPF_RINGBUF_BUSY_BIT).
    private static let busy: UInt32 = 1 << 31
    /// It was given up (BPF_RINGBUF_DISCARD_BIT).
    private static let discarded: UInt32 = 1 << 30

    init(_ map: BPFMap) throws(KernelError) {
        pageSize = sysconf(Int32(_SC_PAGESIZE))
        size = map.information.maxEntries
        let first = try Self.map(map, PROT_READ | PROT_WRITE, size: pageSize, offset: 0)
        do throws(KernelError) {
            producer = try Self.map(map, PROT_READ, size: pageSize + 2 * size, offset: pageSize)
        } catch {
            munmap(first, pageSize)
            throw error
        }
        consumer = first.assumingMemoryBound(to: UInt.self)
    }

    deinit {
        munmap(consumer, pageSize)
        munmap(producer, pageSize + 2 * size)
    }

    private static func map(
        _ map: BPFMap, _ protection: Int32, size: Int, offset: Int
    ) throws(KernelError) -> UnsafeMutableRawPointer {
        guard let pages = mmap(nil, size, protection, MAP_SHARED, map.descriptor.number, offset), pages != MAP_FAILED
        else { throw map.failure("map the memory", errno) }
        return pages
    }

    /// The record at a position, with no bytes when it was given up; nil when there is none yet.
    func record(at position: UInt) -> (bytes: UnsafeRawBufferPointer?, end: UInt)? {
        guard position < hover_load_acquire(producer.assumingMemoryBound(to: UInt.self)) else { return nil }
        let place = producer + pageSize + Int(position) & (size - 1)
        let header = hover_load_acquire_u32(place.assumingMemoryBound(to: UInt32.self))
        guard header & Self.busy == 0 else { return nil }
        let length = Int(header & ~Self.discarded)
        let end = position + UInt((length + Self.headerSize + 7) & ~7)
        guard header & Self.discarded == 0 else { return (nil, end) }
        return (UnsafeRawBufferPointer(start: place + Self.headerSize, count: length), end)
    }
}
