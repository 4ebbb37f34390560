// SPDX-License-Identifier: Apache-2.0

import Netlink
import TypedValue

/// The routes that do not come from the configuration, and the changes to tables that lead to them.
struct LearnedRoutes: Sendable {
    /// Something to be done to a table, in this order.
    enum Change: Sendable, Hashable {
        case setPath(index: Int, Hop)
        case set(IPPrefix, bytes: [UInt8])
        case remove(IPPrefix)
    }

    /// As the tables have them, but for those that they had no room for.
    private(set) var routes: [IPPrefix: Route]
    private var missing: Set<IPPrefix> = []
    private var places: [[Hop]: Int] = [:]
    private let room: Int
    /// Routes of several next hops that got one only, because the table of paths is full.
    private(set) var reduced = 0

    /// - Parameters:
    ///   - tables: what an earlier slow path left in them, and where groups of next hops begin.
    ///   - room: entries of the table of paths (tables.h).
    init(_ routes: [IPPrefix: Route] = [:], places: [[Hop]: Int] = [:], room: Int = 4096) {
        self.routes = routes
        self.places = places
        self.room = room
    }

    /// Makes `wanted` the routes.
    mutating func change(to wanted: [IPPrefix: Route]) -> [Change] {
        var changes: [Change] = []
        let inUse = Set(wanted.values.compactMap(\.group))
        // What is no longer wanted is still read until its routes are gone: it is freed for the next time.
        let before = places
        reduced = 0
        var lasting = wanted
        for (prefix, route) in wanted where routes[prefix] != route {
            var first = 0
            if let group = route.group {
                if let place = places[group] ?? takePlace(for: group, keeping: before) {
                    if places.updateValue(place, forKey: group) == nil {
                        changes += group.enumerated().map { .setPath(index: place + $0, $1) }
                    }
                    first = place
                } else {
                    reduced += 1
                    let one = Route.hops([group[0]])
                    lasting[prefix] = one
                    changes.append(.set(prefix, bytes: one.bytes(prefixLength: prefix.length, first: 0)))
                    continue
                }
            }
            changes.append(.set(prefix, bytes: route.bytes(prefixLength: prefix.length, first: first)))
        }
        for prefix in routes.keys where wanted[prefix] == nil { changes.append(.remove(prefix)) }
        for change in changes {
            switch change {
            case .set(let prefix, _), .remove(let prefix): missing.remove(prefix)
            case .setPath: break
            }
        }
        routes = lasting
        places = places.filter { inUse.contains($0.key) }
        return changes
    }

    /// Notes that a route could not be set: its table has no room.
    mutating func miss(_ prefix: IPPrefix) {
        missing.insert(prefix)
    }

    /// Sets routes that are missing, as many as others were removed.
    mutating func refill(after changes: [Change]) -> [Change] {
        var room: [Bool: Int] = [:]
        for case .remove(let prefix) in changes { room[prefix.isIPv4, default: 0] += 1 }
        var again: [Change] = []
        for prefix in missing {
            guard let left = room[prefix.isIPv4], left > 0, let route = routes[prefix] else { continue }
            room[prefix.isIPv4] = left - 1
            missing.remove(prefix)
            let first = route.group.flatMap { places[$0] } ?? 0
            again.append(.set(prefix, bytes: route.bytes(prefixLength: prefix.length, first: first)))
        }
        return again
    }

    private func takePlace(for group: [Hop], keeping before: [[Hop]: Int]) -> Int? {
        let taken = places.merging(before) { one, _ in one }.map { $1..<$1 + $0.count }
            .sorted { $0.lowerBound < $1.lowerBound }
        var free = 0
        for range in taken {
            if range.lowerBound - free >= group.count { return free }
            free = max(free, range.upperBound)
        }
        return free + group.count <= room ? free : nil
    }
}

extension Route {
    /// Next hops that share the flows.
    var group: [Hop]? {
        guard case .hops(let hops) = self, hops.count > 1 else { return nil }
        return hops
    }
}

/// How the kernel's routes become the router's: by gateways in the subnets of its ports.
struct KernelRouteMapper {
    var ports: [PortPlan]

    /// The routes that the router can have, of several to the same prefix those of the lowest metric.
    func routes(_ kernel: [KernelRoute]) -> [IPPrefix: Route] {
        var best: [IPPrefix: (priority: UInt32, route: Route)] = [:]
        for route in kernel where !route.isKernels {
            guard let address = IPAddress(bytes: route.destination),
                let prefix = IPPrefix(address, length: route.prefixLength), !address.isMulticast,
                prefix.length == 0 || !address.isLinkLocal, let mapped = map(route)
            else { continue }
            if let other = best[prefix], other.priority <= route.priority { continue }
            best[prefix] = (route.priority, mapped)
        }
        return best.mapValues(\.route)
    }

    private func map(_ route: KernelRoute) -> Route? {
        switch route.kind {
        case .blackhole: return .blackhole
        case .unreachable: return .unreachable
        case .prohibit: return .prohibit
        case .unicast:
            var hops: [Hop] = []
            for hop in route.hops.prefix(Route.mostHops) {
                guard let found = map(hop), !hops.contains(found) else { continue }
                hops.append(found)
            }
            return hops.isEmpty ? nil : .hops(hops)
        }
    }

    private func map(_ hop: KernelRoute.Hop) -> Hop? {
        guard let bytes = hop.gateway else {
            return ports.first { $0.name == hop.interface }.map { Hop(gateway: nil, port: $0.number) }
        }
        guard let gateway = IPAddress(bytes: bytes) else { return nil }
        if gateway.isLinkLocal, !gateway.isIPv4 {
            return ports.first { $0.name == hop.interface }.map { Hop(gateway: gateway, port: $0.number) }
        }
        let port = ports.first { port in
            port.addresses.contains { $0.contains(gateway) && $0.address != gateway }
        }
        return port.map { Hop(gateway: gateway, port: $0.number) }
    }
}
