// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Netlink

@testable import Controller

/// A model that tests change one plan at a time.
struct Planner {
    var model = Model { _ throws(DataplaneError) in throw .kernel("planning reads no code") }
    private var number: UInt32 = 0
    private var placementNumber = 1

    /// Plans and keeps; what the kernel would be told is the result.
    @discardableResult
    mutating func plan(_ body: (inout Model, inout Plan) throws(HoverError) -> Void) throws(HoverError) -> Plan {
        var plan = Plan()
        do throws(HoverError) {
            try body(&model, &plan)
            plan.settle(in: model)
            return plan
        } catch {
            model.rollBack(plan)
            throw error
        }
    }

    @discardableResult
    mutating func addModule(
        _ name: String, _ kind: ModuleKind = .forward, tags: [String] = [], placed: [PlacementRequest] = [],
        maxPort: Int = 4, unfitForXDP: String? = nil
    ) throws -> Plan {
        number += 1
        var module = ModuleRecord(
            id: "m:" + name, number: number, name: name, kind: kind, tags: tags, code: "", source: nil, warnings: "",
            config: [:], maxPort: maxPort, ports: [], tables: [], unfitForXDP: unfitForXDP)
        module.placements = try resolve(placed, of: module)
        return try plan { [module] (model, plan) throws(HoverError) in
            try model.planCreation(of: module, in: &plan)
        }
    }

    private mutating func resolve(
        _ requests: [PlacementRequest], of module: ModuleRecord
    ) throws -> [PlacementRecord] {
        let placements = try model.resolve(placements: requests, of: module, number: placementNumber)
        placementNumber += placements.count
        return placements
    }

    /// Gives a policy other placements, and other tags if any are given.
    @discardableResult
    mutating func place(_ policy: String, _ requests: [PlacementRequest], tags: [String]? = nil) throws -> Plan {
        let module = try model.resolve(module: policy)
        var updated = module
        updated.placements = try resolve(requests, of: module)
        updated.tags = tags ?? module.tags
        return try plan { [updated] (model, plan) throws(HoverError) in
            try model.planUpdate(of: module, to: updated, in: &plan)
        }
    }

    @discardableResult
    mutating func delete(_ module: String) throws -> Plan {
        try plan { (model, plan) throws(HoverError) in
            try model.planDeletion(of: model.resolve(module: module), in: &plan)
        }
    }

    @discardableResult
    mutating func unlink(_ id: String) throws -> Plan {
        try plan { (model, plan) throws(HoverError) in try model.planDeletion(ofLink: id, in: &plan) }
    }

    /// Names of the policies on a side, in their order.
    func order(_ direction: Direction, of end: EndpointRequest) -> [String] {
        let end: Endpoint =
            end.port.map { .port(module: "m:" + end.node, number: $0) } ?? .interface(String(end.node.dropFirst(2)))
        return model.policies(at: Side(end: end, direction: direction)).map { String($0.policy.dropFirst(2)) }
    }

    @discardableResult
    mutating func link(
        _ from: EndpointRequest, _ to: EndpointRequest, hook: LinkHook? = nil
    ) throws -> (id: String, plan: Plan) {
        var id = ""
        let plan = try plan { (model, plan) throws(HoverError) in
            let link = try model.resolve(from: from, to: to, hook: hook, number: 1)
            id = link.id
            try model.planCreation(of: link, in: &plan)
        }
        return (id, plan)
    }

    @discardableResult
    mutating func setInterface(
        _ name: String, index: Int, kind: String = "veth", master: Int? = nil, peer: [UInt8]? = nil
    ) throws -> Plan {
        let interface = NetworkInterface(
            name: name, index: UInt32(index), kind: kind, isUp: true, mtu: 1500, address: "02:00:00:00:00:01",
            masterIndex: master.map { UInt32($0) }, peerIndex: nil, peerNamespaceID: nil)
        return try plan { (model, plan) throws(HoverError) in
            try model.planPresence(of: InterfaceRecord(interface: interface, peerAddress: peer), in: &plan)
        }
    }

    @discardableResult
    mutating func removeInterface(_ index: Int) throws -> Plan {
        try plan { (model, plan) throws(HoverError) in try model.planAbsence(of: index, in: &plan) }
    }
}

extension EndpointRequest {
    static func port(_ module: String, _ number: Int? = nil) -> EndpointRequest {
        EndpointRequest(node: module, port: number)
    }
    static func interface(_ name: String) -> EndpointRequest { EndpointRequest(node: "i:" + name) }
}

extension PlacementRequest {
    static func at(
        _ end: EndpointRequest, _ direction: Direction? = .ingress, _ position: Position = .last
    ) -> PlacementRequest {
        PlacementRequest(end: end, direction: direction, position: position)
    }
}

extension Plan {
    /// The changes of slots, in order.
    var wires: [Action] {
        actions.filter { if case .wire = $0 { true } else { false } }
    }
}

/// Why the planner refuses something.
func refusal(_ body: () throws -> some Any) throws -> HoverError {
    do {
        _ = try body()
    } catch let error as HoverError {
        return error
    }
    throw HoverError(.kernel, "nothing was refused")
}
