// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The configuration of a firewall.
struct FirewallConfiguration: Sendable {
    var rules: [Rule]
    var initial: [Direction: InitialAction]
    var acceptsEstablished: Bool
    var dropsInvalid: Bool
    var acceptsARP: Bool
    var acceptsOther: Bool
    var acceptsDiscovery: Bool
    var answers: RateLimit
    var connections: Int
    var constants: [String: TypedValue]

    /// As many as the program's vectors have bits for.
    static let mostRules = 64 * RankSet.blocks

    init(_ config: ConfigReader) throws(ConfigError) {
        let sets = try config.value(
            "sets", .list(of: .object(AddressSet.init)), default: [], "prefixes by a name that rules refer to them by")
        let texts = try config.value(
            "rules", .list(of: .object(RuleText.init)), default: [],
            "in their order: the first one that matches decides")
        initial = try config.value(
            "default", .object(Self.initialActions), default: [.ingress: .accept, .egress: .accept],
            "what becomes of packets that no rule decides on; without it they are accepted")
        acceptsEstablished = try config.value(
            "accept_established", .bool, default: true,
            "accepts packets of connections that were accepted, and ICMP errors about them, before any rule")
        dropsInvalid = try config.value(
            "drop_invalid", .bool, default: true,
            "drops what can belong to no connection, as TCP outside of its window, before any rule")
        acceptsOther =
            try config.value(
                "non_ip", .choice, default: PassOrDrop.drop, "what is neither IPv4, IPv6 nor ARP") == .accept
        acceptsARP = try config.value("arp", .choice, default: PassOrDrop.accept, "ARP") == .accept
        acceptsDiscovery =
            try config.value(
                "neighbour_discovery", .choice, default: AcceptOrRules.accept,
                "IPv6 neighbour discovery between neighbours, without which IPv6 does not work") == .accept
        answers = try config.value(
            "reject_limit", .object { (limit) throws(ConfigError) in try RateLimit(limit, most: 100_000) },
            default: RateLimit(rate: 1000, burst: 50),
            "answers to rejected packets; without it 1000 a second, 50 at once")
        connections = try config.value(
            "connections", .integer(16...4_194_304), default: 65_536,
            "the most connections; fixed when the module is made. New ones are dropped when there are as many")
        constants = try Self.timeouts(config)
        rules = try Self.rules(texts, Self.byName(sets, config), config)
        guard !dropsInvalid || acceptsEstablished || rules.contains(where: { !$0.states.isEmpty }) else { return }
        if dropsInvalid, let index = rules.firstIndex(where: { $0.states == [.invalid] }) {
            throw config.error(
                "rules/\(index)/state", "invalid packets are dropped before any rule: set drop_invalid to false")
        }
    }

    /// Whether connections are looked up at all.
    var tracks: Bool { acceptsEstablished || rules.contains { !$0.states.isEmpty } }

    private static func initialActions(_ config: ConfigReader) throws(ConfigError) -> [Direction: InitialAction] {
        [
            .ingress: try config.value(
                "ingress", .choice, default: .accept, "what enters the modules and interfaces where the firewall lies"),
            .egress: try config.value("egress", .choice, default: .accept, "what leaves them"),
        ]
    }

    /// Those of `hover/conntrack.h`.
    private static func timeouts(_ config: ConfigReader) throws(ConfigError) -> [String: TypedValue] {
        let seconds: [(String, Int, String)] = [
            ("tcp_timeout_syn_sent", 120, "TCP, after the first SYN"),
            ("tcp_timeout_syn_recv", 60, "TCP, after the answer to it"),
            ("tcp_timeout_established", 432_000, "TCP"),
            ("tcp_timeout_fin_wait", 120, "TCP, after the first FIN"),
            ("tcp_timeout_close_wait", 60, "TCP, after its acknowledgement"),
            ("tcp_timeout_last_ack", 30, "TCP, after the second FIN"),
            ("tcp_timeout_time_wait", 120, "TCP, after its acknowledgement"),
            ("tcp_timeout_close", 10, "TCP, after a RST"),
            ("udp_timeout", 30, "UDP"),
            ("udp_timeout_stream", 120, "UDP that goes both ways for more than two seconds"),
            ("icmp_timeout", 30, "ICMP echo"),
            ("icmpv6_timeout", 30, "ICMPv6 echo"),
            ("generic_timeout", 600, "other protocols"),
        ]
        var constants: [String: TypedValue] = [:]
        for (key, initial, text) in seconds {
            constants[key] = TypedValue(
                try config.value(
                    key, .integer(1...31_536_000), default: initial,
                    "seconds without a packet after which a connection ends: \(text)"))
        }
        constants["tcp_loose"] = .bool(
            try config.value(
                "tcp_loose", .bool, default: false,
                "lets a TCP connection begin in its middle, with numbers that are not checked"))
        return constants
    }

    private static func byName(
        _ sets: [AddressSet], _ config: ConfigReader
    ) throws(ConfigError) -> [String: [AddressRange]] {
        var byName: [String: [AddressRange]] = [:]
        for (index, set) in sets.enumerated() {
            guard byName.updateValue(set.prefixes.map(AddressRange.init), forKey: set.name) == nil else {
                throw config.error("sets/\(index)/name", "there is a set \(set.name) already: name it otherwise")
            }
        }
        return byName
    }

    private static func rules(
        _ texts: [RuleText], _ sets: [String: [AddressRange]], _ config: ConfigReader
    ) throws(ConfigError) -> [Rule] {
        guard texts.count <= mostRules else {
            throw config.error("rules", "there are \(texts.count) rules, and \(mostRules) can be: use sets of prefixes")
        }
        var rules: [Rule] = []
        rules.reserveCapacity(texts.count)
        var places: [String: Int] = [:]
        for (index, text) in texts.enumerated() {
            let rule = try text.rule(sets, at: "rules/\(index)", config)
            if text.rule.id.isEmpty {
                // Equal rules without an id share their counters: only the first one can match.
                places[rule.id] = places[rule.id] ?? index
            } else if let other = places.updateValue(index, forKey: rule.id) {
                throw config.error(
                    "rules/\(index)/id", "rule \(other) has the id \(rule.id) already: give it another one")
            }
            rules.append(rule)
        }
        return rules
    }
}

/// What becomes of packets that no rule decides on.
enum InitialAction: String, CaseIterable, Sendable {
    case accept, drop, reject

    var number: UInt8 { (RuleAction(rawValue: rawValue) ?? .drop).number }
}

enum PassOrDrop: String, CaseIterable, Sendable {
    case accept, drop
}

enum AcceptOrRules: String, CaseIterable, Sendable {
    case accept, rules
}

/// A named set of prefixes.
struct AddressSet: Sendable {
    var name: String
    var prefixes: [IPPrefix]

    init(_ config: ConfigReader) throws(ConfigError) {
        name = try config.required("name", .text, "what rules call it; nothing that could be a prefix")
        prefixes = try config.value("prefixes", .list(of: .prefix), default: [], "its prefixes, IPv4 and IPv6")
        if IPPrefix(name) != nil {
            throw config.error("name", "\(name) would be taken for a prefix: name the set otherwise")
        }
    }
}

extension RateLimit {
    init(_ config: ConfigReader, most: Int) throws(ConfigError) {
        rate = try config.required("rate", .integer(1...most), "packets a second")
        burst = try config.value("burst", .integer(1...most), default: 5, "packets at once")
    }
}
