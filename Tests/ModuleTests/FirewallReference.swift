// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// A packet as it is made, and as rules see it.
struct FirewallFrame: CustomStringConvertible {
    var isEgress = false
    var isIPv4 = true
    var source: [UInt8] = [10, 0, 0, 1]
    var destination: [UInt8] = [10, 0, 0, 2]
    var number: UInt8 = 17
    var sourcePort: UInt16 = 1000
    var destinationPort: UInt16 = 53
    var type: UInt8 = 8
    var code: UInt8 = 0
    var flags: UInt8 = 2
    var mac: [UInt8] = [2, 0, 0, 0, 0, 1]
    var vlan = 0
    var dscp = 0
    /// In units of 8 bytes; above 0 it is not the first fragment.
    var fragmentOffset = 0

    var description: String {
        "\(isEgress ? "egress" : "ingress") \(source) > \(destination) protocol \(number) ports \(sourcePort) "
            + "\(destinationPort) type \(type) \(code) flags \(flags) mac \(mac) vlan \(vlan) dscp \(dscp) "
            + "fragment \(fragmentOffset)"
    }

    var hasPorts: Bool { [6, 17, 132].contains(number) && fragmentOffset == 0 }
    var isICMP: Bool { number == (isIPv4 ? 1 : 58) && fragmentOffset == 0 }

    var bytes: [UInt8] {
        let l4 = fragmentOffset > 0 ? [UInt8](repeating: 0x5a, count: 32) : l4Bytes
        var frame: [UInt8] = [2, 0, 0, 0, 0, 2] + mac
        if vlan > 0 { frame += [0x81, 0, UInt8(vlan >> 8), UInt8(vlan & 0xff)] }
        if isIPv4 {
            let length = 20 + l4.count
            frame += [8, 0, 0x45, UInt8(dscp << 2), UInt8(length >> 8), UInt8(length & 0xff), 0, 7]
            frame += [UInt8(fragmentOffset >> 8), UInt8(fragmentOffset & 0xff), 64, number, 0, 0]
        } else {
            let extra: [UInt8] =
                fragmentOffset > 0
                ? [number, 0, UInt8(fragmentOffset >> 5), UInt8(fragmentOffset << 3 & 0xff), 0, 0, 0, 7] : []
            let length = l4.count + extra.count
            frame += [0x86, 0xdd, 0x60 | UInt8(dscp >> 2), UInt8(dscp << 6 & 0xff), 0, 0]
            frame += [UInt8(length >> 8), UInt8(length & 0xff), extra.isEmpty ? number : 44, 64]
            return frame + source + destination + extra + l4
        }
        return frame + source + destination + l4
    }

    private var l4Bytes: [UInt8] {
        let ports = [sourcePort, destinationPort].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        switch number {
        case 6: return ports + [0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x10, 0, 0, 0, 0, 0]
        case 17: return ports + [0, 16, 0, 0] + [UInt8](repeating: 0, count: 8)
        case 132: return ports + [UInt8](repeating: 0, count: 16)
        case 1, 58: return [type, code, 0, 0, 0, 9, 0, 1] + [UInt8](repeating: 0, count: 16)
        default: return [UInt8](repeating: 0, count: 32)
        }
    }
}

/// A rule that is matched as its description reads, with nothing that is quick about it.
struct PlainRule {
    var id: String
    var action = "accept"
    var direction: String?
    var source: [IPPrefix] = []
    var destination: [IPPrefix] = []
    var sourceSet: String?
    var protocols: [UInt8] = []
    var sourcePorts: [ClosedRange<UInt16>] = []
    var destinationPorts: [ClosedRange<UInt16>] = []
    var type: UInt8?
    var code: UInt8?
    var mac: [UInt8]?
    var vlan: Int?
    var dscp: Int?
    var fragments: Bool?
    var mask: UInt8 = 0
    var flags: UInt8 = 0

    func matches(_ frame: FirewallFrame, _ sets: [String: [IPPrefix]]) -> Bool {
        if let direction, (direction == "egress") != frame.isEgress { return false }
        let sources = source + (sourceSet.flatMap { sets[$0] } ?? [])
        if !(source.isEmpty && sourceSet == nil), !contains(sources, frame.source) { return false }
        if !destination.isEmpty, !contains(destination, frame.destination) { return false }
        if !protocols.isEmpty, !protocols.contains(frame.number) { return false }
        if !sourcePorts.isEmpty, !frame.hasPorts || !sourcePorts.contains(where: { $0.contains(frame.sourcePort) }) {
            return false
        }
        if !destinationPorts.isEmpty,
            !frame.hasPorts || !destinationPorts.contains(where: { $0.contains(frame.destinationPort) })
        {
            return false
        }
        if let type, !frame.isICMP || type != frame.type { return false }
        if let code, code != frame.code { return false }
        if let mac, mac != frame.mac { return false }
        if let vlan, vlan != frame.vlan { return false }
        if let dscp, dscp != frame.dscp { return false }
        if let fragments, fragments != (frame.fragmentOffset > 0) { return false }
        if mask != 0, frame.number != 6 || frame.fragmentOffset > 0 || frame.flags & mask != flags { return false }
        return true
    }

    private func contains(_ prefixes: [IPPrefix], _ address: [UInt8]) -> Bool {
        guard let address = IPAddress(bytes: address) else { return false }
        return prefixes.contains { $0.isIPv4 == address.isIPv4 && $0.contains(address) }
    }

    var config: TypedValue {
        var keys: [String: TypedValue] = ["id": .string(id), "action": .string(action)]
        keys["direction"] = direction.map { .string($0) }
        let sources = source.map { TypedValue.string("\($0)") } + (sourceSet.map { [.string($0)] } ?? [])
        if !sources.isEmpty { keys["source"] = .array(sources) }
        if !destination.isEmpty { keys["destination"] = .array(destination.map { .string("\($0)") }) }
        if !protocols.isEmpty { keys["protocol"] = .array(protocols.map { TypedValue($0) }) }
        for (key, ports) in [("source_ports", sourcePorts), ("destination_ports", destinationPorts)]
        where !ports.isEmpty {
            keys[key] = .array(ports.map { .string("\($0.lowerBound)-\($0.upperBound)") })
        }
        keys["icmp_type"] = type.map { TypedValue($0) }
        keys["icmp_code"] = code.map { TypedValue($0) }
        keys["source_mac"] = mac.flatMap { MACAddress(bytes: $0) }.map { .string("\($0)") }
        keys["vlan"] = vlan.map { TypedValue($0) }
        keys["dscp"] = dscp.map { TypedValue($0) }
        keys["fragments"] = fragments.map { .bool($0) }
        if mask != 0 {
            let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
            keys["tcp_flags"] = .array(
                (0..<8).filter { mask >> UInt8($0) & 1 == 1 }.map {
                    .string((flags >> UInt8($0) & 1 == 1 ? "" : "!") + names[$0])
                })
        }
        return .object(keys)
    }
}

/// Rules and packets at random, from few values, so that they meet.
struct FirewallChance {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func number(_ range: Range<Int>) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return range.lowerBound + Int(state >> 33) % range.count
    }

    mutating func one(in number: Int) -> Bool { self.number(0..<number) == 0 }

    private mutating func address(_ isIPv4: Bool) -> [UInt8] {
        let small = { (chance: inout FirewallChance) in UInt8(chance.number(0..<4)) }
        guard isIPv4 else {
            return [0x20, 0x01, 0x0d, 0xb8, small(&self), 0, 0, small(&self)] + [UInt8](repeating: 0, count: 6) + [
                small(&self), small(&self),
            ]
        }
        return [10, small(&self), small(&self), UInt8(number(0..<8))]
    }

    mutating func prefix(_ isIPv4: Bool) -> IPPrefix {
        let lengths = isIPv4 ? [0, 7, 8, 14, 16, 23, 24, 30, 31, 32] : [0, 32, 38, 40, 62, 64, 112, 120, 127, 128]
        let length = lengths[number(0..<lengths.count)]
        guard let address = IPAddress(bytes: address(isIPv4)), let prefix = IPPrefix(address, length: length) else {
            preconditionFailure("a prefix of a wrong length")
        }
        return prefix.networkPrefix
    }

    private mutating func ports() -> [ClosedRange<UInt16>] {
        (0..<number(1..<4)).map { _ in
            let first = UInt16([0, 53, 80, 1000, 65_530][number(0..<5)])
            return first...(first + UInt16([0, 0, 5, 3][number(0..<4)]))
        }
    }

    mutating func rule(_ index: Int) -> PlainRule {
        var rule = PlainRule(id: "r\(index)")
        rule.action = ["accept", "drop", "accept", "drop", "count"][number(0..<5)]
        if one(in: 3) { rule.direction = one(in: 2) ? "egress" : "ingress" }
        let isIPv4 = !one(in: 3)
        if !one(in: 3) { rule.source = (0..<number(1..<3)).map { _ in prefix(isIPv4) } }
        if one(in: 6) { rule.sourceSet = one(in: 2) ? "some" : "none" }
        if !one(in: 3) { rule.destination = (0..<number(1..<3)).map { _ in prefix(isIPv4) } }
        if rule.sourceSet == "none", rule.source.isEmpty { rule.source = [prefix(isIPv4)] }
        switch number(0..<5) {
        case 0: break
        case 1:
            rule.protocols = [isIPv4 ? 1 : 58]
            rule.type = one(in: 3) ? nil : UInt8([8, 0, 3, 128][number(0..<4)])
            rule.code = rule.type != nil && one(in: 2) ? UInt8(number(0..<2)) : nil
        case 2: rule.protocols = [UInt8(number(40..<57))]
        default:
            rule.protocols = [[6], [17], [6, 17], [132]][number(0..<4)]
            if one(in: 3) { rule.sourcePorts = ports() }
            if !one(in: 3) { rule.destinationPorts = ports() }
            if rule.protocols == [6], one(in: 2) {
                rule.mask = UInt8(number(1..<256))
                rule.flags = UInt8(number(0..<256)) & rule.mask
            }
        }
        if one(in: 8) { rule.mac = [2, 0, 0, 0, 0, UInt8(number(1..<4))] }
        if one(in: 8) { rule.vlan = number(0..<3) }
        if one(in: 8) { rule.dscp = [0, 10, 46][number(0..<3)] }
        let hasL4 = rule.type != nil || !rule.sourcePorts.isEmpty || !rule.destinationPorts.isEmpty || rule.mask != 0
        if one(in: 8) { rule.fragments = hasL4 ? false : one(in: 2) }
        return rule
    }

    mutating func frame() -> FirewallFrame {
        var frame = FirewallFrame()
        frame.isEgress = one(in: 2)
        frame.isIPv4 = !one(in: 3)
        frame.source = address(frame.isIPv4)
        frame.destination = address(frame.isIPv4)
        frame.number = [6, 17, 132, frame.isIPv4 ? 1 : 58, 6, 17, 47][number(0..<7)]
        let some: [UInt16] = [0, 1, 53, 55, 58, 59, 80, 85, 1000, 1003, 1006, 65_530, 65_535]
        frame.sourcePort = some[number(0..<some.count)]
        frame.destinationPort = some[number(0..<some.count)]
        frame.type = [8, 0, 3, 128, 5][number(0..<5)]
        frame.code = UInt8(number(0..<3))
        frame.flags = UInt8(number(0..<256))
        frame.mac[5] = UInt8(number(1..<5))
        frame.vlan = number(0..<4)
        frame.dscp = [0, 10, 46, 63][number(0..<4)]
        if one(in: 10) { frame.fragmentOffset = 100 }
        return frame
    }
}
