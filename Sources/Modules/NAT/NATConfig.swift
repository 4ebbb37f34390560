// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// How much a mapping, or a filter, depends on the remote end (RFC 4787, sections 4.1 and 5).
enum Dependence: String, CaseIterable {
    case endpointIndependent = "endpoint-independent"
    case addressDependent = "address-dependent"
    case addressAndPortDependent = "address-and-port-dependent"

    /// `enum dependence`.
    var number: UInt8 {
        switch self {
        case .endpointIndependent: 0
        case .addressDependent: 1
        case .addressAndPortDependent: 2
        }
    }
}

/// A mapping is one of these two.
enum Mapping: String, CaseIterable {
    case endpointIndependent = "endpoint-independent"
    case addressAndPortDependent = "address-and-port-dependent"

    var dependence: Dependence { self == .endpointIndependent ? .endpointIndependent : .addressAndPortDependent }
}

/// What becomes of packets from outside that nothing inside waits for.
enum Unmatched: String, CaseIterable {
    case pass, drop
}

/// Seconds without a packet after which a session ends, in the order of `enum timeout`.
struct NATTimeouts {
    var all: [Int]

    init(_ config: ConfigReader) throws(ConfigError) {
        let seconds = ConfigFormat<Int>.integer(1...2_000_000)
        all = [
            try config.value(
                "tcp_established", seconds, default: 7440,
                "seconds of a TCP connection that both sides have opened (RFC 5382: at least 7440)"),
            try config.value(
                "tcp_transitory", seconds, default: 240,
                "seconds of one that is not open yet, or closed or reset (RFC 5382: at least 240)"),
            try config.value(
                "udp", seconds, default: 300, "seconds of UDP that was answered (RFC 4787: 300, at least 120)"),
            try config.value("udp_unreplied", seconds, default: 120, "seconds of UDP without an answer"),
            try config.value("icmp", seconds, default: 60, "seconds of a ping (RFC 5508: at least 60)"),
            try config.value("other", seconds, default: 600, "seconds of other protocols"),
            try config.value(
                "fragments", .integer(1...120), default: 10, "seconds that the fragments of a datagram may take"),
        ]
    }
}

/// A NAT's configuration, read and checked.
struct NATConfig {
    var publicAddress: IPAddress?
    var routerAddress: IPAddress?
    var pools: [NATPool]
    var untranslated: [IPPrefix]
    var forwards: [NATForward]
    var mapping: Mapping
    var filtering: Dependence
    var ports: PortRange
    var keepsPorts: Bool
    var keepsParity: Bool
    var unmatched: Unmatched
    var isLoose: Bool
    var sessions: Int
    var sessionsPerClient: Int
    var timeouts: NATTimeouts

    init(_ config: ConfigReader) throws(ConfigError) {
        publicAddress = try config.optional(
            "public_ip", .ipv4,
            "the public address of all clients without a pool; without it the router's own behind port 1, or what is set in the table `public_address`"
        )
        routerAddress = try config.optional(
            "public_port_ip", .ipv4,
            "the router's own address on the outside, where that is not the public one: what comes from it or is for it passes"
        )
        _ = try config.optional(
            "public_port_mac", .mac,
            "accepted for iovisor-ovn's manifests, and of no effect: the router answers ARP")
        pools = try config.value(
            "pools", .list(of: .object(NATPool.init)), default: [], "public addresses for some or all clients")
        untranslated = try config.value(
            "untranslated", .list(of: .prefix4), default: [],
            "inside prefixes that keep their addresses; packets for them pass from outside, too")
        forwards = try config.value(
            "forwards", .list(of: .object(NATForward.init)), default: [],
            "public addresses and ports that lead to inside ones, also from inside")
        mapping = try config.value(
            "mapping", .choice, default: Mapping.endpointIndependent,
            "whether an inside port is one public port for all remote ends, or one for each")
        filtering = try config.value(
            "filtering", .choice, default: Dependence.addressAndPortDependent,
            "who may send to a public port: everybody, the addresses that the inside has sent to, or these with the port"
        )
        ports = try config.value(
            "port_range", .ports, default: PortRange(first: 1024, last: .max),
            "the public ports that are given; of ICMP identifiers all are")
        keepsPorts = try config.value(
            "port_preservation", .bool, default: true, "whether the inside port is kept where it is free")
        keepsParity = try config.value(
            "port_parity", .bool, default: true, "whether an odd UDP port stays odd, and an even one even")
        unmatched = try config.value(
            "unmatched", .choice, default: Unmatched.pass,
            "whether what comes to the public address from outside, and belongs to nobody inside, goes on to the router"
        )
        isLoose = try config.value(
            "tcp_loose", .bool, default: false,
            "whether TCP connections are taken up in mid-stream, as after a loss of all sessions")
        sessions = try config.value(
            "sessions", .integer(64...4_000_000), default: 65_536,
            "the most sessions, for 0.5 KB each; what would begin more is dropped. Fixed when the module is made")
        sessionsPerClient = try config.value(
            "sessions_per_client", .integer(0...4_000_000), default: 0, "the most sessions of a client; 0: no limit")
        let timeouts = try config.optional(
            "timeouts", .object(NATTimeouts.init), "how long sessions stay that no packet uses")
        self.timeouts = if let timeouts { timeouts } else { try NATTimeouts(ConfigReader(.null)) }
        if let own = publicAddress?.ipv4Number {
            for index in forwards.indices where forwards[index].externalAddress == own {
                forwards[index].externalAddress = nil
            }
        }
        try check()
    }

    private func check() throws(ConfigError) {
        for (key, address) in [("public_ip", publicAddress), ("public_port_ip", routerAddress)] {
            if let address, address.isUnspecified || address.isMulticast || address.isLoopback {
                throw ConfigError(pointer: "/\(key)", "\(address) is no address of a host: name the public one")
            }
        }
        if mapping == .addressAndPortDependent, filtering != .addressAndPortDependent {
            throw ConfigError(
                pointer: "/filtering",
                "with mappings that depend on the remote port only address-and-port-dependent filtering is possible: leave it out, or set mapping to endpoint-independent"
            )
        }
        try checkPools()
        try checkForwards()
    }

    private func checkPools() throws(ConfigError) {
        if pools.reduce(0, { $0 + $1.count }) > NATPool.mostAddresses {
            throw ConfigError(
                pointer: "/pools", "there are more than \(NATPool.mostAddresses) public addresses: make pools smaller")
        }
        for (index, pool) in pools.enumerated() {
            let prefix = pool.inside?.networkPrefix
            if pools[..<index].contains(where: { $0.inside?.networkPrefix == prefix }) {
                throw ConfigError(
                    pointer: pool.pointer + "/inside",
                    "another pool is for the same clients: put the addresses into one pool")
            }
            if let prefix, untranslated.contains(prefix) {
                throw ConfigError(
                    pointer: pool.pointer + "/inside", "\(prefix) is in `untranslated`, too: name it in one place")
            }
        }
    }

    private func checkForwards() throws(ConfigError) {
        for (index, forward) in forwards.enumerated() {
            guard let other = forwards[..<index].firstIndex(where: forward.overlaps) else { continue }
            throw ConfigError(
                pointer: forward.pointer,
                "the same is forwarded by forwards/\(other): change external_port, protocol or external_ip in one of them"
            )
        }
        if forwards.reduce(0, { $0 + $1.entries.count }) > 65_536 {
            throw ConfigError(pointer: "/forwards", "these are too many port ranges: join or drop some")
        }
    }
}
