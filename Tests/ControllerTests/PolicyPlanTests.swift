// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

@Suite struct PolicyPlanTests {
    /// Hover's group semantics: which handlers a packet from A to B crosses.
    @Test func entersTheGroupsOfTheOneAndLeavesThoseOfTheOther() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.addModule("onA", .policy, tags: ["m:a"])
        try planner.addModule("onB", .policy, tags: ["m:b"])
        try planner.addModule("onBoth", .policy, tags: ["m:a", "m:b"])
        try planner.addModule("onNone", .policy, tags: ["m:elsewhere"])
        let way = planner.model.policies(from: "m:a", to: "m:b")
        #expect(way.map(\.policy) == ["m:onB", "m:onA"])
        #expect(way.map(\.handler) == [.ingress, .egress])
        let back = planner.model.policies(from: "m:b", to: "m:a")
        #expect(back.map(\.policy) == ["m:onA", "m:onB"])
        #expect(back.map(\.handler) == [.ingress, .egress])
    }

    @Test func isPutOnALinkThatIsThere() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.link(.port("a", 1), .port("b", 1))
        let plan = try planner.addModule("p", .policy, tags: ["m:b"])
        let there = Hop(policy: "m:p", handler: .ingress, instance: 1)
        let back = Hop(policy: "m:p", handler: .egress, instance: 2)
        #expect(plan.actions.contains(.loadHop(there)))
        #expect(plan.actions.contains(.loadHop(back)))
        // What follows is wired first: no packet meets a policy that leads nowhere.
        #expect(
            plan.wires == [
                .wire(there.slot, to: .port(module: "m:b", number: 1), before: nil),
                .wire(back.slot, to: .port(module: "m:a", number: 1), before: nil),
                .wire(
                    .port(module: "m:a", number: 1), to: there.target,
                    before: .port(module: "m:b", number: 1)),
                .wire(
                    .port(module: "m:b", number: 1), to: back.target,
                    before: .port(module: "m:a", number: 1)),
            ])
    }

    @Test func isTakenOffWhenItsTagsGo() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.addModule("p", .policy, tags: ["m:b"])
        try planner.link(.port("a", 1), .port("b", 1))
        let plan = try planner.plan { (model, plan) throws(HoverError) in
            let policy = try model.resolve(module: "p")
            var updated = policy
            updated.tags = []
            try model.planUpdate(of: policy, to: updated, in: &plan)
        }
        #expect(plan.releases.count == 2)
        let chain = try #require(planner.model.chains.values.first)
        #expect(chain.hops.isEmpty)
        #expect(planner.model.freeHop(of: "m:p", besides: [], in: plan) == 3, "the plan still has to remove 1 and 2")
        #expect(planner.model.freeHop(of: "m:p", besides: [], in: Plan()) == 1)
    }

    @Test func moves() throws {
        var planner = Planner()
        for name in ["a", "b", "c"] {
            try planner.addModule(name)
        }
        try planner.link(.port("a", 1), .port("b", 1))
        try planner.link(.port("b", 2), .port("c", 1))
        try planner.addModule("p", .policy, tags: ["m:b"])
        let plan = try planner.plan { (model, plan) throws(HoverError) in
            let policy = try model.resolve(module: "p")
            var updated = policy
            updated.tags = ["m:a"]
            try model.planUpdate(of: policy, to: updated, in: &plan)
        }
        let made = plan.actions.compactMap { if case .loadHop(let hop) = $0 { hop.instance } else { nil } }
        let removed = plan.releases.compactMap { if case .hop(let hop) = $0 { hop.instance } else { nil } }
        #expect(made.count == 2)
        #expect(removed.count == 4)
        #expect(Set(made).isDisjoint(with: removed), "\(made) are loaded before \(removed) are removed")
    }

    @Test func eightOnALinkAndNotNine() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.link(.port("a", 1), .port("b", 1))
        for number in 1...8 {
            try planner.addModule("p\(number)", .policy, tags: ["m:b"])
        }
        let chains = planner.model.chains
        let error = try refusal { try planner.addModule("p9", .policy, tags: ["m:b"]) }
        #expect(error.kind == .conflict)
        #expect(error.message.contains("9 policies"))
        #expect(planner.model.chains == chains)
        #expect(planner.model.modules["m:p9"] == nil)
    }

    @Test func followsABridgesMembers() throws {
        var planner = Planner()
        try planner.setInterface("br0", index: 2, kind: "bridge")
        try planner.setInterface("tap1", index: 3)
        try planner.addModule("p", .policy, tags: ["b:br0"])
        #expect(planner.model.chains.isEmpty)
        let joined = try planner.setInterface("tap1", index: 3, master: 2)
        #expect(joined.actions.contains(.hook(interface: 3, .ingress)))
        #expect(joined.actions.contains(.hook(interface: 3, .egress)))
        #expect(planner.model.chains[.member(interface: 3, .ingress)]?.terminal == .continue(interface: 3))
        let left = try planner.setInterface("tap1", index: 3)
        #expect(planner.model.chains.isEmpty)
        #expect(left.releases.contains(.interface(3)))
    }

    @Test func onAnInterfaceMeetsWhatEntersAndLeavesIt() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.setInterface("eth1", index: 2)
        try planner.link(.interface("eth1"), .port("a", 1))
        try planner.addModule("p", .policy, tags: ["i:eth1"])
        let handlers = planner.model.chains.values.flatMap(\.hops).map(\.handler)
        #expect(Set(handlers) == [.ingress, .egress])
    }
}
