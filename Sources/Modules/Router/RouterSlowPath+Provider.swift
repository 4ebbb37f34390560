// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

// Ports that get an IPv6 prefix by DHCPv6, and a default route by router advertisements; and ports that have a subnet of
// such a prefix.
extension RouterSlowPath {
    static let allRouters = IPAddress("ff02::2") ?? .any6

    /// Begins where a port was linked, and ends where it no longer is. What it was given stays for its time.
    func updateProviders() async {
        let ports = plan.ports.filter { $0.hasProvider && links?[$0.number] != nil }.map(\.number)
        for number in providers.keys where !ports.contains(number) {
            providers[number] = nil
        }
        let now = Self.sinceBoot
        for number in ports {
            guard let state = states[number], providers[number]?.mac != state.mac else { continue }
            let known = provisions[number]
            var provider = ProviderClient(mac: state.mac, remembering: known?.gateway, now: now)
            let actions = provider.prefixes.start(remembering: known?.delegation, now: now)
            providers[number] = provider
            await perform(actions, at: number, by: known?.message ?? [])
        }
    }

    /// What ports without a provider were given holds no more.
    func forgetProvisions() async {
        for number in provisions.keys where !plan.ports.contains(where: { $0.number == number && $0.hasProvider }) {
            await change(Provision(), at: number)
            provisions[number] = nil
        }
    }

    /// Does what is due.
    func advanceProviders() async {
        let now = Self.sinceBoot
        withdrawn = withdrawn.mapValues { $0.filter { $0.value > now } }
        for (number, var provision) in provisions where links != nil && providers[number] == nil {
            provision.gateway = nil
            if let end = provision.delegation?.end, end <= now { provision.delegation = nil }
            await change(provision, at: number)
        }
        for number in providers.keys.sorted() {
            if providers[number]?.advance(to: now) == true { await solicitRouters(port: number) }
            await chooseGateway(at: number)
            guard let deadline = providers[number]?.prefixes.deadline, deadline <= now,
                let actions = providers[number]?.prefixes.advance(to: now)
            else { continue }
            await perform(actions, at: number, by: [])
        }
    }

    /// Notes what a router says of itself. The way out changes with the next look at the clock, so that not each message
    /// costs a write to the disk.
    func takeRouterAdvertisement(_ message: ICMPMessage, _ packet: IPv6Packet, port number: Int) {
        guard let advertisement = RouterAdvertisement(message, from: packet.source) else { return }
        providers[number]?.hear(packet.source, lifetime: advertisement.lifetime, now: Self.sinceBoot)
    }

    func takeDHCPv6(_ frame: EthernetFrame, port number: Int) async {
        guard let datagram = DHCPDatagram(frame), datagram.ports.destination == DHCPv6Message.clientPort,
            let message = try? DHCPv6Message(datagram.payload),
            let actions = providers[number]?.prefixes.receive(message, now: Self.sinceBoot)
        else { return }
        await perform(actions, at: number, by: datagram.payload)
    }

    /// - Parameter bytes: the message that caused it.
    private func perform(_ actions: [PrefixClient.Action], at number: Int, by bytes: [UInt8]) async {
        for action in actions {
            var provision = provisions[number] ?? Provision()
            switch action {
            case .send(let message):
                await send(message, port: number)
                continue
            case .bind(let delegation): (provision.delegation, provision.message) = (delegation, bytes)
            case .unbind: (provision.delegation, provision.message) = (nil, [])
            }
            await change(provision, at: number)
        }
    }

    private func chooseGateway(at number: Int) async {
        guard let provider = providers[number] else { return }
        var provision = provisions[number] ?? Provision()
        provision.gateway = provider.gateway(after: provision.gateway)
        await change(provision, at: number)
    }

    private func change(_ new: Provision, at number: Int) async {
        let old = provisions[number] ?? Provision()
        guard new != old else { return }
        let before = currentPorts
        provisions[number] = new
        do {
            if new == Provision() {
                try await module.forget(Provision.memoryKey(number))
            } else {
                try await module.remember(
                    new.bytes(now: Self.sinceBoot, wall: Self.wallClock), for: Provision.memoryKey(number))
            }
        } catch {
            module.logger.warning(
                "router \(module.name): what port \(number) was given will be asked for anew: \(error)")
        }
        if let prefix = new.delegation?.prefix, prefix != old.delegation?.prefix {
            warnOfSubnets(without: prefix, from: number)
        }
        await updateLearned()
        await publishAddresses()
        withdraw(before)
    }

    /// Tells hosts of new prefixes, and has them give up those that ports no longer have.
    func withdraw(_ before: [PortPlan]) {
        for new in currentPorts {
            guard let old = before.first(where: { $0.number == new.number }), old.addresses != new.addresses else {
                continue
            }
            for address in new.addresses { withdrawn[new.number]?[address.networkPrefix] = nil }
            for address in old.addresses where !address.isIPv4 && !new.addresses.contains(address) {
                // Hosts keep addresses for two hours at most (RFC 4862, section 5.5.3).
                withdrawn[new.number, default: [:]][address.networkPrefix] = Self.sinceBoot + 7_200_000
            }
            schedules[new.number]?.asked(at: Self.now)
        }
    }

    private func warnOfSubnets(without prefix: IPPrefix, from number: Int) {
        let name = plan.ports.first { $0.number == number }?.name
        for port in plan.ports {
            guard let delegated = port.delegated, delegated.interface == name, delegated.address(in: prefix) == nil
            else { continue }
            module.logger.warning(
                """
                router \(module.name): \(prefix), which the provider delegates, has no subnet \(delegated.number) for \
                "\(port.name)": lower its `subnet`
                """)
        }
    }

    // MARK: What ports have of it

    private func delegation(for port: PortPlan) -> PrefixDelegation? {
        guard let delegated = port.delegated,
            let from = plan.ports.first(where: { $0.name == delegated.interface && $0.hasProvider })
        else { return nil }
        return provisions[from.number]?.delegation
    }

    func delegatedAddress(of port: PortPlan) -> IPPrefix? {
        delegation(for: port).flatMap { port.delegated?.address(in: $0.prefix) }
    }

    var provisionRoutes: [IPPrefix: Route] {
        var routes: [IPPrefix: Route] = [:]
        for (number, provision) in provisions { routes.merge(provision.routes(port: number)) { one, _ in one } }
        for port in plan.ports {
            guard let address = delegatedAddress(of: port) else { continue }
            routes.merge(RouterPlan.routes(of: address, port: port.number)) { _, subnet in subnet }
        }
        return routes
    }

    /// What hosts on a port's link are told of prefixes.
    func advertisedPrefixes(of port: PortPlan) -> [AdvertisedPrefix] {
        var delegated: [AdvertisedPrefix] = []
        if let address = delegatedAddress(of: port), let delegation = delegation(for: port) {
            delegated.append(AdvertisedPrefix(address, remaining: delegation.remaining(at: Self.sinceBoot)))
        }
        let current =
            port.advertisedPrefixes.filter { one in !delegated.contains { $0.prefix == one.prefix } } + delegated
        // RFC 7084, L-13.
        let old = (withdrawn[port.number] ?? [:]).keys.sorted { $0.address < $1.address }
            .map { AdvertisedPrefix($0, remaining: (0, 0)) }
        return current + old.filter { one in !current.contains { $0.prefix == one.prefix } }
    }

    // MARK: Messages

    private func send(_ message: DHCPv6Message, port: Int) async {
        guard let state = states[port] else { return }
        let datagram = DHCPDatagram(
            stations: (state.mac, .multicast(DHCPv6Message.servers)), source: state.linkLocal,
            destination: DHCPv6Message.servers, ports: (DHCPv6Message.clientPort, DHCPv6Message.serverPort),
            payload: message.bytes)
        await send(datagram.frame, port: port)
    }

    private func solicitRouters(port: Int) async {
        guard let state = states[port] else { return }
        let message = ICMPMessage(
            type: RouterAdvertisement.solicitationType,
            body: DiscoveryOption.bytes(DiscoveryOption.sourceAddress, state.mac.bytes))
        await send(
            message, from: state.linkLocal, to: Self.allRouters, at: .multicast(Self.allRouters), port: port)
    }
}
