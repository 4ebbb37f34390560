// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

@Suite struct LinkPlanTests {
    @Test func aLinkIsOneSlotADirection() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        let plan = try planner.link(.port("a", 2), .port("b", 1)).plan
        #expect(
            plan.wires == [
                .wire(.port(module: "m:a", number: 2), to: .port(module: "m:b", number: 1), before: nil),
                .wire(.port(module: "m:b", number: 1), to: .port(module: "m:a", number: 2), before: nil),
            ])
        #expect(plan.actions.count == 4, "besides, each port gets its program: \(plan.actions)")
        #expect(plan.releases.isEmpty)
    }

    @Test func aLinkCostsTheSameHoweverManyThereAre() throws {
        var planner = Planner()
        for number in 0..<100 {
            try planner.addModule("m\(number)")
        }
        let first = try planner.link(.port("m0", 1), .port("m1", 1)).plan
        for number in stride(from: 2, to: 98, by: 2) {
            try planner.link(.port("m\(number)", 1), .port("m\(number + 1)", 1))
        }
        let last = try planner.link(.port("m98", 1), .port("m99", 1)).plan
        #expect(first.actions.count == last.actions.count)
    }

    @Test func anInterfaceIsHookedWithItsLinkAndReleasedWithIt() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.setInterface("eth1", index: 7, peer: [2, 0, 0, 0, 0, 9])
        let (id, plan) = try planner.link(.interface("eth1"), .port("a", 1))
        #expect(plan.actions.contains(.attach(interface: 7, peer: [2, 0, 0, 0, 0, 9])))
        #expect(plan.actions.contains(.hook(interface: 7, .ingress)))
        let receivesAll = plan.actions.firstIndex(of: .makePromiscuous(interface: 7))
        #expect(try #require(receivesAll) < (plan.actions.firstIndex(of: .hook(interface: 7, .ingress)) ?? 0))
        #expect(plan.wires.contains(.wire(.port(module: "m:a", number: 1), to: .exit(interface: 7), before: nil)))
        let end = try planner.plan { (model, plan) throws(HoverError) in
            try model.planDeletion(ofLink: id, in: &plan)
        }
        #expect(end.releases == [.interface(7)])
    }

    @Test(arguments: [
        (EndpointRequest.port("a", 1), EndpointRequest.port("b", 2), HoverError.Kind.conflict),
        (.port("a", 5), .port("b", 2), .invalid),
        (.port("a", 0), .port("b", 2), .invalid),
        (.port("nobody", 1), .port("b", 2), .notFound),
        (.interface("eth9"), .port("b", 2), .notFound),
        (.interface("eth1"), .interface("eth2"), .invalid),
        (.port("b", 2), .port("b", 2), .invalid),
        (EndpointRequest(node: "i:eth1", port: 1), .port("b", 2), .invalid),
        (.port("counter", 1), .port("b", 2), .invalid),
        (.interface("member"), .port("b", 2), .conflict),
    ])
    func refusesWhatCannotBeLinked(from: EndpointRequest, to: EndpointRequest, kind: HoverError.Kind) throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.addModule("c")
        try planner.addModule("counter", .policy)
        try planner.setInterface("eth1", index: 2)
        try planner.setInterface("eth2", index: 3)
        try planner.setInterface("br0", index: 4, kind: "bridge")
        try planner.setInterface("member", index: 5, master: 4)
        try planner.link(.port("a", 1), .port("c", 1))
        let before = planner.model.links
        #expect(try refusal { try planner.link(from, to) }.kind == kind)
        #expect(planner.model.links == before)
    }

    @Test func takesTheLowestFreePorts() throws {
        var planner = Planner()
        try planner.addModule("a", maxPort: 3)
        let first = try planner.link(.port("a"), .port("a")).id
        let link = try #require(planner.model.links[first])
        #expect(link.from == .port(module: "m:a", number: 1))
        #expect(link.to == .port(module: "m:a", number: 2))
        try planner.addModule("b")
        try planner.link(.port("b", 1), .port("a"))
        let error = try refusal { try planner.link(.port("b", 2), .port("a")) }
        #expect(error.message.contains("all 3 ports of module a are linked"))
    }

    @Test func refusesAChainThatTheKernelCannotFollow() throws {
        var planner = Planner()
        for number in 0...33 {
            try planner.addModule("m\(number)")
        }
        try planner.setInterface("in", index: 2)
        try planner.setInterface("out", index: 3)
        // An interface's packets reach the first module by one tail call, and leave the last one by another.
        for number in 0..<31 {
            try planner.link(.port("m\(number)", 2), .port("m\(number + 1)", 1))
        }
        try planner.link(.interface("in"), .port("m0", 1))
        try planner.link(.port("m31", 2), .interface("out"))
        let error = try refusal { try planner.link(.port("m31", 3), .port("m32", 1)) }
        #expect(error.kind == .conflict)
        #expect(error.message.contains("hops"))
    }

    @Test func twoModulesWithOneNameNeedTheirIDs() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.plan { (model, plan) throws(HoverError) in
            let module = try model.resolve(module: "b")
            var renamed = module
            renamed.name = "a"
            try model.planUpdate(of: module, to: renamed, in: &plan)
        }
        let error = try refusal { try planner.model.resolve(module: "a") }
        #expect(error.kind == .conflict)
        #expect(error.message.contains("m:a, m:b"))
        #expect(try planner.model.resolve(module: "m:b").name == "a")
    }

    @Test func deletingAModuleTakesItsLinks() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.link(.port("a", 1), .port("b", 1))
        let plan = try planner.plan { (model, plan) throws(HoverError) in
            try model.planDeletion(of: model.resolve(module: "a"), in: &plan)
        }
        #expect(planner.model.links.isEmpty)
        #expect(planner.model.chains.isEmpty)
        #expect(
            plan.wires.contains(
                .wire(
                    .port(module: "m:b", number: 1), to: nil, before: .port(module: "m:a", number: 1))))
        #expect(plan.releases.last == .module("m:a"))
    }
}
