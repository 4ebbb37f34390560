// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// Why the fast path sends a packet up (`enum reason` in `dhcp.bpf.c`).
enum PacketReason: UInt32 {
    case dhcp = 1
    case dhcpv6, arp, neighbour, echo
}

/// The frames that the server sends.
enum Frames {
    /// - Parameter limit: the most bytes of the message.
    static func reply(_ reply: DHCPServer.Reply, limit: Int, from mac: MACAddress) -> [UInt8] {
        DHCPDatagram(
            stations: (mac, reply.station), source: reply.source, destination: reply.destination,
            ports: (DHCPMessage.serverPort, reply.destinationPort), payload: reply.message.bytes(atMost: limit)
        ).frame.bytes
    }

    /// Asks whether somebody has an address, without saying that one has it oneself (RFC 5227, section 2.1.1).
    static func probe(_ address: IPAddress, from mac: MACAddress) -> [UInt8] {
        let packet = ARPPacket(.request, senderMAC: mac, sender: .any4, target: address)
        return EthernetFrame(
            destination: .broadcast, source: mac, etherType: EtherType.arp, payload: packet.bytes
        ).bytes
    }

    static func reply(_ message: DHCPv6Message, to client: DHCPDatagram, from mac: MACAddress) -> [UInt8] {
        DHCPDatagram(
            stations: (mac, client.stations.source), source: .linkLocal(of: mac), destination: client.source,
            ports: (DHCPv6Message.serverPort, DHCPv6Message.clientPort), payload: message.bytes
        ).frame.bytes
    }

    /// The answer to who asks for the server's link-local address, or wants to take it (RFC 4861, section 7.2.4). Nil when
    /// that is no proper question.
    static func advertisement(answering frame: EthernetFrame, from mac: MACAddress) -> [UInt8]? {
        let own = IPAddress.linkLocal(of: mac)
        guard let packet = IPv6Packet(bytes: frame.payload), packet.hopLimit == 255,
            packet.nextHeader == IPProtocol.icmpv6,
            let icmp = ICMPMessage(bytes: packet.payload, source: packet.source, destination: packet.destination),
            case .solicitation(own, _)? = NeighbourMessage(icmp), let all = IPAddress("ff02::1")
        else { return nil }
        let isProbe = packet.source.isUnspecified
        let destination = isProbe ? all : packet.source
        let message = NeighbourMessage.advertisement(
            target: own, address: mac, isRouter: false, isSolicited: !isProbe, overrides: true
        ).message
        var answer = IPv6Packet(
            nextHeader: IPProtocol.icmpv6, source: own, destination: destination,
            payload: message.bytes(source: own, destination: destination))
        answer.hopLimit = 255
        return EthernetFrame(
            destination: isProbe ? .multicast(all) : frame.source, source: mac, etherType: EtherType.ipv6,
            payload: answer.bytes
        ).bytes
    }

    /// The answer to a ping of one of the server's addresses; nil when it is none.
    static func echo(answering frame: EthernetFrame, from mac: MACAddress) -> [UInt8]? {
        let payload: [UInt8]
        if let packet = IPv4Packet(bytes: frame.payload), var icmp = ICMPMessage(bytes: packet.payload),
            icmp.type == 8, packet.protocolNumber == IPProtocol.icmp,
            packet.source.isHostAddress, packet.source != packet.destination
        {
            icmp.type = 0
            payload =
                IPv4Packet(
                    protocol: IPProtocol.icmp, source: packet.destination, destination: packet.source,
                    payload: icmp.bytes
                ).bytes
        } else if let packet = IPv6Packet(bytes: frame.payload), packet.nextHeader == IPProtocol.icmpv6,
            var icmp = ICMPMessage(bytes: packet.payload, source: packet.source, destination: packet.destination),
            icmp.type == 128, packet.source.isHostAddress, packet.source != packet.destination
        {
            icmp.type = 129
            payload =
                IPv6Packet(
                    nextHeader: IPProtocol.icmpv6, source: packet.destination, destination: packet.source,
                    payload: icmp.bytes(source: packet.destination, destination: packet.source)
                ).bytes
        } else {
            return nil
        }
        return EthernetFrame(
            destination: frame.source, source: mac, etherType: frame.etherType, payload: payload
        ).bytes
    }
}

extension IPAddress {
    /// Whether a host can have it, and be answered there (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5).
    var isHostAddress: Bool {
        let isReserved = isIPv4 && bytes[0] >= 240
        return !isUnspecified && !isLoopback && !isMulticast && !isReserved
    }
}
