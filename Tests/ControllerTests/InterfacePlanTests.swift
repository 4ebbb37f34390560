// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

@Suite struct InterfacePlanTests {
    private func linked() throws -> (planner: Planner, link: String) {
        var planner = Planner()
        try planner.addModule("a")
        try planner.setInterface("eth1", index: 7)
        let link = try planner.link(.interface("eth1"), .port("a", 1)).id
        return (planner, link)
    }

    @Test func aLinkWaitsForAnInterfaceThatVanished() throws {
        var (planner, id) = try linked()
        let gone = try planner.removeInterface(7)
        let link = try #require(planner.model.links[id])
        #expect(planner.model.pendingReason(of: link)?.contains("eth1") == true)
        #expect(gone.releases.contains(.interface(7)))
        #expect(
            gone.wires == [.wire(.port(module: "m:a", number: 1), to: nil, before: .exit(interface: 7))],
            "its own slots went with it")
        let back = try planner.setInterface("eth1", index: 9)
        #expect(planner.model.pendingReason(of: link) == nil)
        #expect(back.actions.contains(.hook(interface: 9, .ingress)))
        #expect(back.wires.contains(.wire(.port(module: "m:a", number: 1), to: .exit(interface: 9), before: nil)))
    }

    @Test func aRenamedInterfaceStaysLinked() throws {
        var (planner, id) = try linked()
        let plan = try planner.setInterface("lan0", index: 7)
        #expect(planner.model.links[id]?.from == .interface("lan0"))
        #expect(plan.actions.isEmpty)
        #expect(planner.model.link(at: .interface("eth1")) == nil)
    }

    @Test func aVethWhosePeerMovedGetsAnotherWayOut() throws {
        var (planner, _) = try linked()
        let plan = try planner.setInterface("eth1", index: 7, peer: [2, 0, 0, 0, 0, 1])
        #expect(
            plan.actions == [
                .replaceExit(
                    interface: 7, peer: [2, 0, 0, 0, 0, 1], before: nil, slots: [.port(module: "m:a", number: 1)])
            ])
    }

    @Test func whatDidNotChangeNeedsNothing() throws {
        var (planner, _) = try linked()
        #expect(try planner.setInterface("eth1", index: 7).isEmpty)
    }

    @Test func aPlanThatIsRolledBackLeavesNothing() throws {
        var (planner, _) = try linked()
        try planner.addModule("p", .policy, tags: ["m:a"])
        let before = (planner.model.modules, planner.model.links, planner.model.chains, planner.model.attachments)
        var plan = Plan()
        try planner.model.planDeletion(of: planner.model.resolve(module: "a"), in: &plan)
        try planner.model.planAbsence(of: 7, in: &plan)
        planner.model.rollBack(plan)
        #expect(planner.model.modules == before.0)
        #expect(planner.model.links == before.1)
        #expect(planner.model.chains == before.2)
        #expect(planner.model.attachments == before.3)
        #expect(planner.model.policies(tagging: "m:a") == ["m:p"])
        #expect(planner.model.interface(named: "eth1")?.index == 7)
    }
}
