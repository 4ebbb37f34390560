// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// A packet that waits for a neighbour.
struct WaitingPacket: Sendable {
    var port: Int
    /// As much as is quoted.
    var frame: [UInt8]
}

extension RouterSlowPath {
    /// The most neighbours that are asked for at once: who has packets sent to each address of a subnet must not push out
    /// those that are there (RFC 6583).
    private var mostIncomplete: Int { max(plan.neighbourTableSize / 8, 32) }

    func neighbour(_ key: NeighbourKey) async -> Neighbour? {
        (try? await module.value(of: key.bytes, in: key.table)).flatMap { $0 }.flatMap { Neighbour(bytes: $0) }
    }

    /// - Returns: whether there was room.
    @discardableResult
    func store(_ neighbour: Neighbour, for key: NeighbourKey) async -> Bool {
        do {
            try await module.set(neighbour.bytes, for: key.bytes, in: key.table)
            return true
        } catch {
            return false
        }
    }

    func remove(_ key: NeighbourKey) async {
        _ = try? await module.remove(key.bytes, from: key.table)
        waiting[key] = nil
    }

    /// How long an answer counts, spread so that not all neighbours are asked at the same time (RFC 4861, section 6.3.2).
    private var reachableTime: UInt64 { UInt64(Double(times.reachable) * .random(in: 0.5...1.5)) }

    /// A packet waits for a neighbour.
    func resolve(_ packet: PacketIn, holdKey: UInt64) async {
        guard let key = NeighbourKey(holdKey: holdKey, metadata: packet.metadata) else { return }
        let now = Self.now
        if let known = await neighbour(key) {
            if known.isUsable {
                try? await module.release(holdKey)
                return
            }
            wait(packet, for: key)
            return
        }
        guard incomplete < mostIncomplete else { return }
        guard await store(Neighbour(askedAt: now, times: times), for: key) else {
            // Full; the next scan makes room.
            scanDue = 0
            return
        }
        incomplete += 1
        wait(packet, for: key)
        await ask(for: key, at: nil)
    }

    private func wait(_ packet: PacketIn, for key: NeighbourKey) {
        guard waiting[key, default: []].count < 3 else { return }
        waiting[key, default: []].append(WaitingPacket(port: packet.port, frame: Array(packet.bytes.prefix(1400))))
    }

    /// Looks over all neighbours; what is in the tables counts, for the fast path writes there too.
    func scanNeighbours(at now: UInt64) async {
        var total = 0
        var asked = 0
        var isChanged = false
        for table in ["neighbours4", "neighbours6"] {
            guard let entries = try? await module.entries(of: table, limit: 1 << 22) else { continue }
            total += entries.count
            var idle: [(key: NeighbourKey, since: UInt64)] = []
            for entry in entries {
                guard let key = NeighbourKey(bytes: entry.key), var neighbour = Neighbour(bytes: entry.value) else {
                    continue
                }
                let before = neighbour
                let action = neighbour.advance(to: now, times: times)
                if action == .remove {
                    await remove(key)
                    isChanged = true
                    continue
                }
                if neighbour != before { await store(neighbour, for: key) }
                if before.isUsable, waiting[key] != nil { await releaseWaiting(key) }
                await act(action, on: key)
                if neighbour.state == .incomplete { asked += 1 }
                if !neighbour.isUsable || neighbour.state == .stale { idle.append((key, neighbour.since)) }
            }
            if entries.count >= plan.neighbourTableSize * 15 / 16 {
                // Those that nobody has used for longest, a sixteenth of all.
                for old in idle.sorted(by: { $0.since < $1.since }).prefix(plan.neighbourTableSize / 16) {
                    await remove(old.key)
                    isChanged = true
                }
            }
        }
        incomplete = asked
        if isChanged { await refresh() }
        // A quarter of a second, and longer for large tables.
        scanDue = now + UInt64(max(250, total / 10)) * 1_000_000
    }

    private func act(_ action: Neighbour.Action?, on key: NeighbourKey) async {
        switch action {
        case .ask(let mac):
            await ask(for: key, at: mac)
        case .giveUp:
            for packet in waiting.removeValue(forKey: key) ?? [] {
                await tell(.hostUnreachable, about: packet.frame, port: packet.port)
            }
        case .remove, nil:
            break
        }
    }

    func releaseWaiting(_ key: NeighbourKey) async {
        waiting[key] = nil
        try? await module.release(key.holdKey)
    }

    func forgetNeighbours(of port: Int) async {
        for table in ["neighbours4", "neighbours6"] {
            for entry in (try? await module.entries(of: table, limit: 1 << 22)) ?? [] {
                guard let key = NeighbourKey(bytes: entry.key), key.port == port else { continue }
                // Who is asked for may be there now.
                if Neighbour(bytes: entry.value)?.state == .incomplete { continue }
                await remove(key)
            }
        }
        await refresh()
    }

    // MARK: Answers

    /// Stores what an answer said, and sends what waited for it.
    private func store(_ neighbour: Neighbour, was before: Neighbour, for key: NeighbourKey) async {
        guard neighbour != before else { return }
        await store(neighbour, for: key)
        if neighbour.mac != before.mac || neighbour.isUsable != before.isUsable { await refresh() }
        if neighbour.isUsable, !before.isUsable {
            incomplete = max(incomplete - 1, 0)
            await releaseWaiting(key)
        }
    }

    func takeARP(_ frame: EthernetFrame, port: Int) async {
        guard let packet = ARPPacket(bytes: frame.payload), packet.operation == .reply,
            !packet.senderMAC.isMulticast
        else { return }
        let key = NeighbourKey(address: packet.sender, port: port)
        guard let before = await neighbour(key) else { return }
        var neighbour = before
        neighbour.hearReply(from: packet.senderMAC, at: Self.now, reachableFor: reachableTime)
        await store(neighbour, was: before, for: key)
    }

    func takeDiscovery(_ frame: EthernetFrame, port: Int) async {
        guard let packet = IPv6Packet(bytes: frame.payload), packet.hopLimit == 255,
            packet.nextHeader == IPProtocol.icmpv6,
            let message = ICMPMessage(bytes: packet.payload, source: packet.source, destination: packet.destination),
            let plan = currentPorts.first(where: { $0.number == port })
        else { return }
        switch message.type {
        case RouterAdvertisement.solicitationType:
            await takeRouterSolicitation(message, packet, frame, plan)
            return
        case RouterAdvertisement.type:
            takeRouterAdvertisement(message, packet, port: port)
            return
        default: break
        }
        switch NeighbourMessage(message) {
        case .advertisement(let target, let address, let isRouter, let isSolicited, let overrides):
            // To a group nobody has asked (RFC 4861, section 7.1.2).
            guard !(isSolicited && packet.destination.isMulticast) else { return }
            let key = NeighbourKey(address: target, port: port)
            guard let before = await neighbour(key) else { return }
            if let address, address.isMulticast || address == .unknown { return }
            var neighbour = before
            neighbour.hearAdvertisement(
                from: address, isRouter: isRouter, isSolicited: isSolicited, overrides: overrides, at: Self.now,
                reachableFor: reachableTime)
            await store(neighbour, was: before, for: key)
        case .solicitation(let target, let source):
            await takeSolicitation(target, from: source, packet, frame, plan)
        case nil:
            break
        }
    }

    private func takeSolicitation(
        _ target: IPAddress, from mac: MACAddress?, _ packet: IPv6Packet, _ frame: EthernetFrame, _ port: PortPlan
    ) async {
        guard let state = states[port.number],
            target == state.linkLocal || port.addresses.contains(where: { $0.address == target })
        else { return }
        let isProbe = packet.source.isUnspecified
        // Who probes has no address to say, and asks the group (RFC 4861, section 7.1.1).
        guard !isProbe || (mac == nil && packet.destination == target.solicitedNodeGroup) else { return }
        if isProbe {
            module.logger.notice("router \(module.name): a host on port \(port.number) wants \(target), which is ours")
        }
        let to = isProbe ? Self.allNodes : packet.source
        let answer = NeighbourMessage.advertisement(
            target: target, address: state.mac, isRouter: true, isSolicited: !isProbe, overrides: true)
        await send(
            answer.message, from: target, to: to, at: isProbe ? .multicast(to) : mac ?? frame.source, port: port.number)
    }

    // MARK: Questions

    static let allNodes = IPAddress("ff02::1") ?? .any4

    /// Asks for a neighbour.
    ///
    /// - Parameter mac: where it is known to be; nil asks all.
    func ask(for key: NeighbourKey, at mac: MACAddress?) async {
        guard let state = states[key.port], let port = currentPorts.first(where: { $0.number == key.port }) else {
            return
        }
        if key.address.isIPv4 {
            let own = port.addresses.first { $0.contains(key.address) } ?? port.addresses.first(where: \.isIPv4)
            let question = ARPPacket(
                .request, senderMAC: state.mac, sender: own?.address ?? .any4, targetMAC: mac ?? .unknown,
                target: key.address)
            await send(
                EthernetFrame(
                    destination: mac ?? .broadcast, source: state.mac, etherType: EtherType.arp,
                    payload: question.bytes), port: key.port)
        } else {
            guard let group = key.address.solicitedNodeGroup else { return }
            let to = mac == nil ? group : key.address
            await send(
                NeighbourMessage.solicitation(target: key.address, source: state.mac).message, from: state.linkLocal,
                to: to, at: mac ?? .multicast(group), port: key.port)
        }
    }

    /// Tells all on a port's link where its addresses are (RFC 5227, section 2.3; RFC 4861, section 7.2.6).
    func announce(_ port: PortPlan) async {
        guard let state = states[port.number] else { return }
        let addresses = currentPorts.first { $0.number == port.number }?.addresses ?? []
        for address in addresses.map(\.address) + [state.linkLocal] {
            if address.isIPv4 {
                let packet = ARPPacket(.request, senderMAC: state.mac, sender: address, target: address)
                await send(
                    EthernetFrame(
                        destination: .broadcast, source: state.mac, etherType: EtherType.arp, payload: packet.bytes),
                    port: port.number)
            } else {
                let message = NeighbourMessage.advertisement(
                    target: address, address: state.mac, isRouter: true, isSolicited: false, overrides: true)
                await send(
                    message.message, from: address, to: Self.allNodes, at: .multicast(Self.allNodes),
                    port: port.number)
            }
        }
    }

    func send(
        _ message: ICMPMessage, from source: IPAddress, to destination: IPAddress, at mac: MACAddress, port: Int
    ) async {
        guard let state = states[port] else { return }
        var packet = IPv6Packet(
            nextHeader: IPProtocol.icmpv6, source: source, destination: destination,
            payload: message.bytes(source: source, destination: destination))
        packet.hopLimit = 255
        await send(
            EthernetFrame(
                destination: mac, source: state.mac, etherType: EtherType.ipv6, payload: packet.bytes), port: port)
    }

    /// Sends a frame out of a port. One that is not linked loses it, as a cable would.
    func send(_ frame: EthernetFrame, port: Int) async {
        try? await module.send(PacketOut(frame.bytes), .outOf, port: port)
    }
}
