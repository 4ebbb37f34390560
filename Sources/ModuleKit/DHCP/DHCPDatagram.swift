// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The UDP packet that carries a message, with the frame around it, for IPv4 and IPv6.
public struct DHCPDatagram: Sendable {
    public var stations: (source: MACAddress, destination: MACAddress)
    public var source: IPAddress
    public var destination: IPAddress
    public var ports: (source: UInt16, destination: UInt16)
    public var payload: [UInt8]

    public init(
        stations: (source: MACAddress, destination: MACAddress), source: IPAddress, destination: IPAddress,
        ports: (source: UInt16, destination: UInt16), payload: [UInt8]
    ) {
        self.stations = stations
        self.source = source
        self.destination = destination
        self.ports = ports
        self.payload = payload
    }

    /// Nil for what is no UDP packet, is a fragment, or is cut off.
    ///
    /// The checksum is not looked at: in packets of processes on the same machine it is not made yet.
    public init?(_ frame: EthernetFrame) {
        let udp: [UInt8]
        if frame.etherType == EtherType.ipv4 {
            guard let packet = IPv4Packet(bytes: frame.payload), packet.protocolNumber == IPProtocol.udp,
                packet.fragmentOffset == 0, !packet.moreFragments
            else { return nil }
            (source, destination, udp) = (packet.source, packet.destination, packet.payload)
        } else {
            // Nobody puts extension headers before DHCP.
            guard frame.etherType == EtherType.ipv6, let packet = IPv6Packet(bytes: frame.payload),
                packet.nextHeader == IPProtocol.udp
            else { return nil }
            (source, destination, udp) = (packet.source, packet.destination, packet.payload)
        }
        var header = StructureReader(udp)
        ports = (header.be16(), header.be16())
        let length = Int(header.be16())
        guard length >= 8, length <= udp.count else { return nil }
        stations = (frame.source, frame.destination)
        payload = Array(udp[8..<length])
    }

    public var frame: EthernetFrame {
        let udp = UDPDatagram(sourcePort: ports.source, destinationPort: ports.destination, payload: payload)
            .bytes(source: source, destination: destination)
        let packet =
            source.isIPv4
            ? IPv4Packet(protocol: IPProtocol.udp, source: source, destination: destination, payload: udp).bytes
            : IPv6Packet(nextHeader: IPProtocol.udp, source: source, destination: destination, payload: udp).bytes
        return EthernetFrame(
            destination: stations.destination, source: stations.source,
            etherType: source.isIPv4 ? EtherType.ipv4 : EtherType.ipv6, payload: packet)
    }
}
