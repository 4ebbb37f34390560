// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// A router for IPv4 and IPv6.
public struct RouterType: ModuleType {
    public init() {}

    public let name = "router"
    public let summary = "routes IPv4 and IPv6 between its ports: ARP, Neighbour Discovery, ICMP, ECMP, advertisements"
    public var objects: ModuleObjects { RouterCode.objects }
    public let hasSlowPath = true

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        ModuleSetup(try RouterPlan(config))
    }

    public func run(_ module: any RunningModule) async throws {
        try await RouterSlowPath(module).run()
    }

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        try await routerState(of: module, limit: limit)
    }
}

extension ModuleSetup {
    /// The tables of tables.h that the configuration decides.
    init(_ plan: RouterPlan) {
        var groups = PathGroups()
        var routes: [Bool: [[UInt8]: [UInt8]]] = [true: [:], false: [:]]
        // In order, so that the same configuration gives the same groups.
        let prefixes = plan.routes.keys.sorted { ($0.address, $0.length) < ($1.address, $1.length) }
        for prefix in prefixes {
            guard let route = plan.routes[prefix] else { continue }
            var first = 0
            if case .hops(let hops) = route, hops.count > 1 {
                first = groups.place(of: hops)
            }
            routes[prefix.isIPv4]?[prefix.key] = route.bytes(prefixLength: prefix.length, first: first)
        }
        let ports = plan.ports.map { port in
            (
                StructureBytes().u32(port.number).bytes,
                StructureBytes().u32(port.reversePath.number)
                    .u32((port.hasDHCP ? 1 : 0) | (port.hasProvider ? 2 : 0)).bytes
            )
        }
        let paths = groups.hops.enumerated().map { (StructureBytes().u32($0).bytes, $1.bytes) }
        self.init(
            constants: [
                "icmp_error_rate": TypedValue(plan.icmpErrorRate),
                "icmp_error_burst": TypedValue(plan.icmpErrorBurst),
            ],
            sizes: [
                "routes4": plan.routeTableSize, "routes6": plan.routeTableSize, "learned4": plan.routeTableSize,
                "learned6": plan.routeTableSize, "neighbours4": plan.neighbourTableSize,
                "neighbours6": plan.neighbourTableSize, "paths": Self.size(forPaths: paths.count),
            ],
            tables: [
                ConfiguredTable("ports", entries: Dictionary(uniqueKeysWithValues: ports)),
                ConfiguredTable("paths", entries: Dictionary(uniqueKeysWithValues: paths)),
                ConfiguredTable("routes4", entries: routes[true] ?? [:]),
                ConfiguredTable("routes6", entries: routes[false] ?? [:]),
            ],
            ports: plan.ports.map { ConfiguredPort(number: $0.number, peer: $0.name) })
    }

    /// In steps, for another size loads the programs anew.
    private static func size(forPaths count: Int) -> Int {
        var size = 256
        while size < count { size *= 4 }
        return size
    }
}
