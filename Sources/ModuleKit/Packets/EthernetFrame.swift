// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// What a frame carries.
public enum EtherType {
    public static let ipv4: UInt16 = 0x0800
    public static let arp: UInt16 = 0x0806
    public static let ipv6: UInt16 = 0x86dd
}

/// An Ethernet frame without VLAN tags and without check sequence.
public struct EthernetFrame: Sendable, Hashable {
    public var destination: MACAddress
    public var source: MACAddress
    public var etherType: UInt16
    /// With the padding that short frames have.
    public var payload: [UInt8]

    static let headerSize = 14

    public init(destination: MACAddress, source: MACAddress, etherType: UInt16, payload: [UInt8]) {
        self.destination = destination
        self.source = source
        self.etherType = etherType
        self.payload = payload
    }

    /// Nil for what is no frame.
    public init?(bytes: some Collection<UInt8>) {
        var reader = StructureReader(bytes)
        guard bytes.count >= Self.headerSize, let destination = MACAddress(bytes: reader.bytes(6)),
            let source = MACAddress(bytes: reader.bytes(6))
        else { return nil }
        self.init(
            destination: destination, source: source, etherType: reader.be16(),
            payload: reader.bytes(bytes.count - Self.headerSize))
    }

    public var bytes: [UInt8] {
        StructureBytes().bytes(destination.bytes).bytes(source.bytes).be16(etherType).bytes(payload).bytes
    }
}
