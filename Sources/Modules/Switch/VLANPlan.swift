// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The VLANs of a trunk.
enum TrunkVLANs: Hashable {
    case all
    case some([ClosedRange<Int>])

    func contains(_ vlan: Int) -> Bool {
        switch self {
        case .all: true
        case .some(let ranges): ranges.contains { $0.contains(vlan) }
        }
    }
}

extension ConfigFormat where Value == TrunkVLANs {
    /// `all`, or `[10, "20-29"]`.
    static var trunk: ConfigFormat {
        .either(
            .list(of: .vlanRange),
            .text("\"all\"", schema: ["const": "all"], sample: TrunkVLANs.all) { $0 == "all" ? TrunkVLANs.all : nil }
        ) {
            switch $0 {
            case .first(let ranges): .some(ranges)
            case .second(let all): all
            }
        }
    }
}

extension ConfigFormat where Value == ClosedRange<Int> {
    fileprivate static var vlanRange: ConfigFormat {
        .either(
            .vlan,
            .text(
                "a range of VLANs like \"20-29\"", schema: ["type": "string", "pattern": "^[0-9]+-[0-9]+$"],
                sample: 20...29
            ) { text in
                let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
                guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 1, first <= last, last <= 4094
                else { return nil }
                return first...last
            }
        ) {
            switch $0 {
            case .first(let vlan): vlan...vlan
            case .second(let range): range
            }
        }
    }
}

/// Which ports are in which VLAN. Once any port has a VLAN, those that have none are access ports of VLAN 1.
struct VLANPlan {
    var isAware = false
    /// By port: the VLAN of its frames without a tag.
    var untagged: [Int: Int] = [:]
    /// The ports of a VLAN, and those that have its frames tagged. VLANs that only trunks with all VLANs are in are
    /// left out.
    var members: [Int: (ports: PortSet, tagged: PortSet)] = [:]
    var trunks = PortSet()
    var trunksOfAll = PortSet()

    private static let initialVLAN = 1

    init(ports: [Int: PortConfig]) {
        isAware = ports.values.contains { $0.access != nil || $0.trunk != nil }
        guard isAware else { return }
        for number in 1...lastPort {
            let port = ports[number]
            untagged[number] = port?.trunk != nil ? port?.native : port?.access ?? Self.initialVLAN
            if let vlan = untagged[number] {
                add(number, to: vlan, isTagged: false)
            }
            switch port?.trunk {
            case .all?: trunksOfAll.insert(number)
            case .some(let ranges)?:
                for vlan in Set(ranges.joined()) where vlan != port?.native {
                    add(number, to: vlan, isTagged: true)
                }
            case nil: continue
            }
            trunks.insert(number)
        }
        for vlan in members.keys {
            for port in 1...lastPort where trunksOfAll.contains(port) && untagged[port] != vlan {
                add(port, to: vlan, isTagged: true)
            }
        }
    }

    private mutating func add(_ port: Int, to vlan: Int, isTagged: Bool) {
        members[vlan, default: (PortSet(), PortSet())].ports.insert(port)
        if isTagged {
            members[vlan]?.tagged.insert(port)
        }
    }

    func has(_ vlan: Int, on port: Int) -> Bool {
        (members[vlan]?.ports ?? trunksOfAll).contains(port)
    }
}
