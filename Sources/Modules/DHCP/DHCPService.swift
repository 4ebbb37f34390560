// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// The slow path of one module: packets and clocks for a `DHCPServer`.
actor DHCPService {
    /// What happened beside the protocol, for the state's counts.
    enum Event: String, Sendable, CaseIterable {
        /// A packet that is not what its ports say.
        case unreadable
        /// Packets that came faster than they were read.
        case missed
        /// A lease could not be kept on the disk, so the client did not get it.
        case notKept = "not_kept"
        /// A packet could not be sent, for its port is not linked any more.
        case notSent = "not_sent"
        /// Pings.
        case echo
        /// Questions for the server's link-local address.
        case solicitation
    }

    private let module: any RunningModule
    private let clock = MachineClock()
    private var server: DHCPServer
    private var stateless: StatelessServer?
    private var ports: [Int] = []
    private var counts: [String: UInt64] = [:]
    /// Says that there is something to wait for.
    private let (wakeups, wakeup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Takes up the leases that were kept.
    init(_ module: any RunningModule) async throws {
        self.module = module
        let config = try ServerConfig(ConfigReader(await module.configuration()))
        let reading = clock.reading
        var known: [Lease] = []
        for (key, value) in try await module.memory() {
            guard let lease = LeaseRecord.lease(value, at: reading), key == LeaseRecord.key(lease.address) else {
                module.logger.warning(
                    "module \(module.name): a kept lease cannot be read, and is forgotten",
                    metadata: ["key": "\(String(decoding: key, as: UTF8.self))"])
                try await module.forget(key)
                continue
            }
            known.append(lease)
        }
        server = DHCPServer(config, known: known)
        for case .forget(let address) in server.configure(config) {
            try await module.forget(LeaseRecord.key(address))
        }
        stateless = config.ipv6.map { StatelessServer(config: $0, mac: config.mac) }
    }

    /// Works until the task is cancelled.
    func run() async throws {
        let packets = try await module.packets(SlowPathLimits(rate: 2000))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                for await configuration in await module.configurations() {
                    await configure(configuration)
                }
            }
            group.addTask { [self] in
                for await links in await module.links() {
                    await setPorts(links.keys.sorted())
                }
            }
            group.addTask { [self] in
                while let batch = await packets.nextBatch() {
                    await handle(batch)
                }
            }
            group.addTask { [self] in
                for await _ in wakeups {
                    try await waitForDeadlines()
                }
            }
            // The first one that ends, ends with the module.
            try await group.next()
            group.cancelAll()
        }
    }

    private func configure(_ configuration: TypedValue) async {
        do {
            let config = try ServerConfig(ConfigReader(configuration))
            guard config != server.config else { return }
            stateless = config.ipv6.map { StatelessServer(config: $0, mac: config.mac) }
            await perform(server.configure(config))
        } catch {
            // `setup` has let it through.
            module.logger.error("module \(module.name): \(error); the server goes on as before")
        }
    }

    private func setPorts(_ ports: [Int]) {
        self.ports = ports
    }

    private func waitForDeadlines() async throws {
        while let deadline = server.nextDeadline {
            try await Task.sleep(for: .milliseconds(max(deadline - clock.now, 0)))
            await perform(server.advance(to: clock.now))
        }
    }

    private func handle(_ batch: PacketBatch) async {
        if batch.missed > 0 {
            count(.missed, batch.missed)
        }
        for packet in batch {
            await handle(packet)
        }
    }

    private func handle(_ packet: PacketIn) async {
        guard packet.isWhole, let frame = EthernetFrame(bytes: packet.bytes), !frame.source.isMulticast else {
            return count(.unreadable)
        }
        switch PacketReason(rawValue: packet.reason) {
        case .dhcp: await handleDHCP(frame, port: packet.port)
        case .dhcpv6: await handleDHCPv6(frame, port: packet.port)
        case .arp:
            if let arp = ARPPacket(bytes: frame.payload), arp.operation == .reply {
                await perform(server.heard(arp.senderMAC, at: arp.sender, now: clock.now))
            }
        case .neighbour:
            count(.solicitation)
            await answer(Frames.advertisement(answering: frame, from: server.config.mac), port: packet.port)
        case .echo:
            count(.echo)
            await answer(Frames.echo(answering: frame, from: server.config.mac), port: packet.port)
        case nil: count(.unreadable)
        }
    }

    private func handleDHCP(_ frame: EthernetFrame, port: Int) async {
        guard let datagram = DHCPDatagram(frame) else { return count(.unreadable) }
        do throws(DHCPMessageError) {
            let message = try DHCPMessage(datagram.payload)
            let request = DHCPServer.Request(
                message: message, port: port, station: frame.source, source: datagram.source)
            await perform(server.receive(request, now: clock.now), limit: server.limit(for: message))
        } catch {
            server.count(.malformed)
        }
    }

    private func handleDHCPv6(_ frame: EthernetFrame, port: Int) async {
        guard let stateless, let datagram = DHCPDatagram(frame) else { return count(.unreadable) }
        do throws(DHCPv6MessageError) {
            let message = try DHCPv6Message(datagram.payload)
            let (reply, event) = stateless.answer(
                message, isMulticast: datagram.destination == DHCPv6Message.servers)
            counts[event.rawValue, default: 0] += 1
            guard let reply, datagram.source.isLinkLocal else { return }
            await answer(Frames.reply(reply, to: datagram, from: stateless.mac), port: port)
        } catch {
            counts[StatelessServer.Event.malformed.rawValue, default: 0] += 1
        }
    }

    private func answer(_ frame: [UInt8]?, port: Int) async {
        guard let frame else { return count(.unreadable) }
        await send(frame, port: port)
    }

    private func send(_ frame: [UInt8], port: Int) async {
        do {
            try await module.send(PacketOut(frame), .outOf, port: port)
        } catch {
            count(.notSent)
            module.logger.debug("module \(module.name): nothing was sent out of port \(port): \(error)")
        }
    }

    /// - Parameter limit: the most bytes of a message that is sent.
    private func perform(_ actions: [DHCPServer.Action], limit: Int = DHCPMessage.usualLimit) async {
        do {
            for action in actions {
                switch action {
                case .keep(let lease):
                    try await module.remember(
                        LeaseRecord.bytes(lease, at: clock.reading), for: LeaseRecord.key(lease.address))
                case .forget(let address):
                    try await module.forget(LeaseRecord.key(address))
                case .send(let reply):
                    await send(Frames.reply(reply, limit: limit, from: server.config.mac), port: reply.port)
                case .probe(let address, let port):
                    await probe(address, port: port)
                }
            }
        } catch {
            count(.notKept)
            module.logger.error("module \(module.name): a lease cannot be kept, and is not given: \(error)")
        }
    }

    /// The network may have hosts on all ports.
    private func probe(_ address: IPAddress, port: Int) async {
        let frame = Frames.probe(address, from: server.config.mac)
        for port in ports.contains(port) ? ports : [port] {
            await send(frame, port: port)
        }
        wakeup.yield()
    }

    private func count(_ event: Event, _ number: Int = 1) {
        counts[event.rawValue, default: 0] += UInt64(number)
    }

    /// What it has counted, by name, and its leases.
    var snapshot: ServerState {
        var all = counts
        for (event, number) in server.counts {
            all[event.rawValue, default: 0] += number
        }
        return ServerState(config: server.config, leases: server.leases.all, counts: all, clock: clock.reading)
    }
}
