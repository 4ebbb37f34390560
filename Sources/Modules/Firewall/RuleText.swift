// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A rule as its configuration has it, with names of sets that are still to be looked up.
struct RuleText: Sendable {
    var rule: Rule
    private var source: [String]?
    private var destination: [String]?

    init(_ config: ConfigReader) throws(ConfigError) {
        rule = Rule(
            id: try config.optional(
                "id", RuleFormat.id,
                "names the rule, also where it is logged; its counters are kept under it, wherever it is moved. Without "
                    + "it they are kept as long as the rule stays as it is") ?? "",
            action: try config.required(
                "action", RuleFormat.action,
                "`count` counts, logs if told to, and leaves the decision to the rules behind"))
        if let directions = try config.optional("direction", RuleFormat.directions, "of packets; without it both") {
            rule.directions = Set(directions)
        }
        if let families = try config.optional("family", RuleFormat.families, "of packets; without it both") {
            rule.families = Set(families)
        }
        source = try config.optional(
            "source", RuleFormat.addresses, "a prefix, or the name of a set; or a list of these")
        destination = try config.optional("destination", RuleFormat.addresses, "the same of the destination")
        try readL4(config)
        try readFrame(config)
        if let states = try config.optional(
            "state", RuleFormat.states, "what the packet is to its connection; without it anything")
        {
            rule.states = Set(states)
        }
        rule.limit = try config.optional("limit", RuleFormat.limit, "matches so many packets a second only")
        rule.log =
            try config.optional(
                "log", RuleFormat.bool, "writes a line into the log of hoverd for each packet, up to 10 a second")
            ?? false
        try check(config)
    }

    private mutating func readL4(_ config: ConfigReader) throws(ConfigError) {
        rule.protocols = try config.optional(
            "protocol", RuleFormat.protocols, "a name or a number, or a list of these"
        ).map { Set($0) }
        rule.sourcePorts = try config.optional(
            "source_ports", RuleFormat.ports, "of TCP, UDP or SCTP: a port, a range, or a list of these")
        rule.destinationPorts = try config.optional("destination_ports", RuleFormat.ports, "the same")
        rule.icmpType = try config.optional("icmp_type", RuleFormat.byte, "of ICMP or ICMPv6").map { UInt8($0) }
        rule.icmpCode = try config.optional("icmp_code", RuleFormat.byte, "of an icmp_type").map { UInt8($0) }
        for flag in try config.optional(
            "tcp_flags", RuleFormat.tcpFlags, "flags that are set, or with ! before them are not") ?? []
        {
            rule.tcpMask |= flag.bit
            rule.tcpFlags |= flag.isSet ? flag.bit : 0
        }
    }

    private mutating func readFrame(_ config: ConfigReader) throws(ConfigError) {
        rule.sourceMAC = try config.optional("source_mac", RuleFormat.macs, "an Ethernet address, or a list of them")
        rule.destinationMAC = try config.optional("destination_mac", RuleFormat.mac, "an Ethernet address")
        rule.vlan = try config.optional("vlan", RuleFormat.vlan, "the VLAN id of the outer tag; 0: no tag")
        rule.dscp = try config.optional("dscp", RuleFormat.dscp, "the codepoint (RFC 2474)")
        rule.fragments = try config.optional(
            "fragments", RuleFormat.bool,
            "true: only fragments behind the first, which have no ports; false: all but these")
    }

    private func check(_ config: ConfigReader) throws(ConfigError) {
        let protocols = rule.protocols ?? []
        for (key, ports) in [("source_ports", rule.sourcePorts), ("destination_ports", rule.destinationPorts)]
        where ports != nil {
            guard !protocols.isEmpty, protocols.isSubset(of: IPProtocol.withPorts) else {
                throw config.error(
                    key, "only tcp, udp and sctp have ports: set protocol to one of these, or to several")
            }
        }
        if rule.tcpMask != 0, protocols != [IPProtocol.tcp] {
            throw config.error("tcp_flags", "only TCP has these flags: set protocol to tcp")
        }
        if rule.icmpType != nil, protocols != [IPProtocol.icmp], protocols != [IPProtocol.icmpv6] {
            throw config.error("icmp_type", "there is no such type but of ICMP: set protocol to icmp or to icmpv6")
        }
        if rule.icmpCode != nil, rule.icmpType == nil {
            throw config.error("icmp_code", "a code is one of a type: add icmp_type")
        }
        if rule.fragments == true,
            rule.sourcePorts != nil || rule.destinationPorts != nil || rule.icmpType != nil || rule.tcpMask != 0
        {
            throw config.error(
                "fragments", "fragments behind the first have no ports, types or flags: ask for one of both")
        }
    }

    /// The rule with its addresses.
    func rule(
        _ sets: [String: [AddressRange]], at place: String, _ config: ConfigReader
    ) throws(ConfigError) -> Rule {
        var rule = rule
        rule.source = try ranges(source, sets, at: place + "/source", config)
        rule.destination = try ranges(destination, sets, at: place + "/destination", config)
        rule.sourceText = source ?? []
        rule.destinationText = destination ?? []
        for (key, ranges) in [("source", rule.source), ("destination", rule.destination)] {
            guard let ranges, !ranges.isEmpty else { continue }
            let families = rule.families.intersection(ranges.map(\.family))
            guard !families.isEmpty else {
                let other = rule.families.map(\.rawValue).sorted().joined(separator: " and ")
                throw config.error(
                    "\(place)/\(key)",
                    "there is no such address in the rest of the rule, which is for \(other): set "
                        + "family, source and destination to one family")
            }
            rule.families = families
        }
        if let protocols = rule.protocols {
            if protocols == [IPProtocol.icmp] { rule.families.remove(.ipv6) }
            if protocols == [IPProtocol.icmpv6] { rule.families.remove(.ipv4) }
            guard !rule.families.isEmpty else {
                throw config.error("\(place)/protocol", "icmp is of IPv4, icmpv6 of IPv6: set the other one")
            }
        }
        if rule.id.isEmpty { rule.id = rule.contentID }
        return rule
    }

    private func ranges(
        _ texts: [String]?, _ sets: [String: [AddressRange]], at place: String, _ config: ConfigReader
    ) throws(ConfigError) -> [AddressRange]? {
        guard let texts else { return nil }
        var ranges: [AddressRange] = []
        for text in texts {
            if let prefix = IPPrefix(text) {
                guard prefix.address == prefix.network else {
                    throw config.error(place, "\(text) has bits behind its length: write \(prefix.networkPrefix)")
                }
                ranges.append(AddressRange(prefix))
            } else if let set = sets[text] {
                ranges += set
            } else {
                throw config.error(place, "\(text) is no prefix, and no set has that name: \(nearest(text, sets.keys))")
            }
        }
        return ranges
    }

    private func nearest(_ name: String, _ names: some Collection<String>) -> String {
        names.isEmpty ? "there are no sets; add them to sets" : suggestion(for: name, among: Array(names))
    }
}

extension Rule {
    /// A name made of all that the rule says.
    fileprivate var contentID: String {
        var hash = StableHash()
        for text in [
            "\(action)", directions.map(\.rawValue).sorted().joined(), families.map(\.rawValue).sorted().joined(),
        ]
            + ["s"] + sourceText + ["d"] + destinationText + states.map(\.rawValue).sorted()
            + (sourceMAC ?? []).map(\.description) + ["\(destinationMAC?.description ?? "")"]
        {
            hash.add(text)
        }
        for number in (protocols ?? []).sorted() { hash.add(UInt64(number)) }
        for (place, ports) in [sourcePorts, destinationPorts].enumerated() {
            hash.add(UInt64(place))
            for range in ports ?? [] { hash.add(UInt64(range.lowerBound) << 16 | UInt64(range.upperBound)) }
        }
        let numbers: [Int?] = [
            icmpType.map { Int($0) }, icmpCode.map { Int($0) }, Int(tcpMask), Int(tcpFlags), vlan, dscp,
            fragments.map { $0 ? 1 : 0 }, limit?.rate, limit?.burst, log ? 1 : 0,
        ]
        for number in numbers {
            hash.add(UInt64(bitPattern: Int64(number ?? -1)))
        }
        let digits = String(hash.value, radix: 16)
        return "rule-" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
