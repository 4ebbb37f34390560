// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a router's configuration says, as it is written.
struct RouterConfig {
    var interfaces: [RouterInterface]
    var staticRoutes: [StaticRoute]
    var routes: [WrittenRoute]
    var routeTableSize: Int
    var neighbourTableSize: Int
    var icmpErrorRate: Int
    var icmpErrorBurst: Int
    /// Seconds.
    var reachableTime: Int
    var kernelImport: KernelImport?

    init(_ config: ConfigReader) throws(ConfigError) {
        interfaces = try config.value(
            "interfaces", .list(of: .object(RouterInterface.init)), default: [],
            "what the router is linked to, one for each port")
        staticRoutes = try config.value(
            "static_routes", .list(of: .object(StaticRoute.init)), default: [],
            "IPv4 routes in the form of iovisor-ovn; `routes` can say more")
        routes = try config.value(
            "routes", .list(of: .object(WrittenRoute.init)), default: [],
            "IPv4 and IPv6 routes, besides those to the subnets of the interfaces")
        routeTableSize = try config.value(
            "route_table_size", .integer(64...4_194_304), default: 131_072,
            "the most configured, and the most learned routes, for IPv4 and IPv6 each")
        neighbourTableSize = try config.value(
            "neighbour_table_size", .integer(64...262_144), default: 4096,
            "the most neighbours, for IPv4 and IPv6 each; the least used one gives way to a new one")
        icmpErrorRate = try config.value(
            "icmp_error_rate", .integer(0...100_000), default: 1000,
            "the most ICMP errors a second for the packets of one port; 0: none")
        icmpErrorBurst = try config.value(
            "icmp_error_burst", .integer(1...100_000), default: 100, "ICMP errors at once, after a time without any")
        reachableTime = try config.value(
            "reachable_time", .integer(1...3600), default: 30,
            "seconds for which a neighbour that has answered is not asked again, give or take a half")
        kernelImport = try config.optional(
            "import_kernel_routes", .object(KernelImport.init),
            "follows a routing table of the kernel, into which FRR or BIRD may write")
    }
}

/// Which of the kernel's routes are taken over.
struct KernelImport: Sendable, Hashable {
    var table: Int

    init(_ config: ConfigReader) throws(ConfigError) {
        table = try config.value(
            "table", .integer(1...0x7fff_ffff), default: 254, "the table's number; 254 is the kernel's main one")
    }
}

/// Whether a packet's source must have a route (RFC 3704).
enum ReversePath: String, Sendable, CaseIterable {
    case off, loose, strict

    /// `enum reverse_path`, tables.h.
    var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// A port and what is behind it.
struct RouterInterface {
    var name: String
    var port: Int?
    var ip: IPAddress?
    var netmask: IPAddress?
    var written: [IPPrefix]
    var mac: MACAddress?
    var mtu: Int?
    var reversePath: ReversePath
    var hasDHCP: Bool
    var hasProvider: Bool
    var delegated: DelegatedSubnet?
    var advertisements: AdvertisementConfig?

    init(_ config: ConfigReader) throws(ConfigError) {
        name = try config.required("name", .text, "the module or interface that the port is linked to")
        port = try config.optional(
            "port", .integer(1...64), "the port's number; without it the place in this list, from 1")
        ip = try config.optional("ip", .ipv4, "an IPv4 address of the port; with `netmask`")
        netmask = try config.optional("netmask", .ipv4, "the netmask of `ip`")
        written = try config.value(
            "addresses", .list(of: .interfaceAddress), default: [],
            "the port's addresses, IPv4 and IPv6, with the prefix lengths of their subnets; a link-local IPv6 address "
                + "takes the place of the one that is made of the Ethernet address")
        mac = try config.optional(
            "mac", .mac, "the port's Ethernet address; without it one is made of the module's id and the port")
        mtu = try config.optional(
            "mtu", .integer(1280...65_535), "the most bytes of an IP packet; without it the linked interface's, or 1500"
        )
        reversePath = try config.value(
            "reverse_path_filter", .choice, default: .off,
            "drops packets whose source has no route (loose), or none by this port (strict)")
        hasDHCP = try config.value(
            "dhcp", .bool, default: false,
            "the port gets an IPv4 address and a default route by DHCP, as its entry in the table `leases` says")
        hasProvider = try config.value(
            "prefix_delegation", .bool, default: false,
            "the port gets an IPv6 prefix for the ports that are `delegated` by DHCPv6 (RFC 8415), and a default route "
                + "from router advertisements")
        delegated = try config.optional(
            "delegated", .object(DelegatedSubnet.init),
            "a subnet of the prefix that another port gets by `prefix_delegation`, with this port as its first host")
        advertisements = try config.optional(
            "router_advertisements", .object(AdvertisementConfig.init),
            "has hosts on the link configure themselves for IPv6 (SLAAC, RFC 4861 and 4862)")
    }
}

/// Which part of a delegated prefix is a port's.
struct DelegatedSubnet: Sendable, Hashable {
    /// The interface by which the prefix comes.
    var interface: String
    /// The bits between the prefix's and the 64th.
    var number: Int

    init(_ config: ConfigReader) throws(ConfigError) {
        interface = try config.required("from", .text, "the name of the interface with `prefix_delegation`")
        number = try config.value(
            "subnet", .integer(0...0xffff_ffff), default: 0, "the number of the subnet of 64 bits, from 0")
    }

    /// The port's address; nil where the prefix has no such subnet.
    func address(in prefix: IPPrefix) -> IPPrefix? {
        let bits = 64 - prefix.length
        guard !prefix.isIPv4, (0...63).contains(bits), bits >= 32 || number >> bits == 0 else { return nil }
        var bytes = prefix.network.bytes
        for index in 4..<8 { bytes[index] |= UInt8(number >> (8 * (7 - index)) & 0xff) }
        bytes[15] = 1
        return IPAddress(bytes: bytes).flatMap { IPPrefix($0, length: 64) }
    }
}

/// A route as iovisor-ovn writes it.
struct StaticRoute {
    var network: IPAddress
    var netmask: IPAddress
    var interface: String
    /// Nil: the destination is on the link.
    var nextHop: IPAddress?

    init(_ config: ConfigReader) throws(ConfigError) {
        network = try config.required("network", .ipv4, "the destination's network")
        netmask = try config.required("netmask", .ipv4, "the netmask of `network`")
        interface = try config.required("interface", .text, "the name of the interface to it")
        let text = try config.optional(
            "next_hop",
            .either(.integer(0...0), .text) { either in
                switch either {
                case .first: "0"
                case .second(let text): text
                }
            }, "the gateway's address; without it, or with 0, the destination is on the interface's link")
        guard let text, text != "0", text != "0.0.0.0" else { return }
        guard let address = IPAddress(text), address.isIPv4 else {
            throw config.error("next_hop", "\"\(text)\" is not an IPv4 address like 10.0.0.1")
        }
        nextHop = address
    }
}

/// What becomes of packets to a prefix.
enum WrittenRouteType: String, Sendable, CaseIterable {
    case unicast, blackhole, unreachable, prohibit
}

/// A gateway, and the interface to it where it is said: `fe80::1%wan`.
struct WrittenGateway: Sendable, Hashable {
    var address: IPAddress
    var interface: String?

    init?(_ text: String) {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)), parts.last?.isEmpty == false else {
            return nil
        }
        self.address = address
        interface = parts.count == 2 ? String(parts[1]) : nil
    }
}

/// A route.
struct WrittenRoute {
    var prefix: IPPrefix
    var via: [WrittenGateway]
    var interface: String?
    var type: WrittenRouteType

    /// Made once, for there may be a hundred thousand routes.
    private static let gateways: ConfigFormat<[WrittenGateway]> = {
        let gateway = ConfigFormat<WrittenGateway>.text(
            "a gateway's address like 10.0.0.1, 2001:db8::1 or fe80::1%eth0", sample: WrittenGateway("10.0.0.1")
        ) { WrittenGateway($0) }
        return .either(gateway.map { [$0] }, .list(of: gateway)) { either in
            switch either {
            case .first(let one), .second(let one): one
            }
        }
    }()
    private static let prefixes = ConfigFormat<IPPrefix>.prefix
    private static let types = ConfigFormat<WrittenRouteType>.choice

    init(_ config: ConfigReader) throws(ConfigError) {
        prefix = try config.required("prefix", Self.prefixes, "the destinations")
        via = try config.value(
            "via", Self.gateways, default: [],
            "the gateway, or several that share the flows (ECMP); without it the destinations are on the link")
        interface = try config.optional(
            "interface", .text, "the name of the interface to the gateway, or to the destinations")
        type = try config.value(
            "type", Self.types, default: .unicast,
            "blackhole drops, unreachable and prohibit tell the sender too")
    }
}
