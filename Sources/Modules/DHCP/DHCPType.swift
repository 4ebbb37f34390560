// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import Synchronization
import TypedValue

/// A DHCP server for the hosts behind its ports: addresses over IPv4, everything else over IPv6, too.
public struct DHCPType: ModuleType {
    public init() {}

    public let name = "dhcp"
    public let summary = "gives hosts their IPv4 addresses, and tells them what they need besides, over IPv4 and IPv6"
    public let maxPorts = 16
    public let hasSlowPath = true
    public var objects: ModuleObjects { DhcpCode.objects }

    private let services = Services()

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let config = try ServerConfig(config)
        return ModuleSetup(
            constants: [
                "server_mac": .string(config.mac.description),
                "server_ipv6": .string(IPAddress.linkLocal(of: config.mac).description),
                "has_ipv6": .bool(config.ipv6 != nil), "rate": TypedValue(config.rate),
                "burst": TypedValue(config.rate),
            ],
            tables: [
                ConfiguredTable(
                    "addresses",
                    entries: Dictionary(config.subnets.map { ($0.server.bytes, StructureBytes().u32(1).bytes) }) {
                        first, _ in first
                    })
            ])
    }

    public func run(_ module: any RunningModule) async throws {
        let service = try await DHCPService(module)
        services.running.withLock { $0[module.id] = service }
        defer {
            services.running.withLock { running in
                // Another one may have begun meanwhile.
                if running[module.id] === service {
                    running[module.id] = nil
                }
            }
        }
        try await service.run()
    }

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        let service = services.running.withLock { $0[module.id] }
        var state = await service?.snapshot.values(limit: limit) ?? [:]
        var refused: [String: TypedValue] = [:]
        for entry in try await module.entries(of: "refused", limit: Refusal.allCases.count) {
            var key = StructureReader(entry.key)
            var value = StructureReader(entry.value)
            // One number for each CPU.
            let sum = (0..<entry.value.count / 8).reduce(UInt64(0)) { sum, _ in sum &+ value.u64() }
            if let refusal = Refusal(rawValue: key.u32()), sum > 0 {
                refused[refusal.name] = TypedValue(sum)
            }
        }
        state["refused"] = .object(refused)
        return state
    }
}

/// The slow paths that run, by the ids of their modules.
private final class Services: Sendable {
    let running = Mutex<[String: DHCPService]>([:])
}

/// Why the fast path dropped a packet (`enum drop` in `dhcp.bpf.c`).
private enum Refusal: UInt32, CaseIterable {
    case otherStation, tagged, truncated, malformed, fragment, otherProtocol, otherAddress, rateLimit

    var name: String {
        switch self {
        case .otherStation: "other_station"
        case .tagged: "tagged"
        case .truncated: "truncated"
        case .malformed: "malformed"
        case .fragment: "fragment"
        case .otherProtocol: "other_protocol"
        case .otherAddress: "other_address"
        case .rateLimit: "rate_limit"
        }
    }
}
