// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a port's router advertisements say (RFC 4861, section 6.2.1; RFC 8106).
struct AdvertisementConfig: Sendable, Hashable {
    /// Seconds.
    var interval: Int
    /// Seconds for which this is a default router.
    var lifetime: Int
    var isManaged: Bool
    var hasOther: Bool
    var hopLimit: Int
    /// Nil: those of the port's addresses.
    var prefixes: [AdvertisedPrefix]?
    var mtu: Int?
    var nameServers: [IPAddress]
    var searchList: [String]

    init(_ config: ConfigReader) throws(ConfigError) {
        interval = try config.value(
            "interval", .integer(4...1800), default: 600,
            "the most seconds between two advertisements that nobody asked for; the least are a third of it")
        let lifetime = try config.optional(
            "lifetime", .integer(0...9000),
            "seconds for which hosts take this router as their default one; without it three times the interval")
        isManaged = try config.value("managed", .bool, default: false, "hosts get addresses by DHCPv6 (the M flag)")
        hasOther = try config.value(
            "other", .bool, default: false, "hosts get other parameters by DHCPv6 (the O flag)")
        hopLimit = try config.value(
            "hop_limit", .integer(0...255), default: 64, "what hosts put into their packets; 0: unspecified")
        prefixes = try config.optional(
            "prefixes", .list(of: .object(AdvertisedPrefix.init)),
            "the prefixes that hosts may use; without it the subnets of the port's own IPv6 addresses")
        mtu = try config.optional("mtu", .integer(1280...65_535), "the link's MTU, if hosts are to be told")
        nameServers = try config.value(
            "dns_servers", .list(of: .ipv6), default: [], "the name servers that hosts may ask (RDNSS)")
        searchList = try config.value(
            "dns_search", .list(of: .domain), default: [], "domains in which hosts look for short names (DNSSL)")
        self.lifetime = lifetime ?? min(3 * interval, 9000)
        if let lifetime, lifetime != 0, lifetime < interval {
            throw config.error(
                "lifetime",
                "\(lifetime) is less than the interval of \(interval): hosts would lose "
                    + "their router between two advertisements; use 0, or \(interval) to 9000")
        }
    }
}

/// A prefix that hosts are told of.
struct AdvertisedPrefix: Sendable, Hashable {
    var prefix: IPPrefix
    /// Seconds.
    var validLifetime: Int
    /// Seconds.
    var preferredLifetime: Int
    var isOnLink: Bool
    var isAutonomous: Bool

    /// With the lifetimes of RFC 4861, section 6.2.1.
    init(_ prefix: IPPrefix) {
        self.prefix = prefix.networkPrefix
        validLifetime = 2_592_000
        preferredLifetime = 604_800
        isOnLink = true
        isAutonomous = prefix.length == 64
    }

    /// Of a delegated prefix, for as long as that is left.
    init(_ prefix: IPPrefix, remaining: (preferred: Int?, valid: Int?)) {
        self.init(prefix)
        let forever = 0xffff_ffff
        validLifetime = remaining.valid.map { min($0, forever) } ?? forever
        preferredLifetime = remaining.preferred.map { min($0, validLifetime) } ?? validLifetime
    }

    init(_ config: ConfigReader) throws(ConfigError) {
        self.init(try config.required("prefix", .prefix, "an IPv6 prefix; of 64 bits for hosts to make addresses in"))
        let isForever = 0xffff_ffff
        validLifetime = try config.value(
            "valid_lifetime", .integer(0...isForever), default: validLifetime,
            "seconds for which addresses are valid; 4294967295: for ever")
        preferredLifetime = try config.value(
            "preferred_lifetime", .integer(0...isForever), default: preferredLifetime,
            "seconds for which addresses are preferred")
        isOnLink = try config.value("on_link", .bool, default: true, "hosts reach the prefix without the router")
        isAutonomous = try config.value(
            "autonomous", .bool, default: true, "hosts make addresses of their own in the prefix")
        guard !prefix.isIPv4, !prefix.address.isMulticast, !prefix.address.isLinkLocal else {
            throw config.error("prefix", "\(prefix) is no IPv6 prefix that hosts can have: use one like 2001:db8::/64")
        }
        guard preferredLifetime <= validLifetime else {
            throw config.error(
                "preferred_lifetime", "\(preferredLifetime) is more than valid_lifetime, \(validLifetime): lower it")
        }
    }
}

extension ConfigFormat where Value == String {
    /// A domain name of letters, digits and hyphens (RFC 1035, section 2.3.1).
    static var domain: ConfigFormat {
        text("a domain name like example.org", sample: "example.org") { text in
            let labels = text.split(separator: ".", omittingEmptySubsequences: false)
            let isValid = labels.allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy { byte in
                        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                            || byte == 0x2d || byte == 0x5f
                    }
            }
            return isValid && text.utf8.count <= 253 ? text : nil
        }
    }
}
