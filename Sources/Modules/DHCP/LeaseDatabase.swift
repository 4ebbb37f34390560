// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// All leases, and which addresses are to be had.
///
/// It knows each address at most once, so it is never larger than the ranges and the reservations. What has ended stays
/// known, for its client to get it again, until another client needs the address.
struct LeaseDatabase: Sendable {
    /// What is left of a network's ranges.
    private struct Pool: Sendable {
        /// The range and the place in it up to which addresses have been looked at.
        var range = 0
        var offset = 0
        /// Addresses whose leases had ended, the one that ended first at the end.
        var ended: [IPAddress] = []
        /// Before then no address becomes free by itself.
        var exhaustedUntil = Int.min
    }

    private var leases: [IPAddress: Lease] = [:]
    /// The addresses that a client has or had.
    private var addresses: [ClientKey: [IPAddress]] = [:]
    private var pools: [IPPrefix: Pool] = [:]
    private var reserved: [IPAddress: Reservation] = [:]

    init() {}

    /// Starts anew with other networks and reservations. Gives the addresses of leases that have no place there.
    mutating func configure(_ config: ServerConfig) -> [IPAddress] {
        pools = [:]
        reserved = Dictionary(config.reservations.map { ($0.address, $0) }) { first, _ in first }
        let lost = leases.keys.filter { address in
            reserved[address] == nil && !config.subnets.contains { $0.gives(address) }
        }
        for address in lost {
            remove(address)
        }
        return lost
    }

    subscript(address: IPAddress) -> Lease? { leases[address] }

    var all: [Lease] { leases.values.sorted { $0.address < $1.address } }

    /// The leases of a client in a network, those that have ended too. There are several for a moment only, when it is
    /// to get another address.
    func leases(of client: ClientKey, in subnet: Subnet) -> [Lease] {
        (addresses[client] ?? []).filter(subnet.network.contains).compactMap { leases[$0] }
    }

    /// Whether nobody has an address.
    func isFree(_ address: IPAddress, at now: Int) -> Bool {
        leases[address].map { !$0.isLive(at: now) } ?? true
    }

    /// Whether a client that has no reservation can have an address: it is one to give away, and nobody else has it.
    func canHave(_ address: IPAddress, _ client: ClientKey, in subnet: Subnet, at now: Int) -> Bool {
        guard subnet.gives(address), reserved[address] == nil else { return false }
        return isFree(address, at: now) || leases[address]?.client == client
    }

    /// An address for a client that has no reservation: what it has or had, else what it asks for, else one that nobody
    /// ever had, else the one that has been free for the longest time (RFC 2131, section 4.3.1). Nil when all are taken.
    mutating func choose(
        for client: ClientKey, in subnet: Subnet, requested: IPAddress?, at now: Int
    ) -> IPAddress? {
        let wanted = leases(of: client, in: subnet).map(\.address) + (requested.map { [$0] } ?? [])
        if let address = wanted.first(where: { canHave($0, client, in: subnet, at: now) }) {
            return address
        }
        return unused(in: subnet) ?? ended(in: subnet, at: now)
    }

    /// Enters a lease in place of what was known of the address.
    mutating func set(_ lease: Lease) {
        remove(lease.address)
        leases[lease.address] = lease
        noteEnd(of: lease)
        if let client = lease.client {
            addresses[client, default: []].append(lease.address)
        }
    }

    /// Ends a lease now. Its client stays known.
    mutating func end(_ address: IPAddress, as state: Lease.State, at now: Int) {
        guard var lease = leases[address] else { return }
        lease.end = now
        lease.state = state
        leases[address] = lease
        noteEnd(of: lease)
    }

    private mutating func noteEnd(of lease: Lease) {
        guard let network = pools.keys.first(where: { $0.contains(lease.address) }), var pool = pools[network] else {
            return
        }
        pool.exhaustedUntil = min(pool.exhaustedUntil, lease.end)
        pools[network] = pool
    }

    mutating func remove(_ address: IPAddress) {
        guard let lease = leases.removeValue(forKey: address), let client = lease.client else { return }
        addresses[client]?.removeAll { $0 == address }
        if addresses[client]?.isEmpty == true {
            addresses[client] = nil
        }
    }

    /// The next address of the ranges that nothing is known of.
    private mutating func unused(in subnet: Subnet) -> IPAddress? {
        var pool = pools[subnet.network] ?? Pool()
        defer { pools[subnet.network] = pool }
        while pool.range < subnet.ranges.count {
            let numbers = subnet.ranges[pool.range].numbers
            while pool.offset < numbers.count {
                let address = IPAddress(ipv4: numbers.lowerBound + UInt32(pool.offset))
                pool.offset += 1
                if leases[address] == nil, reserved[address] == nil, subnet.gives(address) {
                    return address
                }
            }
            pool.range += 1
            pool.offset = 0
        }
        return nil
    }

    /// All leases are looked at only when those are used up that had ended the last time, and not before one can have
    /// ended: a flood of clients costs little.
    private mutating func ended(in subnet: Subnet, at now: Int) -> IPAddress? {
        if let address = takeEnded(in: subnet, at: now) {
            return address
        }
        guard pools[subnet.network, default: Pool()].exhaustedUntil <= now else { return nil }
        let known = leases.values.filter { reserved[$0.address] == nil && subnet.gives($0.address) }
        pools[subnet.network]?.ended =
            known.filter { !$0.isLive(at: now) }.sorted { ($0.end, $0.address) > ($1.end, $1.address) }.map(\.address)
        let address = takeEnded(in: subnet, at: now)
        if address == nil {
            pools[subnet.network]?.exhaustedUntil = known.map(\.end).min() ?? .max
        }
        return address
    }

    private mutating func takeEnded(in subnet: Subnet, at now: Int) -> IPAddress? {
        while let address = pools[subnet.network]?.ended.popLast() {
            if isFree(address, at: now) {
                return address
            }
        }
        return nil
    }
}
