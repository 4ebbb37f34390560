// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A port as its configuration means it.
struct PortPlan: Sendable, Hashable {
    var number: Int
    /// What it is linked to.
    var name: String
    /// Those of subnets; the link-local one is beside.
    var addresses: [IPPrefix] = []
    var linkLocal: IPAddress?
    var mac: MACAddress?
    var mtu: Int?
    var reversePath = ReversePath.off
    var hasDHCP = false
    /// Whether it asks for a prefix, and heeds router advertisements.
    var hasProvider = false
    var delegated: DelegatedSubnet?
    var advertisements: AdvertisementConfig?
}

/// What a router's configuration means, checked.
struct RouterPlan: Sendable {
    var ports: [PortPlan]
    /// All routes that the configuration decides, those of the addresses included.
    var routes: [IPPrefix: Route]
    var kernelImport: KernelImport?
    /// Seconds.
    var reachableTime: Int
    var routeTableSize: Int
    var neighbourTableSize: Int
    var icmpErrorRate: Int
    var icmpErrorBurst: Int

    init(_ reader: ConfigReader) throws(ConfigError) {
        let config = try RouterConfig(reader)
        ports = try Self.ports(config, reader)
        routes = [:]
        kernelImport = config.kernelImport
        reachableTime = config.reachableTime
        routeTableSize = config.routeTableSize
        neighbourTableSize = config.neighbourTableSize
        icmpErrorRate = config.icmpErrorRate
        icmpErrorBurst = config.icmpErrorBurst
        try checkAddresses(config, reader)
        try checkDelegated(reader)
        for port in ports {
            for address in port.addresses { addRoutes(of: address, port: port.number) }
        }
        var book = RouteBook(ports: ports, routes: routes)
        for (index, route) in config.staticRoutes.enumerated() { try book.add(route, reader, "static_routes/\(index)") }
        for (index, route) in config.routes.enumerated() { try book.add(route, reader, "routes/\(index)") }
        routes = book.routes
        for isIPv4 in [true, false] {
            let count = routes.keys.count { $0.isIPv4 == isIPv4 }
            guard count <= routeTableSize else {
                throw reader.error(
                    "route_table_size",
                    "there are \(count) \(isIPv4 ? "IPv4" : "IPv6") routes, with those of the "
                        + "addresses, and room for \(routeTableSize): raise it")
            }
        }
    }

    /// What a configuration says of everything but routes, which may be very many, and which the fast path has.
    init(withoutRoutes config: TypedValue) throws(ConfigError) {
        var config = config
        if case .object(var members) = config {
            members["routes"] = nil
            members["static_routes"] = nil
            config = .object(members)
        }
        try self.init(ConfigReader(config))
    }

    private static func ports(_ config: RouterConfig, _ reader: ConfigReader) throws(ConfigError) -> [PortPlan] {
        var ports: [PortPlan] = []
        for (index, interface) in config.interfaces.enumerated() {
            let place = "interfaces/\(index)"
            let number = interface.port ?? index + 1
            guard number <= 64 else {
                throw reader.error(place, "a router has 64 ports: remove interfaces, or use another router")
            }
            if let other = ports.first(where: { $0.name == interface.name }) {
                throw reader.error(
                    place + "/name",
                    "there is \"\(interface.name)\" twice (port \(other.number)): put all addresses "
                        + "into `addresses` of one")
            }
            if let other = ports.first(where: { $0.number == number }) {
                throw reader.error(
                    place + "/port",
                    "port \(number) is \"\(other.name)\" already: give each interface a port of its own")
            }
            if let mac = interface.mac, mac.isMulticast || mac == .unknown {
                throw reader.error(
                    place + "/mac",
                    "\(mac) is no station's address: the first byte must be even, as in "
                        + "02:00:00:00:00:01")
            }
            ports.append(try port(number, interface, reader, place))
        }
        return ports
    }

    private static func port(
        _ number: Int, _ interface: RouterInterface, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) -> PortPlan {
        var port = PortPlan(number: number, name: interface.name)
        if let ip = interface.ip {
            guard let netmask = interface.netmask else {
                throw reader.error(place + "/netmask", "there is no netmask for \(ip): add it, or write `addresses`")
            }
            guard let address = IPPrefix(ip, netmask: netmask) else {
                throw reader.error(
                    place + "/netmask", "\(netmask) is no netmask, it has holes: use one like 255.255.255.0")
            }
            try check(address, reader, place + "/ip")
            port.addresses.append(address)
        } else if interface.netmask != nil {
            throw reader.error(place + "/netmask", "there is no ip for this netmask: add it, or remove the netmask")
        }
        for (index, address) in interface.written.enumerated() {
            let place = "\(place)/addresses/\(index)"
            try check(address, reader, place)
            if address.address.isLinkLocal {
                guard port.linkLocal == nil else {
                    throw reader.error(place, "a port has one link-local address: remove \(address)")
                }
                port.linkLocal = address.address
            } else {
                port.addresses.append(address)
            }
        }
        port.mac = interface.mac
        port.mtu = interface.mtu
        port.reversePath = interface.reversePath
        port.hasDHCP = interface.hasDHCP
        port.hasProvider = interface.hasProvider
        port.delegated = interface.delegated
        port.advertisements = interface.advertisements
        if let prefixes = interface.advertisements?.prefixes, prefixes.contains(where: { $0.prefix.length > 64 }) {
            throw reader.error(
                place + "/router_advertisements/prefixes", "hosts make addresses in prefixes of 64 bits: use those")
        }
        return port
    }

    private static func check(_ address: IPPrefix, _ reader: ConfigReader, _ place: String) throws(ConfigError) {
        let host = address.address
        let isHost =
            !host.isUnspecified && !host.isMulticast && !host.isLoopback && host != .broadcast4
            && !(host.isIPv4 && (host.isLinkLocal || host.bytes[0] == 0 || host.bytes[0] >= 224))
        guard isHost else {
            throw reader.error(place, "\(host) cannot be a router's address: use one of a subnet")
        }
        guard address.length > 0 else {
            throw reader.error(place, "\(address) has all addresses in its subnet: write the subnet's prefix length")
        }
        if address.isIPv4, address.length <= 30, host == address.network || host == address.last {
            throw reader.error(
                place,
                "\(host) is \(host == address.network ? "the network" : "the broadcast address") of "
                    + "\(address.networkPrefix), and no host's: use one in between")
        }
    }

    /// Subnets of different ports must not overlap, and no address may come twice.
    private func checkAddresses(_ config: RouterConfig, _ reader: ConfigReader) throws(ConfigError) {
        for (index, port) in ports.enumerated() {
            for (place, address) in port.addresses.enumerated() {
                let hasIP = config.interfaces[index].ip != nil
                let pointer = "interfaces/\(index)/" + (hasIP && place == 0 ? "ip" : "addresses")
                if port.addresses[..<place].contains(where: { $0.address == address.address }) {
                    throw reader.error(pointer, "\(address.address) is there twice: remove one")
                }
                for other in ports[..<index] {
                    guard let found = other.addresses.first(where: { $0.overlaps(address) }) else { continue }
                    throw reader.error(
                        pointer, "\(address) overlaps \(found) of \"\(other.name)\": a subnet can be at one port only")
                }
            }
        }
    }

    /// What is delegated comes by a port that asks for it, and each subnet goes to one port.
    private func checkDelegated(_ reader: ConfigReader) throws(ConfigError) {
        for (index, port) in ports.enumerated() {
            guard let delegated = port.delegated else { continue }
            let place = "interfaces/\(index)/delegated"
            guard ports.contains(where: { $0.name == delegated.interface && $0.hasProvider && $0.name != port.name })
            else {
                throw reader.error(
                    place + "/from",
                    "there is no other interface \"\(delegated.interface)\" with prefix_delegation: name one that has "
                        + "`prefix_delegation: true`")
            }
            if let other = ports[..<index].first(where: { $0.delegated == delegated }) {
                throw reader.error(
                    place + "/subnet",
                    "subnet \(delegated.number) is that of \"\(other.name)\" already: give each interface another one")
            }
        }
    }

    private mutating func addRoutes(of address: IPPrefix, port: Int) {
        for (prefix, route) in Self.routes(of: address, port: port) {
            // The port's own address counts where another one's subnet begins or ends with it.
            if case .local = routes[prefix] { continue }
            routes[prefix] = route
        }
    }

    /// What a port's address says of where packets go.
    static func routes(of address: IPPrefix, port: Int) -> [(IPPrefix, Route)] {
        let bits = address.address.bytes.count * 8
        func host(_ address: IPAddress) -> IPPrefix? { IPPrefix(address, length: bits) }
        var routes: [(IPPrefix?, Route)] = [(host(address.address), .local(port: port))]
        if address.length < bits {
            routes.append((address.networkPrefix, .hops([Hop(gateway: nil, port: port)])))
        }
        if address.length < bits - 1 {
            if address.isIPv4 {
                routes += [address.network, address.last].map { (host($0), .broadcast(port: port)) }
            } else if address.address != address.network {
                // The subnet-router anycast address (RFC 4291, section 2.6.1).
                routes.append((host(address.network), .local(port: port)))
            }
        }
        return routes.compactMap { prefix, route in prefix.map { ($0, route) } }
    }
}
