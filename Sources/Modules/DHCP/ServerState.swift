// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModuleKit
import TypedValue

/// What a server knows at one moment, for people.
struct ServerState: Sendable {
    let config: ServerConfig
    /// By address.
    let leases: [Lease]
    let counts: [String: UInt64]
    let clock: ClockReading

    /// - Parameter limit: the most leases.
    func values(limit: Int) -> [String: TypedValue] {
        // An offer that nobody took is nothing to show.
        let shown = leases.filter { $0.isLive(at: clock.sinceBoot) || $0.state != .offered }
        return [
            "leases": .array(shown.prefix(limit).map(value)),
            "pools": .array(config.subnets.map(pool)),
            "counts": .object(counts.mapValues { TypedValue($0) }),
        ]
    }

    private func value(of lease: Lease) -> TypedValue {
        let isLive = lease.isLive(at: clock.sinceBoot)
        var value: [String: TypedValue] = [
            "address": .string(lease.address.description),
            "state": .string(isLive || lease.state == .released ? lease.state.rawValue : "expired"),
            "expires": .string(Self.text(wall: clock.wall + lease.end - clock.sinceBoot)),
            "seconds_left": TypedValue(max(lease.end - clock.sinceBoot, 0) / 1000),
        ]
        value["mac"] = lease.mac.map { .string($0.description) }
        value["client_id"] = lease.client?.identifier.map { .string($0) }
        value["hostname"] = lease.hostname.map { .string($0) }
        return .object(value)
    }

    private func pool(of subnet: Subnet) -> TypedValue {
        let now = clock.sinceBoot
        let size = subnet.ranges.reduce(0) { $0 + $1.count } - excludedCount(in: subnet)
        let used = leases.count { subnet.gives($0.address) && $0.isLive(at: now) }
        return [
            "network": .string(subnet.network.description), "size": TypedValue(size), "used": TypedValue(used),
            "ranges": .array(subnet.ranges.map { .string($0.description) }),
        ]
    }

    /// Addresses in the ranges that are not given away. Exclusions may overlap, so each address is looked at; there are
    /// few.
    private func excludedCount(in subnet: Subnet) -> Int {
        subnet.ranges.reduce(0) { sum, range in
            sum + range.numbers.count { !subnet.gives(IPAddress(ipv4: $0)) }
        }
    }

    /// ISO 8601, in UTC.
    private static func text(wall milliseconds: Int) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
    }
}
