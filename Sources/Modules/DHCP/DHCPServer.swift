// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A DHCP server that knows neither packets nor clocks: it is told what comes and when, and says what is to be done.
///
/// Times are in milliseconds since the machine started. Cases are those of RFC 2131, section 4.3.
struct DHCPServer: Sendable {
    /// A client's message, and how it came.
    struct Request: Sendable, Hashable {
        var message: DHCPMessage
        var port: Int
        /// The station that sent the frame: the client, a relay, or the router before it.
        var station: MACAddress
        /// Whence the IP packet came.
        var source: IPAddress
    }

    /// What is to be sent.
    struct Reply: Sendable, Hashable {
        var message: DHCPMessage
        var port: Int
        var station: MACAddress
        var source: IPAddress
        var destination: IPAddress
        var destinationPort: UInt16
    }

    /// What is to be done, in this order. When a lease cannot be kept, nothing behind it is to be done: a client must not
    /// get what the server may forget.
    enum Action: Sendable, Hashable {
        case keep(Lease)
        case forget(IPAddress)
        case send(Reply)
        /// Ask whether somebody has the address.
        case probe(IPAddress, port: Int)
    }

    /// What happened, for the state's counts.
    enum Event: String, Sendable, CaseIterable {
        case discover, offer, request, ack, nak, decline, release, inform
        /// A message of BOOTP, or of a kind that there is not.
        case unknownKind = "unknown_kind"
        /// A message that contradicts itself.
        case malformed
        /// A message of another server.
        case fromServer = "from_server"
        /// From a network that is not configured.
        case noSubnet = "no_subnet"
        /// The client takes another server's offer.
        case otherServer = "other_server"
        /// A client of whom nothing is known asks to go on.
        case unknownClient = "unknown_client"
        /// No address is left.
        case exhausted
        /// Somebody has an address that was about to be offered.
        case conflict
        /// Too many addresses are being asked for.
        case busy
    }

    /// An address that is about to be offered, and that somebody may have.
    private struct Probe: Sendable {
        var request: Request
        var client: ClientKey
        let deadline: Int
        let tries: Int
    }

    /// Addresses that are asked for at the same time.
    private static let mostProbes = 256
    /// Addresses that are tried for a client until it is to ask again.
    private static let mostTries = 4

    private(set) var config: ServerConfig
    private(set) var leases = LeaseDatabase()
    private(set) var counts: [Event: UInt64] = [:]
    private var probes: [IPAddress: Probe] = [:]

    /// - Parameter known: leases that were kept.
    init(_ config: ServerConfig, known: [Lease] = []) {
        self.config = config
        for lease in known {
            leases.set(lease)
        }
    }

    /// Goes on with another configuration, and gives up the leases that have no place in it. Called for the first one too.
    mutating func configure(_ config: ServerConfig) -> [Action] {
        self.config = config
        probes = [:]
        return leases.configure(config).map { .forget($0) }
    }

    /// When `advance` is to be called next.
    var nextDeadline: Int? { probes.values.map(\.deadline).min() }

    /// Offers the addresses that nobody answered for.
    mutating func advance(to now: Int) -> [Action] {
        let due = probes.filter { $0.value.deadline <= now }.sorted { $0.value.deadline < $1.value.deadline }
        return due.flatMap { address, probe -> [Action] in
            probes[address] = nil
            guard let subnet = subnet(for: probe.request) else { return [] }
            return offer(address, to: probe.request, in: subnet)
        }
    }

    /// A host has said that it has an address.
    mutating func heard(_ station: MACAddress, at address: IPAddress, now: Int) -> [Action] {
        guard let probe = probes[address], probe.request.message.mac != station else { return [] }
        probes[address] = nil
        count(.conflict)
        let kept = quarantine(address, at: now)
        guard let subnet = subnet(for: probe.request) else { return [kept] }
        return [kept] + discover(probe.request, probe.client, in: subnet, now: now, tries: probe.tries + 1)
    }

    /// A client's message.
    mutating func receive(_ request: Request, now: Int) -> [Action] {
        let message = request.message
        guard message.operation == .request else { return ignore(.fromServer) }
        guard let kind = message.kind else { return ignore(.unknownKind) }
        guard let client = ClientKey(message), message.mac.map(Self.isStation) ?? true else {
            return ignore(.malformed)
        }
        guard let subnet = subnet(for: request) else { return ignore(.noSubnet) }
        switch kind {
        case .discover:
            count(.discover)
            return discover(request, client, in: subnet, now: now, tries: 0)
        case .request:
            count(.request)
            return self.request(request, client, in: subnet, now: now)
        case .decline:
            count(.decline)
            return decline(message, client, in: subnet, now: now)
        case .release:
            count(.release)
            return release(message, client, in: subnet, now: now)
        case .inform:
            count(.inform)
            return inform(request, in: subnet)
        case .offer, .ack, .nak:
            return ignore(.fromServer)
        }
    }

    /// Whether an Ethernet address is one station's, which an answer can be sent to.
    private static func isStation(_ mac: MACAddress) -> Bool {
        !mac.isMulticast && mac.bytes.contains { $0 != 0 }
    }

    mutating func count(_ event: Event) {
        counts[event, default: 0] += 1
    }

    private mutating func ignore(_ event: Event) -> [Action] {
        count(event)
        return []
    }

    /// The network of a client: where its relay is, else where the address is that it has, else the one on the links.
    private func subnet(for request: Request) -> Subnet? {
        let message = request.message
        if !message.relay.isUnspecified {
            return config.subnets.first { $0.network.contains(message.relay) }
        }
        return config.subnets.first { $0.network.contains(message.clientAddress) } ?? config.subnets.first
    }

    func reservation(for message: DHCPMessage, in subnet: Subnet) -> Reservation? {
        // An identifier says more than an Ethernet address.
        let fitting = config.reservations.filter { subnet.network.contains($0.address) && $0.fits(message) }
        return fitting.first(where: \.client.isIdentifier) ?? fitting.first
    }

    /// Whether a client can have an address.
    private func canHave(
        _ address: IPAddress, _ message: DHCPMessage, _ client: ClientKey, in subnet: Subnet, at now: Int
    ) -> Bool {
        if let reservation = reservation(for: message, in: subnet), isUsable(reservation, client, at: now) {
            return reservation.address == address
        }
        return leases.canHave(address, client, in: subnet, at: now)
    }

    /// Whether nobody else has an address that is reserved for a client. A station may have several identifiers, one in
    /// each of its systems.
    private func isUsable(_ reservation: Reservation, _ client: ClientKey, at now: Int) -> Bool {
        guard let lease = leases[reservation.address], lease.isLive(at: now) else { return true }
        return lease.client == client || lease.hardware == reservation.client.bytes
    }
}

// DHCPDISCOVER (RFC 2131, section 4.3.1).
extension DHCPServer {
    private mutating func discover(
        _ request: Request, _ client: ClientKey, in subnet: Subnet, now: Int, tries: Int
    ) -> [Action] {
        let message = request.message
        guard tries < Self.mostTries else { return [] }
        let reserved = reservation(for: message, in: subnet).flatMap {
            isUsable($0, client, at: now) ? $0.address : nil
        }
        let requested = message.options.address(.requestedAddress)
        guard
            let address = reserved ?? leases.choose(for: client, in: subnet, requested: requested, at: now)
        else { return ignore(.exhausted) }
        if let lease = leases[address], lease.client == client, lease.isLive(at: now) {
            // Asked again while it waits: the last message counts.
            guard probes[address] == nil else {
                probes[address]?.request = request
                return []
            }
            return offer(address, to: request, in: subnet, extendingTo: now)
        }
        // Behind a relay nobody can be asked.
        let asks = config.conflictWait > 0 && message.relay.isUnspecified
        guard !asks || probes.count < Self.mostProbes else { return ignore(.busy) }
        let wait = asks ? config.conflictWait : 0
        leases.set(
            Lease(
                address: address, state: .offered, client: client,
                hardware: [message.hardwareType] + message.hardwareAddress, duration: subnet.leaseTime,
                end: now + wait + config.offerTime * 1000))
        guard asks else { return offer(address, to: request, in: subnet) }
        probes[address] = Probe(request: request, client: client, deadline: now + wait, tries: tries)
        return [.probe(address, port: request.port)]
    }

    private mutating func offer(
        _ address: IPAddress, to request: Request, in subnet: Subnet, extendingTo now: Int? = nil
    ) -> [Action] {
        if let now, var lease = leases[address], lease.state == .offered {
            lease.end = now + config.offerTime * 1000
            leases.set(lease)
        }
        count(.offer)
        return [.send(reply(.offer, to: request, in: subnet, address: address, duration: duration(request, subnet)))]
    }

    /// The seconds of a lease: a client may ask for less than there is.
    private func duration(_ request: Request, _ subnet: Subnet) -> Int {
        guard let wanted: UInt32 = request.message.options.number(.leaseTime) else { return subnet.leaseTime }
        return min(max(Int(wanted), 10), subnet.leaseTime)
    }
}

// DHCPREQUEST (RFC 2131, section 4.3.2).
extension DHCPServer {
    private mutating func request(
        _ request: Request, _ client: ClientKey, in subnet: Subnet, now: Int
    ) -> [Action] {
        let message = request.message
        let requested = message.options.address(.requestedAddress)
        if let server = message.options[.server] {
            guard server == subnet.server.bytes else { return withdraw(client, in: subnet, now: now) }
            // Some clients that renew name the server, too.
            let address = requested ?? message.clientAddress
            guard canHave(address, message, client, in: subnet, at: now) else {
                return refuse(request, in: subnet, "\(address) cannot be had")
            }
            return grant(address, to: request, client, in: subnet, now: now)
        }
        guard let address = requested ?? (message.clientAddress.isUnspecified ? nil : message.clientAddress) else {
            return ignore(.malformed)
        }
        return confirm(address, to: request, client, in: subnet, now: now)
    }

    /// A client that starts again, renews or rebinds (RFC 2131, table 4).
    private mutating func confirm(
        _ address: IPAddress, to request: Request, _ client: ClientKey, in subnet: Subnet, now: Int
    ) -> [Action] {
        let message = request.message
        guard subnet.network.contains(address) else {
            return refuse(request, in: subnet, "\(address) is not of this network, \(subnet.network)")
        }
        let known = leases.leases(of: client, in: subnet).filter { $0.state != .offered }
        let isKnown = !known.isEmpty
        guard isKnown || config.isAuthoritative || reservation(for: message, in: subnet) != nil else {
            // Another server may know it; but nobody goes on with an address that this one has given away.
            let isTaken = leases[address].map { $0.isLive(at: now) && $0.state == .bound } ?? false
            return isTaken ? refuse(request, in: subnet, "\(address) is another client's") : ignore(.unknownClient)
        }
        let isReserved = reservation(for: message, in: subnet)?.address == address
        guard !isKnown || isReserved || known.contains(where: { $0.address == address }),
            canHave(address, message, client, in: subnet, at: now)
        else { return refuse(request, in: subnet, "\(address) is not this client's") }
        return grant(address, to: request, client, in: subnet, now: now)
    }

    private mutating func grant(
        _ address: IPAddress, to request: Request, _ client: ClientKey, in subnet: Subnet, now: Int
    ) -> [Action] {
        let message = request.message
        let duration = duration(request, subnet)
        let old = leases.leases(of: client, in: subnet).map(\.address).filter { $0 != address }
        let lease = Lease(
            address: address, state: .bound, client: client,
            hardware: [message.hardwareType] + message.hardwareAddress,
            hostname: (reservation(for: message, in: subnet)?.hostname ?? hostname(of: message))?.description
                ?? knownHostname(of: message, client, at: address),
            duration: duration, end: now + duration * 1000)
        probes[address] = nil
        for address in old {
            probes[address] = nil
            leases.remove(address)
        }
        leases.set(lease)
        count(.ack)
        return old.map { .forget($0) } + [
            .keep(lease), .send(reply(.ack, to: request, in: subnet, address: address, duration: duration)),
        ]
    }

    private mutating func refuse(_ request: Request, in subnet: Subnet, _ why: String) -> [Action] {
        count(.nak)
        return [.send(refusal(of: request, in: subnet, why))]
    }

    /// The client takes another server's offer: ours is free again.
    private mutating func withdraw(_ client: ClientKey, in subnet: Subnet, now: Int) -> [Action] {
        for lease in leases.leases(of: client, in: subnet) where lease.state == .offered {
            probes[lease.address] = nil
            leases.end(lease.address, as: .offered, at: now)
        }
        return ignore(.otherServer)
    }

    /// What a client has called itself before, when it does not say it again, as many do not when they renew.
    private func knownHostname(of message: DHCPMessage, _ client: ClientKey, at address: IPAddress) -> String? {
        guard message.options[.hostname] == nil, let lease = leases[address], lease.client == client else { return nil }
        return lease.hostname
    }

    /// What a client calls itself, if that is a name of a host.
    private func hostname(of message: DHCPMessage) -> DNSName? {
        message.options.text(.hostname).flatMap { DNSName($0) }
    }
}

// The others (RFC 2131, sections 4.3.3 to 4.3.5).
extension DHCPServer {
    /// Only for what the client has from here: otherwise anybody could put all addresses in quarantine with one message
    /// each.
    private mutating func decline(
        _ message: DHCPMessage, _ client: ClientKey, in subnet: Subnet, now: Int
    ) -> [Action] {
        guard let address = message.options.address(.requestedAddress) else { return ignore(.malformed) }
        guard message.options[.server] == subnet.server.bytes else { return ignore(.otherServer) }
        guard let lease = leases[address], lease.client == client, lease.isLive(at: now) else {
            return ignore(.unknownClient)
        }
        return [quarantine(address, at: now)]
    }

    private mutating func quarantine(_ address: IPAddress, at now: Int) -> Action {
        probes[address] = nil
        let lease = Lease(
            address: address, state: .quarantined, duration: config.quarantine, end: now + config.quarantine * 1000)
        leases.set(lease)
        return .keep(lease)
    }

    private mutating func release(
        _ message: DHCPMessage, _ client: ClientKey, in subnet: Subnet, now: Int
    ) -> [Action] {
        guard message.options[.server] == subnet.server.bytes else { return ignore(.otherServer) }
        let address = message.clientAddress
        guard let lease = leases[address], lease.client == client, lease.state == .bound else {
            return ignore(.unknownClient)
        }
        leases.end(address, as: .released, at: now)
        return leases[address].map { [.keep($0)] } ?? []
    }

    private mutating func inform(_ request: Request, in subnet: Subnet) -> [Action] {
        var request = request
        // Some clients leave it out, though it is the address that they have.
        if request.message.clientAddress.isUnspecified {
            request.message.clientAddress = request.source
        }
        let address = request.message.clientAddress
        guard address.isHostAddress, address != subnet.server else { return ignore(.malformed) }
        count(.ack)
        return [.send(reply(.ack, to: request, in: subnet, address: nil, duration: nil))]
    }
}
