// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModuleKit
import TypedValue

// Ports that get their IPv4 address by DHCP.
extension RouterSlowPath {
    /// Begins where a port was linked, and ends where it no longer is.
    func updateClients() async {
        let ports = plan.ports.filter { $0.hasDHCP && links?[$0.number] != nil }.map(\.number)
        for number in clients.keys where !ports.contains(number) {
            clients[number] = nil
        }
        for number in ports {
            guard let state = states[number], clients[number]?.mac != state.mac else { continue }
            var client = PortClient(mac: state.mac)
            let now = Self.sinceBoot
            let actions = client.engine.start(remembering: await remembered(number, now), now: now, isImmediate: true)
            clients[number] = client
            await perform(actions, at: number)
        }
    }

    /// Does what is due.
    func advanceClients() async {
        let now = Self.sinceBoot
        for number in clients.keys.sorted() {
            guard let deadline = clients[number]?.engine.deadline, deadline <= now,
                let actions = clients[number]?.engine.advance(to: now)
            else { continue }
            await perform(actions, at: number)
        }
    }

    func takeDHCP(_ frame: EthernetFrame, port number: Int) async {
        guard let datagram = DHCPDatagram(frame), datagram.ports == (67, 68),
            let message = try? DHCPMessage(datagram.payload)
        else { return }
        clients[number]?.lastMessage = datagram.payload
        guard let actions = clients[number]?.engine.receive(message, now: Self.sinceBoot) else { return }
        await perform(actions, at: number)
    }

    private func perform(_ actions: [DHCPClient.Action], at number: Int) async {
        for action in actions {
            switch action {
            case .send(let message, let source, let destination):
                await send(message, from: source, to: destination, port: number)
            case .bind(let lease), .extend(let lease): await use(lease, at: number)
            case .unbind: await endLease(at: number)
            // Asked for with `probeTime` only.
            case .probe: break
            }
        }
        // The address that it had before this process is none any more.
        if let client = clients[number]?.engine, client.lease == nil,
            client.state == .initial || client.state == .selecting
        {
            await endLease(at: number)
        }
    }

    private func use(_ lease: DHCPLease, at number: Int) async {
        let gateway =
            lease.routes.isEmpty ? lease.routers.first : lease.routes.first { $0.destination.length == 0 }?.router
        await write(Lease(address: lease.address, gateway: gateway).bytes, to: Lease.table, at: number)
        let age = UInt64(max(Self.sinceBoot - lease.start, 0))
        let value = StructureBytes().u64(Self.wallClock - age).bytes(clients[number]?.lastMessage ?? []).bytes
        do {
            try await module.remember(value, for: Self.memoryKey(number))
        } catch {
            module.logger.warning("router \(module.name): the lease of port \(number) will be asked for anew: \(error)")
        }
        await updateLeases()
    }

    private func endLease(at number: Int) async {
        guard leases[number] != nil else { return }
        await write([UInt8](repeating: 0, count: Lease.size), to: Lease.table, at: number)
        do {
            try await module.forget(Self.memoryKey(number))
        } catch {
            module.logger.warning("router \(module.name): the old lease of port \(number) is kept: \(error)")
        }
        await updateLeases()
    }

    /// What an earlier process, or one before a reboot, had been given.
    private func remembered(_ number: Int, _ now: Int) async -> DHCPLease? {
        guard let value = (try? await module.memory())?[Self.memoryKey(number)] else { return nil }
        var reader = StructureReader(value)
        let began = reader.u64()
        let wall = Self.wallClock
        // A clock that went back says nothing of the time since.
        let age = wall > began ? Int(clamping: wall - began) : 0
        return (try? DHCPMessage(value.dropFirst(8))).flatMap { DHCPLease($0, start: now - age) }
    }

    private func send(_ message: DHCPMessage, from source: IPAddress, to destination: IPAddress, port: Int) async {
        guard let state = states[port] else { return }
        let datagram = DHCPDatagram(
            stations: (state.mac, await station(of: destination, port: port)), source: source, destination: destination,
            ports: (68, 67), payload: message.bytes())
        await send(datagram.frame, port: port)
    }

    /// The neighbour on the way to a server; all, as long as it is not known.
    private func station(of server: IPAddress, port: Int) async -> MACAddress {
        guard server != .broadcast4, let lease = leases[port] else { return .broadcast }
        let next = lease.address.contains(server) ? server : lease.gateway ?? server
        return await neighbour(NeighbourKey(address: next, port: port))?.mac ?? .broadcast
    }

    /// Tells the modules next to the router which addresses it has there.
    func publishAddresses() async {
        for port in currentPorts where published[port.number] != port.addresses {
            published[port.number] = port.addresses
            await module.publish(PublishedAddresses(own: port.addresses), port: port.number)
        }
    }

    private static func memoryKey(_ number: Int) -> [UInt8] { Array("dhcp-\(number)".utf8) }

    /// Milliseconds of a clock that never jumps, and goes on while the machine sleeps.
    static var sinceBoot: Int { milliseconds(CLOCK_BOOTTIME) }

    /// Milliseconds of the clock that a reboot does not begin anew.
    static var wallClock: UInt64 { UInt64(max(milliseconds(CLOCK_REALTIME), 0)) }

    private static func milliseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// The DHCP client of one port.
struct PortClient: Sendable {
    let mac: MACAddress
    var engine: DHCPClient
    /// What came last: of an acknowledgement the lease is made again after a restart.
    var lastMessage: [UInt8] = []

    init(mac: MACAddress) {
        self.mac = mac
        engine = DHCPClient(.init(mac: mac), random: SystemRandomNumberGenerator())
    }
}
