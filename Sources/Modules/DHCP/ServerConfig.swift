// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a DHCP server is told to do.
struct ServerConfig: Sendable, Hashable {
    let mac: MACAddress
    /// The first one is that of the links; others are reached through relays.
    let subnets: [Subnet]
    let reservations: [Reservation]
    /// Whether there is no other server: then clients that it does not know are told that they cannot go on.
    let isAuthoritative: Bool
    /// How long a host has to say that it has an address, before that is offered; 0: nobody is asked. In milliseconds.
    let conflictWait: Int
    /// How long an address is not given away when somebody else has it. In seconds.
    let quarantine: Int
    /// How long an offer stands. In seconds.
    let offerTime: Int
    /// Packets a second of one kind from one port.
    let rate: Int
    /// Nil: IPv6 is left alone.
    let ipv6: StatelessConfig?

    init(_ config: ConfigReader) throws(ConfigError) {
        let server = try config.required("server_ip", .ipv4, "the server's own address")
        mac = try config.required("server_mac", .mac, "the server's own Ethernet address")
        let mask = try config.required(
            "netmask", .either(.ipv4, .integer(0...32)) { $0 },
            "the mask of the network on the links, like 255.255.255.0, or its length in bits")
        let keys = try SubnetKeys(config)
        let others = try config.value(
            "subnets", .list(of: .object { (config) throws(ConfigError) in try SubnetEntry(config) }), default: [],
            "further networks, whose hosts are behind relays")
        reservations = try config.value(
            "reservations", .list(of: .object { (config) throws(ConfigError) in try Reservation(config) }),
            default: [], "addresses of certain clients")
        isAuthoritative = try config.value(
            "authoritative", .bool, default: false,
            "whether there is no other DHCP server: then clients that this one does not know get an answer too")
        conflictWait = try config.value(
            "conflict_wait", .integer(0...2000), default: 250,
            "how many milliseconds the server waits for a host that has an address already, before it offers it; 0: it does not ask"
        )
        quarantine = try config.value(
            "quarantine", .integer(1...86_400), default: 600,
            "how many seconds an address that somebody else has is not given away")
        offerTime = try config.value(
            "offer_time", .integer(1...300), default: 10, "how many seconds an offer stands")
        rate = try config.value(
            "rate", .integer(1...10_000), default: 100,
            "how many packets a second of one kind each port may ask of the server; more are dropped")
        ipv6 = try config.optional(
            "ipv6", .object { (config) throws(ConfigError) in try StatelessConfig(config) },
            "what hosts learn over DHCPv6; without it, IPv6 is left alone")

        guard !mac.isMulticast, mac != .unknown else {
            throw config.error("server_mac", "\(mac) cannot be the address of a station")
        }
        let network = try Self.network(of: server, mask, config)
        var subnets = [try keys.subnet(network, server: server)]
        guard subnets[0].hasHost(server), !server.isLoopback, !server.isMulticast, !server.isUnspecified else {
            throw config.error("server_ip", "\(server) cannot be the address of a host in \(network.networkPrefix)")
        }
        guard others.count <= Self.mostSubnets else {
            throw config.error("subnets", "there are \(others.count), and there can be \(Self.mostSubnets)")
        }
        for (index, other) in others.enumerated() {
            let subnet = try other.keys.subnet(other.network, server: server)
            if let overlapped = subnets.first(where: { $0.network.overlaps(subnet.network) }) {
                throw config.error(
                    "subnets/\(index)/network", "\(subnet.network) overlaps \(overlapped.network)")
            }
            subnets.append(subnet)
        }
        self.subnets = subnets
        guard subnets.reduce(0, { $0 + $1.size }) <= mostAddresses else {
            throw config.error("subnets", "there are more than \(mostAddresses) addresses in all ranges")
        }
        try checkReservations(config)
    }

    private static func network(
        of server: IPAddress, _ mask: Either<IPAddress, Int>, _ config: ConfigReader
    ) throws(ConfigError) -> IPPrefix {
        let prefix =
            switch mask {
            case .first(let mask): IPPrefix(server, netmask: mask)
            case .second(let length): IPPrefix(server, length: length)
            }
        guard let prefix else {
            throw config.error("netmask", "it is no mask: ones, then zeros, like 255.255.255.0")
        }
        guard prefix.length >= 8 else { throw config.error("netmask", "a network has 8 bits at least") }
        return prefix
    }

    /// So that work for each packet has bounds.
    private static let mostSubnets = 64
    private static let mostReservations = 4096

    private func checkReservations(_ config: ConfigReader) throws(ConfigError) {
        guard reservations.count <= Self.mostReservations else {
            throw config.error(
                "reservations", "there are \(reservations.count), and there can be \(Self.mostReservations)")
        }
        var clients: [ClientKey: IPAddress] = [:]
        var owners: Set<IPAddress> = []
        for (index, reservation) in reservations.enumerated() {
            let key = "reservations/\(index)"
            let address = reservation.address
            guard let subnet = subnets.first(where: { $0.network.contains(address) }), subnet.hasHost(address) else {
                throw config.error("\(key)/address", "\(address) is a host of none of the networks")
            }
            guard address != subnet.server, !subnet.routers.contains(address) else {
                throw config.error("\(key)/address", "\(address) is the server's own or a router's")
            }
            guard owners.insert(address).inserted else {
                throw config.error("\(key)/address", "\(address) is reserved already")
            }
            if let other = clients.updateValue(address, forKey: reservation.client),
                subnets.first(where: { $0.network.contains(other) })?.network == subnet.network
            {
                throw config.error(key, "\(reservation.client) has a reservation already, \(other)")
            }
        }
    }
}

/// A further network, as it is written.
struct SubnetEntry {
    let network: IPPrefix
    let keys: SubnetKeys

    init(_ config: ConfigReader) throws(ConfigError) {
        network = try config.required("network", .prefix, "the network, like 10.1.0.0/24")
        keys = try SubnetKeys(config)
        guard network.isIPv4 else { throw config.error("network", "\(network) is IPv6") }
        guard network.length >= 8 else { throw config.error("network", "a network has 8 bits at least") }
        // What is wrong with it is to be said of this object.
        _ = try keys.subnet(network, server: .any4)
    }
}

/// What hosts learn over stateless DHCPv6.
struct StatelessConfig: Sendable, Hashable {
    let dns: [IPAddress]
    let domainSearch: [DNSName]
    let ntp: [IPAddress]
    /// In seconds.
    let refreshTime: Int

    init(_ config: ConfigReader) throws(ConfigError) {
        dns = try config.value("dns", .oneOrMore(.ipv6), default: [], "name servers (option 23)")
        domainSearch = try config.value(
            "domain_search", .oneOrMore(.domainName), default: [], "domains to search names in (option 24)")
        ntp = try config.value("ntp", .oneOrMore(.ipv6), default: [], "time servers (options 31 and 56)")
        refreshTime = try config.value(
            "refresh_time", .integer(600...31_536_000), default: 86_400,
            "after how many seconds hosts ask again (option 32)")
    }
}
