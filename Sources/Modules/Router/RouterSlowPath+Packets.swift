// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Why the fast path sends a packet up; `enum reason`, tables.h, besides `PacketError`.
private enum Reason: UInt32 {
    case resolve = 1
    case arp, discovery, dhcp, fragment
}

extension RouterSlowPath {
    func take(_ packet: PacketIn) async {
        await enter()
        defer { leave() }
        if let key = packet.key {
            await resolve(packet, holdKey: key)
            return
        }
        if let error = PacketError(rawValue: packet.reason) {
            await tell(error, about: Array(packet.bytes), port: packet.port, mtu: Int(packet.metadata[0]))
            return
        }
        guard let frame = EthernetFrame(bytes: packet.bytes) else { return }
        switch Reason(rawValue: packet.reason) {
        case .arp: await takeARP(frame, port: packet.port)
        case .discovery: await takeDiscovery(frame, port: packet.port)
        case .fragment: await fragment(frame, port: packet.port, mtu: Int(packet.metadata[0]))
        case .dhcp:
            if frame.etherType == EtherType.ipv6 {
                await takeDHCPv6(frame, port: packet.port)
            } else {
                await takeDHCP(frame, port: packet.port)
            }
        case .resolve, nil: break
        }
    }

    /// Tells a packet's sender what has become of it, by the way that it came.
    func tell(_ error: PacketError, about bytes: [UInt8], port: Int, mtu: Int = 0) async {
        guard let frame = EthernetFrame(bytes: bytes), let state = states[port] else { return }
        let ports = currentPorts
        let own = ports.first { $0.number == port }?.addresses.map(\.address) ?? []
        let others = ports.flatMap { $0.addresses.map(\.address) }
        let sources = ICMPErrors.Sources(addresses: own, others: others, linkLocal: state.linkLocal)
        guard !others.contains(where: { frame.payload.hasSource($0) }),
            let answer = ICMPErrors.packet(about: frame, error, mtu: mtu, from: sources)
        else { return }
        await send(
            EthernetFrame(
                destination: frame.source, source: state.mac, etherType: frame.etherType, payload: answer), port: port)
    }

    /// Cuts a packet into pieces that fit, and has the fast path send them.
    private func fragment(_ frame: EthernetFrame, port: Int, mtu: Int) async {
        guard let packet = IPv4Packet(bytes: frame.payload), !packet.dontFragment, mtu >= 68,
            let pieces = packet.fragments(mtu: mtu)
        else { return }
        for piece in pieces {
            var part = frame
            part.payload = piece.bytes
            try? await module.send(PacketOut(part.bytes), .into, port: port)
        }
    }

    // MARK: Router advertisements

    func takeRouterSolicitation(
        _ message: ICMPMessage, _ packet: IPv6Packet, _ frame: EthernetFrame, _ port: PortPlan
    ) async {
        guard message.code == 0, let options = DiscoveryOption.split(message.body), port.advertisements != nil else {
            return
        }
        let hasAddress = options.contains { $0.type == DiscoveryOption.sourceAddress }
        if packet.source.isUnspecified {
            guard !hasAddress else { return }
            schedules[port.number]?.asked(at: Self.now)
        } else {
            await advertise(port, to: (packet.source, frame.source))
        }
    }

    /// - Parameter host: who asked; nil for all.
    func advertise(_ port: PortPlan, to host: (IPAddress, MACAddress)?, isLast: Bool = false) async {
        guard let state = states[port.number], let config = port.advertisements else { return }
        let to = host ?? (Self.allNodes, .multicast(Self.allNodes))
        await send(
            config.message(with: advertisedPrefixes(of: port), mac: state.mac, isLast: isLast), from: state.linkLocal,
            to: to.0, at: to.1,
            port: port.number)
    }
}

extension [UInt8] {
    /// Whether an IP packet is from an address.
    fileprivate func hasSource(_ address: IPAddress) -> Bool {
        address.isIPv4
            ? count >= 20 && self[0] >> 4 == 4 && self[12..<16].elementsEqual(address.bytes)
            : count >= 40 && self[0] >> 4 == 6 && self[8..<24].elementsEqual(address.bytes)
    }
}
