// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// Takes written routes in, and says what is wrong with them.
struct RouteBook {
    private let ports: [PortPlan]
    private(set) var routes: [IPPrefix: Route]
    /// Where each prefix was written.
    private var places: [IPPrefix: String] = [:]
    /// By gateway, for a hundred thousand routes have few.
    private var found: [IPAddress: Int?] = [:]

    init(ports: [PortPlan], routes: [IPPrefix: Route]) {
        self.ports = ports
        self.routes = routes
    }

    mutating func add(_ route: StaticRoute, _ reader: ConfigReader, _ place: String) throws(ConfigError) {
        guard let prefix = IPPrefix(route.network, netmask: route.netmask) else {
            throw reader.error(
                place + "/netmask", "\(route.netmask) is no netmask, it has holes: use one like 255.255.255.0")
        }
        guard prefix.address == prefix.network else {
            throw reader.error(place + "/network", "\(prefix) has bits behind its netmask: write \(prefix.network)")
        }
        let port = try port(named: route.interface, reader, place + "/interface")
        if let gateway = route.nextHop {
            try check(gateway, of: prefix, port: port, reader, place + "/next_hop")
        }
        try insert(.hops([Hop(gateway: route.nextHop, port: port.number)]), for: prefix, reader, place + "/network")
    }

    mutating func add(_ route: WrittenRoute, _ reader: ConfigReader, _ place: String) throws(ConfigError) {
        let place = place
        guard !route.prefix.address.isMulticast, !(route.prefix.length > 0 && route.prefix.address.isLinkLocal) else {
            throw reader.error(place + "/prefix", "nothing is routed to \(route.prefix): remove the route")
        }
        guard route.type == .unicast else {
            guard route.via.isEmpty, route.interface == nil else {
                throw reader.error(place, "a \(route.type.rawValue) route leads nowhere: remove `via` and `interface`")
            }
            let ends: [WrittenRouteType: Route] = [
                .blackhole: .blackhole, .unreachable: .unreachable, .prohibit: .prohibit,
            ]
            try insert(ends[route.type] ?? .blackhole, for: route.prefix, reader, place + "/prefix")
            return
        }
        try insert(.hops(try hops(of: route, reader, place)), for: route.prefix, reader, place + "/prefix")
    }

    private mutating func hops(
        of route: WrittenRoute, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) -> [Hop] {
        if route.via.isEmpty {
            guard let name = route.interface else {
                throw reader.error(place, "there is neither `via` nor `interface`: say where \(route.prefix) is")
            }
            return [Hop(gateway: nil, port: try port(named: name, reader, place + "/interface").number)]
        }
        guard route.via.count <= Route.mostHops else {
            throw reader.error(place + "/via", "a route has \(Route.mostHops) next hops at most: remove some")
        }
        var hops: [Hop] = []
        for (index, gateway) in route.via.enumerated() {
            let place = route.via.count == 1 ? place + "/via" : place + "/via/\(index)"
            let hop = Hop(
                gateway: gateway.address,
                port: try port(to: gateway, named: gateway.interface ?? route.interface, route.prefix, reader, place))
            guard !hops.contains(hop) else {
                throw reader.error(place, "\(gateway.address) is there twice: remove one")
            }
            hops.append(hop)
        }
        return hops
    }

    private mutating func port(
        to gateway: WrittenGateway, named name: String?, _ prefix: IPPrefix, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) -> Int {
        if let name {
            let port = try port(named: name, reader, place)
            try check(gateway.address, of: prefix, port: port, reader, place)
            return port.number
        }
        if gateway.address.isLinkLocal {
            throw reader.error(
                place, "\(gateway.address) is at each link: write \(gateway.address)%NAME, or `interface`")
        }
        guard let number = number(of: gateway.address), let port = ports.first(where: { $0.number == number }) else {
            throw reader.error(
                place,
                "\(gateway.address) is in no subnet of an interface: correct it, add an address of "
                    + "its subnet, or say `interface`")
        }
        try check(gateway.address, of: prefix, port: port, reader, place)
        return number
    }

    private mutating func number(of gateway: IPAddress) -> Int? {
        if let number = found[gateway] { return number }
        let number = ports.first { $0.addresses.contains { $0.contains(gateway) } }?.number
        found[gateway] = .some(number)
        return number
    }

    private func check(
        _ gateway: IPAddress, of prefix: IPPrefix, port: PortPlan, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) {
        guard gateway.isIPv4 == prefix.isIPv4 else {
            throw reader.error(place, "\(gateway) is of another family than \(prefix): use one of the same")
        }
        guard !gateway.isMulticast, !gateway.isUnspecified, !gateway.isLoopback else {
            throw reader.error(place, "\(gateway) is no host's address: write the gateway's")
        }
        guard !port.addresses.contains(where: { $0.address == gateway }), port.linkLocal != gateway else {
            throw reader.error(place, "\(gateway) is the router's own address: write the gateway's")
        }
        let isThere = port.addresses.contains { $0.contains(gateway) } || (gateway.isLinkLocal && !gateway.isIPv4)
        guard isThere || (port.hasDHCP && gateway.isIPv4) else {
            throw reader.error(
                place, "\(gateway) is in no subnet of \"\(port.name)\": correct it, or add an address of its subnet")
        }
    }

    private func port(
        named name: String, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) -> PortPlan {
        if let port = ports.first(where: { $0.name == name }) { return port }
        let names = ports.map(\.name)
        guard !names.isEmpty else {
            throw reader.error(place, "there is no interface \"\(name)\": add it to `interfaces`")
        }
        throw reader.error(place, "there is no interface \"\(name)\": \(suggestion(for: name, among: names))")
    }

    private mutating func insert(
        _ route: Route, for prefix: IPPrefix, _ reader: ConfigReader, _ place: String
    ) throws(ConfigError) {
        if let other = places[prefix] {
            throw reader.error(
                place,
                "there is a route to \(prefix) already (\(other)): remove one, or put all gateways "
                    + "into one `via`")
        }
        guard routes[prefix] == nil else {
            throw reader.error(place, "\(prefix) is of an interface's own address: remove the route")
        }
        places[prefix] = place
        routes[prefix] = route
    }
}
