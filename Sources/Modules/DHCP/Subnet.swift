// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A network whose hosts get their addresses here.
struct Subnet: Sendable, Hashable {
    let network: IPPrefix
    /// The server's address for its clients.
    let server: IPAddress
    /// Addresses to give away, without those that are `excluded`.
    let ranges: [AddressRange]
    let excluded: [AddressRange]
    let routers: [IPAddress]
    let dns: [IPAddress]
    let domain: DNSName?
    let domainSearch: [DNSName]
    let ntp: [IPAddress]
    let mtu: Int?
    let routes: [DHCPRoute]
    let options: [CustomOption]
    let nextServer: IPAddress?
    let bootFile: String?
    /// In seconds.
    let leaseTime: Int
    /// In seconds.
    let renewalTime: Int
    /// In seconds.
    let rebindingTime: Int

    /// Whether an address is one to give away.
    func gives(_ address: IPAddress) -> Bool {
        ranges.contains { $0.contains(address) } && !excluded.contains { $0.contains(address) }
    }

    /// Addresses in the ranges, at most.
    var size: Int { ranges.reduce(0) { $0 + $1.count } }

    /// Whether hosts of this network can have an address.
    func hasHost(_ address: IPAddress) -> Bool {
        guard network.contains(address) else { return false }
        return network.length >= 31 || (address != network.network && address != network.last)
    }
}

/// The most addresses in the ranges of all networks, so that a flood of clients has bounds.
let mostAddresses = 65_536

/// The keys that all networks have, as they are written.
struct SubnetKeys {
    private let config: ConfigReader
    private let low: IPAddress?
    private let high: IPAddress?
    private let ranges: [AddressRange]
    private let excluded: [AddressRange]
    private let routers: [IPAddress]
    private let dns: [IPAddress]
    private let domain: DNSName?
    private let domainSearch: [DNSName]
    private let ntp: [IPAddress]
    private let mtu: Int?
    private let routes: [DHCPRoute]
    private let options: [CustomOption]
    private let nextServer: IPAddress?
    private let bootFile: String?
    private let leaseTime: Int
    private let renewalTime: Int?
    private let rebindingTime: Int?

    /// Seconds; a year at most.
    private static let times = 10...31_536_000

    init(_ config: ConfigReader) throws(ConfigError) {
        self.config = config
        low = try config.optional("addr_low", .ipv4, "the first address to give away")
        high = try config.optional("addr_high", .ipv4, "the last address to give away")
        ranges = try config.value(
            "ranges", .oneOrMore(.addressRange), default: [],
            "addresses to give away, in place of `addr_low` and `addr_high` or besides them")
        excluded = try config.value(
            "excluded", .oneOrMore(.addressRange), default: [],
            "addresses in the ranges that are not given away; the server's own and the routers never are")
        routers = try config.value("router", .oneOrMore(.ipv4), default: [], "the default gateway (option 3)")
        dns = try config.value("dns", .oneOrMore(.ipv4), default: [], "name servers (option 6)")
        domain = try config.optional("domain", .domainName, "the domain of the clients (option 15)")
        domainSearch = try config.value(
            "domain_search", .oneOrMore(.domainName), default: [], "domains to search names in (option 119)")
        ntp = try config.value("ntp", .oneOrMore(.ipv4), default: [], "time servers (option 42)")
        mtu = try config.optional("mtu", .integer(68...65_535), "the MTU of the clients' interfaces (option 26)")
        routes = try config.value(
            "routes", .list(of: .object(Self.route)), default: [],
            "static routes (option 121); the one by `router` is sent with them")
        options = try config.value(
            "options", .list(of: .object { (config) throws(ConfigError) in try CustomOption(config) }), default: [],
            "other options")
        nextServer = try config.optional("next_server", .ipv4, "where clients that start over the network go on")
        bootFile = try config.optional(
            "boot_file", .text, "the file that they start from, up to 127 bytes")
        leaseTime = try config.value(
            "lease_time", .integer(Self.times), default: 43_200,
            "how many seconds an address is leased; a client can ask for less")
        renewalTime = try config.optional(
            "renewal_time", .integer(1...31_536_000), "seconds until a client renews its lease (T1); without it, half")
        rebindingTime = try config.optional(
            "rebinding_time", .integer(1...31_536_000),
            "seconds until a client asks any server to do so (T2); without it, 7/8")
    }

    private static func route(_ config: ConfigReader) throws(ConfigError) -> DHCPRoute {
        let prefix = try config.required("prefix", .prefix, "the network")
        let router = try config.required("via", .ipv4, "the router to it; 0.0.0.0 for a network on the link")
        guard prefix.isIPv4 else { throw config.error("prefix", "\(prefix) is IPv6: option 121 has IPv4 only") }
        return DHCPRoute(prefix, via: router)
    }

    /// So that work for each packet has bounds.
    private static let mostElements = 64

    private func checkCounts() throws(ConfigError) {
        let counts = [
            ("ranges", ranges.count), ("excluded", excluded.count), ("router", routers.count), ("dns", dns.count),
            ("domain_search", domainSearch.count), ("ntp", ntp.count), ("routes", routes.count),
            ("options", options.count),
        ]
        for (key, count) in counts where count > Self.mostElements {
            throw config.error(key, "there are \(count), and there can be \(Self.mostElements)")
        }
    }

    /// What the keys mean for a network, if that can be.
    func subnet(_ network: IPPrefix, server: IPAddress) throws(ConfigError) -> Subnet {
        try checkCounts()
        let own = ([server] + routers).compactMap { AddressRange($0, $0) }
        let subnet = Subnet(
            network: network.networkPrefix, server: server, ranges: try allRanges(), excluded: excluded + own,
            routers: routers, dns: dns, domain: domain, domainSearch: domainSearch, ntp: ntp, mtu: mtu,
            routes: routes, options: options, nextServer: nextServer, bootFile: bootFile, leaseTime: leaseTime,
            renewalTime: renewalTime ?? leaseTime / 2, rebindingTime: rebindingTime ?? leaseTime * 7 / 8)
        try checkRanges(of: subnet)
        try checkTimes(of: subnet)
        if let bootFile, bootFile.utf8.count > 127 {
            throw config.error("boot_file", "it has \(bootFile.utf8.count) bytes, and can have 127")
        }
        for (index, router) in routers.enumerated() where !subnet.hasHost(router) {
            throw config.error(
                routers.count == 1 ? "router" : "router/\(index)",
                "\(router) is no host of \(subnet.network): clients could not reach it")
        }
        return subnet
    }

    private func allRanges() throws(ConfigError) -> [AddressRange] {
        guard let low, let high else {
            if let low {
                throw config.error("addr_low", "there is no addr_high: where does the range from \(low) end?")
            }
            if let high {
                throw config.error("addr_high", "there is no addr_low: where does the range to \(high) begin?")
            }
            return ranges
        }
        guard let range = AddressRange(low, high) else {
            throw config.error("addr_high", "\(high) is before addr_low, \(low)")
        }
        return [range] + ranges
    }

    private func checkRanges(of subnet: Subnet) throws(ConfigError) {
        let hasPair = low != nil
        for (index, range) in subnet.ranges.enumerated() {
            let isPair = hasPair && index == 0
            let number = hasPair ? index - 1 : index
            for end in [range.first, range.last] where !subnet.hasHost(end) {
                let key = !isPair ? "ranges/\(number)" : end == range.first ? "addr_low" : "addr_high"
                throw config.error(key, "\(end) is no host of \(subnet.network)")
            }
            if let other = subnet.ranges[..<index].first(where: range.overlaps) {
                throw config.error("ranges/\(number)", "\(range) overlaps \(other)")
            }
        }
        guard subnet.size <= mostAddresses else {
            throw config.error(
                hasPair ? "addr_high" : "ranges",
                "there are \(subnet.size) addresses in the ranges, and there can be \(mostAddresses)")
        }
    }

    private func checkTimes(of subnet: Subnet) throws(ConfigError) {
        guard subnet.rebindingTime < leaseTime else {
            throw config.error(
                "rebinding_time", "\(subnet.rebindingTime) is not before the lease ends, after \(leaseTime) seconds")
        }
        guard subnet.renewalTime < subnet.rebindingTime else {
            throw config.error(
                "renewal_time", "\(subnet.renewalTime) is not before rebinding_time, \(subnet.rebindingTime)")
        }
    }
}
