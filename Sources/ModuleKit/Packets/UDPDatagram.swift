// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A UDP datagram (RFC 768). Its checksum covers the addresses of the IP packet that carries it.
public struct UDPDatagram: Sendable, Hashable {
    public var sourcePort: UInt16
    public var destinationPort: UInt16
    public var payload: [UInt8]

    static let headerSize = 8

    public init(sourcePort: UInt16, destinationPort: UInt16, payload: [UInt8]) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.payload = payload
    }

    /// Nil for what is cut off or contradicts itself, or has a wrong checksum. IPv4 allows none.
    public init?(bytes: some Collection<UInt8>, source: IPAddress, destination: IPAddress) {
        var reader = StructureReader(bytes)
        let ports = (reader.be16(), reader.be16())
        let length = Int(reader.be16())
        let sent = reader.be16()
        guard length >= Self.headerSize, length <= bytes.count, sent != 0 || source.isIPv4 else { return nil }
        if sent != 0 {
            var checksum = InternetChecksum()
            checksum.addPseudoHeader(source: source, destination: destination, protocol: IPProtocol.udp, length: length)
            checksum.add(bytes.prefix(length))
            guard checksum.value == 0 else { return nil }
        }
        self.init(
            sourcePort: ports.0, destinationPort: ports.1, payload: reader.bytes(length - Self.headerSize))
    }

    /// The same from an IPv4 packet that is no fragment.
    public init?(_ packet: IPv4Packet) {
        guard packet.protocolNumber == IPProtocol.udp, packet.fragmentOffset == 0, !packet.moreFragments else {
            return nil
        }
        self.init(bytes: packet.payload, source: packet.source, destination: packet.destination)
    }

    public func bytes(source: IPAddress, destination: IPAddress) -> [UInt8] {
        let length = Self.headerSize + payload.count
        var bytes = StructureBytes().be16(sourcePort).be16(destinationPort).be16(length).be16(0).bytes(payload).bytes
        var checksum = InternetChecksum()
        checksum.addPseudoHeader(source: source, destination: destination, protocol: IPProtocol.udp, length: length)
        checksum.add(bytes)
        // 0 says that there is none.
        let value = checksum.value == 0 ? 0xffff : checksum.value
        bytes[6] = UInt8(value >> 8)
        bytes[7] = UInt8(value & 0xff)
        return bytes
    }
}
