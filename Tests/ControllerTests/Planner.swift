// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Netlink

@testable import Controller

/// A model that tests change one plan at a time.
struct Planner {
    var model = Model()
    private var number: UInt32 = 0

    /// Plans and keeps; what the kernel would be told is the result.
    @discardableResult
    mutating func plan(_ body: (inout Model, inout Plan) throws(HoverError) -> Void) throws(HoverError) -> Plan {
        var plan = Plan()
        do throws(HoverError) {
            try body(&model, &plan)
            return plan
        } catch {
            model.rollBack(plan)
            throw error
        }
    }

    @discardableResult
    mutating func addModule(
        _ name: String, _ kind: ModuleKind = .forward, tags: [String] = [], maxPort: Int = 4
    ) throws -> Plan {
        number += 1
        let module = ModuleRecord(
            id: "m:" + name, number: number, name: name, kind: kind, tags: tags, source: nil, warnings: "", config: [:],
            maxPort: maxPort, ports: [], tables: [])
        let image = ModuleImage(
            object: [], number: number, isPolicy: kind == .policy, maxPort: maxPort, config: [:])
        return try plan { (model, plan) throws(HoverError) in
            try model.planCreation(of: module, image: image, in: &plan)
        }
    }

    @discardableResult
    mutating func link(_ from: EndpointRequest, _ to: EndpointRequest) throws -> (id: String, plan: Plan) {
        var id = ""
        let plan = try plan { (model, plan) throws(HoverError) in
            let link = try model.resolve(from: from, to: to, number: 1)
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
