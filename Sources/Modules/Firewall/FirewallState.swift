// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension FirewallType {
    /// `enum firewall_reason` (`reasons.h`).
    private static let reasons = [
        "established", "related", "accepted_by_rule", "accepted_by_default", "fragment_of_accepted",
        "neighbour_discovery", "arp", "non_ip", "dropped_by_rule", "rejected_by_rule", "dropped_by_default",
        "rejected_by_default", "invalid", "malformed", "arp_dropped", "non_ip_dropped", "connections_full", "no_rules",
        "answers", "answers_left_out",
    ]
    private static let reasonCapacity = 32

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        let configuration = try FirewallConfiguration(ConfigReader(await module.configuration()))
        let amounts = try await RuleCounters(module).read()
        let rules = configuration.rules.prefix(limit).map { shown($0.value, amounts[$0.value.key] ?? (0, 0)) }
        var state: [String: TypedValue] = [
            "rules": .array(rules), "counts": .array(try await counts(of: module)),
            "connections": .array(try await connections(of: module, limit: limit)),
        ]
        if let value = try await module.value(of: [0, 0, 0, 0], in: "connections_counts") {
            var reader = StructureReader(value)
            let names = ["entries", "inserted", "expired", "deleted", "refused"]
            state["connection_counts"] = .object(
                Dictionary(uniqueKeysWithValues: names.map { ($0, TypedValue(reader.u64())) }))
        }
        return state
    }

    private func shown(_ rule: Rule, _ counted: (packets: UInt64, bytes: UInt64)) -> TypedValue {
        [
            "id": .string(rule.id), "action": .string(rule.action.rawValue),
            "direction": .string(rule.directions.count == 2 ? "both" : rule.directions.first?.rawValue ?? ""),
            "packets": TypedValue(counted.packets), "bytes": TypedValue(counted.bytes),
        ]
    }

    /// What became of packets, where there were any.
    private func counts(of module: any RunningModule) async throws -> [TypedValue] {
        var counts: [TypedValue] = []
        for entry in try await module.entries(of: "reasons", limit: 2 * Self.reasonCapacity) {
            var key = StructureReader(entry.key)
            let index = Int(key.u32())
            let (packets, bytes) = RuleCounters.sum(entry.value)
            guard packets > 0, Self.reasons.indices.contains(index % Self.reasonCapacity) else { continue }
            counts.append([
                "direction": .string(index < Self.reasonCapacity ? "ingress" : "egress"),
                "what": .string(Self.reasons[index % Self.reasonCapacity]), "packets": TypedValue(packets),
                "bytes": TypedValue(bytes),
            ])
        }
        return counts
    }

    private static let tcpStates = [
        "", "syn_sent", "syn_sent2", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait",
        "close",
    ]

    /// `struct hover_connection` (`include/hover/connections.h`).
    private func connections(of module: any RunningModule, limit: Int) async throws -> [TypedValue] {
        var connections: [TypedValue] = []
        for entry in try await module.entries(of: "connections", limit: limit) {
            var value = StructureReader(entry.value)
            value.skip(24)
            let source = address(value.bytes(16))
            let destination = address(value.bytes(16))
            let sourcePort = value.be16()
            let destinationPort = value.be16()
            let number = value.u8()
            value.skip(3 + 40)
            let state = Int(value.u32())
            let replied = value.u8() != 0
            connections.append([
                "protocol": name(ofProtocol: number), "source": source, "source_port": TypedValue(sourcePort),
                "destination": destination, "destination_port": TypedValue(destinationPort),
                "state": .string(Self.tcpStates.indices.contains(state) ? Self.tcpStates[state] : ""),
                "replied": .bool(replied),
            ])
        }
        return connections
    }

    private func name(ofProtocol number: UInt8) -> TypedValue {
        IPProtocol.names.first { $0.value == number }.map { .string($0.key) } ?? TypedValue(number)
    }

    /// IPv4 as ::ffff:10.0.0.1 is shown as IPv4.
    private func address(_ bytes: [UInt8]) -> TypedValue {
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return .string(IPAddress(bytes: isMapped ? Array(bytes[12...]) : bytes)?.description ?? "")
    }
}
