// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The configuration of a firewall.
struct FirewallConfiguration: Sendable {
    var rules: [Shared<Rule>]
    /// The rules that may differ from those of the configuration that this one was read after; nil: all may.
    private(set) var changedRules: Range<Int>?
    /// The rules of that configuration in whose place they are.
    private(set) var replacedRules: Range<Int>?
    private let texts: ReadList<RuleText>
    private let sets: ReadList<AddressSet>
    /// How many rules have each id.
    private var ids: [String: Int] = [:]
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

    /// - Parameter previous: a configuration, of which rules that are the same are taken over.
    init(_ config: ConfigReader, after previous: FirewallConfiguration? = nil) throws(ConfigError) {
        sets = try config.value(
            "sets", .list(of: RuleFormat.set, after: previous?.sets), default: ReadList(),
            "prefixes by a name that rules refer to them by")
        texts = try config.value(
            "rules", .list(of: RuleFormat.rule, after: previous?.texts), default: ReadList(),
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
        if let previous, sets.isAsBefore {
            rules = previous.rules
            ids = previous.ids
            changedRules = texts.changed
            replacedRules = texts.replaced
        } else {
            rules = []
        }
        try readRules(Self.byName(sets.elements, config), config)
        asksForStates = rules.contains { !$0.value.states.isEmpty }
        if dropsInvalid, asksForStates, let index = rules.firstIndex(where: { $0.value.states == [.invalid] }) {
            throw config.error(
                "rules/\(index)/state", "invalid packets are dropped before any rule: set drop_invalid to false")
        }
    }

    /// Whether connections are looked up at all.
    var tracks: Bool { acceptsEstablished || asksForStates }
    private var asksForStates = false

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
        _ sets: [Shared<AddressSet>], _ config: ConfigReader
    ) throws(ConfigError) -> [String: [AddressRange]] {
        var byName: [String: [AddressRange]] = [:]
        for (index, set) in sets.map(\.value).enumerated() {
            guard byName.updateValue(set.prefixes.map(AddressRange.init), forKey: set.name) == nil else {
                throw config.error("sets/\(index)/name", "there is a set \(set.name) already: name it otherwise")
            }
        }
        return byName
    }

    /// Gives the rules that changed their addresses, and checks that each has an id of its own.
    private mutating func readRules(_ sets: [String: [AddressRange]], _ config: ConfigReader) throws(ConfigError) {
        let count = texts.elements.count
        guard count <= Self.mostRules else {
            throw config.error("rules", "there are \(count) rules, and \(Self.mostRules) can be: use sets of prefixes")
        }
        for index in replacedRules ?? 0..<0 { ids[rules[index].value.id, default: 0] -= 1 }
        var changed: [Shared<Rule>] = []
        for index in changedRules ?? 0..<count {
            let rule = try texts.elements[index].value.rule(sets, at: "rules/\(index)", config)
            ids[rule.id, default: 0] += 1
            changed.append(Shared(rule))
        }
        for index in replacedRules ?? 0..<0 where ids[rules[index].value.id] == 0 { ids[rules[index].value.id] = nil }
        rules.replaceSubrange(replacedRules ?? 0..<0, with: changed)
        try checkIDs(config)
    }

    /// Rules without an id have one that says what they say. Equal ones share it, and their counters: only the first one
    /// can match.
    private func checkIDs(_ config: ConfigReader) throws(ConfigError) {
        guard ids.count < rules.count else { return }
        for index in rules.indices where !texts.elements[index].value.rule.id.isEmpty && ids[rules[index].value.id] != 1
        {
            let id = rules[index].value.id
            let places = rules.indices.filter { rules[$0].value.id == id }
            throw config.error(
                "rules/\(places[1])/id",
                "rule \(places[0]) has the id \(id) already: give it another one")
        }
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
