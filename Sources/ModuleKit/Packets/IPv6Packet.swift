// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// An IPv6 packet (RFC 8200). Extension headers are part of its payload.
public struct IPv6Packet: Sendable, Hashable {
    public var trafficClass: UInt8 = 0
    public var flowLabel: UInt32 = 0
    public var nextHeader: UInt8
    public var hopLimit: UInt8 = 64
    public var source: IPAddress
    public var destination: IPAddress
    public var payload: [UInt8]

    static let headerSize = 40

    public init(nextHeader: UInt8, source: IPAddress, destination: IPAddress, payload: [UInt8]) {
        self.nextHeader = nextHeader
        self.source = source
        self.destination = destination
        self.payload = payload
    }

    /// Nil for what is no IPv6, or is cut off. What is behind the packet is padding, and left out.
    public init?(bytes: some Collection<UInt8>) {
        self.init(bytes: bytes, isCutOff: false)
    }

    /// The same, for a packet that may be cut off behind its header, as ICMPv6 errors quote it.
    public init?(quoted bytes: some Collection<UInt8>) {
        self.init(bytes: bytes, isCutOff: true)
    }

    private init?(bytes: some Collection<UInt8>, isCutOff: Bool) {
        var reader = StructureReader(bytes)
        let first = reader.be32()
        let length = Int(reader.be16())
        let there = bytes.count - Self.headerSize
        guard first >> 28 == 6, there >= 0, isCutOff || length <= there else { return nil }
        let nextHeader = reader.u8()
        let hopLimit = reader.u8()
        guard let source = IPAddress(bytes: reader.bytes(16)), let destination = IPAddress(bytes: reader.bytes(16))
        else {
            return nil
        }
        self.init(
            nextHeader: nextHeader, source: source, destination: destination, payload: reader.bytes(min(length, there)))
        trafficClass = UInt8(first >> 20 & 0xff)
        flowLabel = first & 0xfffff
        self.hopLimit = hopLimit
    }

    public var bytes: [UInt8] {
        StructureBytes().be32(6 << 28 | UInt32(trafficClass) << 20 | flowLabel & 0xfffff).be16(payload.count)
            .u8(nextHeader).u8(hopLimit).bytes(source.bytes).bytes(destination.bytes).bytes(payload).bytes
    }
}
