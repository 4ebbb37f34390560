// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What a router shows of itself, all of it out of its tables.
func routerState(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
    let config = await module.configuration()
    let plan = try RouterPlan(withoutRoutes: config)
    let names = Dictionary(uniqueKeysWithValues: plan.ports.map { ($0.number, $0.name) })
    var neighbours: [TypedValue] = []
    var counts: [String: TypedValue] = [:]
    let now = RouterSlowPath.now
    for table in ["neighbours4", "neighbours6"] {
        let entries = try await module.entries(of: table, limit: plan.neighbourTableSize)
        counts[table] = TypedValue(entries.count)
        for entry in entries.prefix(limit) {
            guard let key = NeighbourKey(bytes: entry.key), let neighbour = Neighbour(bytes: entry.value) else {
                continue
            }
            neighbours.append(show(key, neighbour, names: names, now: now))
        }
    }
    let configured = try await readRoutes(of: ["routes4", "routes6"], paths: "paths", from: module, limit: limit)
    let learned = try await readRoutes(
        of: ["learned4", "learned6"], paths: "learned_paths", from: module, limit: limit)
    counts["configured_routes"] = TypedValue(config.count(of: "routes") + config.count(of: "static_routes"))
    counts["learned_routes"] = TypedValue(
        learned.routes.count < limit ? learned.routes.count : try await readLearned(from: module).routes.count)
    let routes =
        configured.routes.map { ($0, $1, "configured") } + learned.routes.map { ($0, $1, "learned") }
    let first = routes.sorted { ($0.0.address, $0.0.length) < ($1.0.address, $1.0.length) }.prefix(limit)
    return [
        "interfaces": .array(try await interfaces(of: module, plan)),
        "routes": .array(first.map { show($0.0, $0.1, source: $0.2, names: names) }),
        "neighbours": .array(neighbours),
        "counts": .object(counts),
        "drops": .object(try await drops(of: module)),
    ]
}

extension TypedValue {
    /// How many elements the list of a key has.
    fileprivate func count(of key: String) -> Int {
        guard case .object(let members) = self, case .array(let list)? = members[key] else { return 0 }
        return list.count
    }
}

private func interfaces(of module: any RunningModule, _ plan: RouterPlan) async throws -> [TypedValue] {
    var interfaces: [TypedValue] = []
    let provisions = try await Provision.remembered(by: module, plan)
    for port in plan.ports.prefix(64) {
        let key = StructureBytes().u32(port.number).bytes
        let state = try await module.value(of: key, in: PortState.table).flatMap { PortState(bytes: $0) }
        let lease = port.hasDHCP ? try await module.value(of: key, in: Lease.table).flatMap { Lease(bytes: $0) } : nil
        let delegated = port.delegated.flatMap { delegated in
            provisions[plan.ports.first { $0.name == delegated.interface }?.number ?? 0]?.delegation
                .flatMap { delegated.address(in: $0.prefix) }
        }
        let addresses = port.addresses + [lease?.address, delegated].compactMap { $0 }
        var shown: [String: TypedValue] = [
            "name": .string(port.name), "port": TypedValue(port.number),
            "mac": state.map { .string($0.mac.description) } ?? .null,
            "mtu": state.map { TypedValue($0.mtu) } ?? .null,
            "addresses": .array(
                addresses.map { .string($0.description) } + (state.map { [.string("\($0.linkLocal)/64")] } ?? [])),
        ]
        if let delegation = provisions[port.number]?.delegation {
            let left = delegation.remaining(at: RouterSlowPath.sinceBoot)
            shown["delegated_prefix"] = [
                "prefix": .string(delegation.prefix.description),
                "preferred_for": left.preferred.map { TypedValue($0) } ?? .null,
                "valid_for": left.valid.map { TypedValue($0) } ?? .null,
            ]
        }
        interfaces.append(.object(shown))
    }
    return interfaces
}

private func show(_ key: NeighbourKey, _ neighbour: Neighbour, names: [Int: String], now: UInt64) -> TypedValue {
    [
        "address": .string(key.address.description),
        "interface": .string(names[key.port] ?? "port \(key.port)"),
        "mac": neighbour.isUsable ? .string(neighbour.mac.description) : .null,
        "state": .string("\(neighbour.state)"),
        "age": TypedValue(now > neighbour.since ? (now - neighbour.since) / 1_000_000_000 : 0),
    ]
}

private func show(_ prefix: IPPrefix, _ route: Route, source: String, names: [Int: String]) -> TypedValue {
    func name(_ port: Int) -> TypedValue { .string(names[port] ?? "port \(port)") }
    var shown: [String: TypedValue] = ["prefix": .string(prefix.description), "source": .string(source)]
    switch route {
    case .local(let port):
        shown["type"] = "local"
        shown["interface"] = name(port)
    case .broadcast(let port):
        shown["type"] = "broadcast"
        shown["interface"] = name(port)
    case .translated(let port):
        shown["type"] = "translated"
        shown["interface"] = name(port)
    case .hops(let hops):
        shown["type"] = hops.first?.gateway == nil ? "connected" : "unicast"
        shown["interface"] = hops.first.map { name($0.port) } ?? .null
        if hops.first?.gateway != nil {
            shown["via"] = .array(
                hops.map { hop in .string("\(hop.gateway.map(\.description) ?? "")%\(names[hop.port] ?? "")") })
        }
    case .blackhole: shown["type"] = "blackhole"
    case .unreachable: shown["type"] = "unreachable"
    case .prohibit: shown["type"] = "prohibit"
    }
    return .object(shown)
}

/// `enum drop`, tables.h, from its second name on.
private let dropNames = [
    "truncated", "not_ip", "tagged", "not_for_us", "multicast", "broadcast", "bad_header", "bad_checksum",
    "martian_source", "martian_destination", "land", "link_local", "source_route", "reverse_path", "ttl_exceeded",
    "no_route", "blackhole", "unreachable", "prohibited", "neighbour_failed", "too_big", "slow_path_limit",
    "arp_invalid",
    "arp_not_for_us", "arp_unsolicited", "address_conflict", "nd_invalid", "nd_not_for_us", "fragment_for_us",
    "no_listener", "ignored",
]

/// Packets by why they ended here, those that there were.
private func drops(of module: any RunningModule) async throws -> [String: TypedValue] {
    var drops: [String: TypedValue] = [:]
    for (index, name) in dropNames.enumerated() {
        let values = try await module.value(of: StructureBytes().u32(index + 1).bytes, in: "drops") ?? []
        var reader = StructureReader(values)
        let count = (0..<values.count / 8).reduce(UInt64(0)) { sum, _ in sum &+ reader.u64() }
        if count > 0 { drops[name] = TypedValue(count) }
    }
    return drops
}
