// SPDX-License-Identifier: Apache-2.0

/// A packet that a module sent to its slow path, by `pkt_controller` or `pkt_hold`.
public struct PacketIn: Sendable, Hashable {
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    public var time: UInt64
    /// The module's number, `md->module_id`.
    public var module: UInt32
    /// The port that the module received it by; in a policy 1 (ingress) or 2 (egress).
    public var port: Int
    /// The slot of the program that received it, where the kernel side says so; else 0.
    public var slot: UInt32
    /// Why, in the module's own numbers.
    public var reason: UInt32
    /// What the module gave `pkt_set_metadata`.
    public var metadata: SIMD3<UInt32>
    /// `md->data` as the module left it.
    public var data: PacketData
    /// Bytes of the whole frame, a GSO packet's whole length.
    public var length: Int
    /// Bytes of payload in each segment of a GSO packet; 0 for others.
    public var segmentSize: Int
    /// What the slow path is to find out before the packet goes on; nil when the module does not wait for that.
    public var key: UInt64?
    /// The frame from its Ethernet header, as far as it was captured.
    public var bytes: ArraySlice<UInt8>

    /// Whether all of the frame was captured.
    public var isWhole: Bool { bytes.count == length }
}

/// Packets that were read together, oldest first.
///
/// They share one block of memory: copy the `bytes` of a packet that is kept for long.
public struct PacketBatch: Sendable, Hashable, Sequence {
    /// The records of all packets, each right behind the one before.
    private var records: [UInt8] = []
    /// How many packets there are.
    public private(set) var count = 0
    /// Packets before these that the reader missed, because another one of the same module reads faster.
    public internal(set) var missed = 0
    /// Whether some of them wait for what the slow path finds out.
    private(set) var hasHeldPackets = false

    init() {}

    /// Bytes that it takes in memory.
    var size: Int { records.count }

    /// Takes over a record as it is in the ring, without the unused room at its end. What is no record is left out.
    mutating func append(_ record: UnsafeRawBufferPointer) {
        guard record.count >= PacketRecord.headSize else { return }
        let size = PacketRecord.headSize + Int(record.number(at: PacketRecord.captured, as: UInt32.self))
        guard size <= record.count else { return }
        records.append(contentsOf: record[..<size])
        count += 1
        if record.number(at: PacketRecord.verdict, as: UInt16.self) == PacketRecord.hold {
            hasHeldPackets = true
        }
    }

    public var underestimatedCount: Int { count }

    public func makeIterator() -> Iterator { Iterator(records: records) }

    /// Takes one packet after the other out of a batch.
    public struct Iterator: IteratorProtocol, Sendable {
        private let records: [UInt8]
        private var offset = 0

        fileprivate init(records: [UInt8]) {
            self.records = records
        }

        public mutating func next() -> PacketIn? {
            guard offset < records.count else { return nil }
            let packet = PacketIn(records, at: offset)
            offset = packet.bytes.endIndex
            return packet
        }
    }
}

/// Where the members of `struct hover_packet_in` (`include/hover/packet_in.h`) are, in bytes.
private enum PacketRecord {
    static let time = 0
    static let key = 8
    static let data = 16
    static let module = 48
    static let port = 52
    static let reason = 56
    static let metadata = 60
    static let length = 72
    static let captured = 76
    static let segmentSize = 80
    static let verdict = 84
    static let slot = 86
    static let headSize = 88

    /// RX_HOLD (`include/hover/iomodule.h`).
    static let hold: UInt16 = 7
}

extension PacketIn {
    /// Reads the record at an offset; it is there as a whole.
    fileprivate init(_ records: [UInt8], at offset: Int) {
        self = records.withUnsafeBytes { records in
            let head = UnsafeRawBufferPointer(rebasing: records[offset...])
            let isHeld = head.number(at: PacketRecord.verdict, as: UInt16.self) == PacketRecord.hold
            return PacketIn(
                time: head.number(at: PacketRecord.time),
                module: head.number(at: PacketRecord.module),
                port: Int(head.number(at: PacketRecord.port, as: UInt32.self)),
                slot: UInt32(head.number(at: PacketRecord.slot, as: UInt16.self)),
                reason: head.number(at: PacketRecord.reason),
                metadata: SIMD3(
                    head.number(at: PacketRecord.metadata), head.number(at: PacketRecord.metadata + 4),
                    head.number(at: PacketRecord.metadata + 8)),
                data: PacketData(
                    head.number(at: PacketRecord.data), head.number(at: PacketRecord.data + 8),
                    head.number(at: PacketRecord.data + 16), head.number(at: PacketRecord.data + 24)),
                length: Int(head.number(at: PacketRecord.length, as: UInt32.self)),
                segmentSize: Int(head.number(at: PacketRecord.segmentSize, as: UInt32.self)),
                key: isHeld ? head.number(at: PacketRecord.key) : nil,
                bytes: [])
        }
        let start = offset + PacketRecord.headSize
        let captured = records.withUnsafeBytes {
            Int($0.number(at: offset + PacketRecord.captured, as: UInt32.self))
        }
        bytes = records[start..<start + captured]
    }
}

extension UnsafeRawBufferPointer {
    /// A little-endian number at an offset in bytes.
    fileprivate func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type = Number.self) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}
