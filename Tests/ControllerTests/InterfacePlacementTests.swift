// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

/// Policies at interfaces that no module is linked to, and at those that come and go.
@Suite struct InterfacePlacementTests {
    private let eth1 = EndpointRequest.interface("eth1")
    private let slots = (ingress: Slot.ingress(interface: 7), egress: Slot.egress(interface: 7))

    private func placed(_ direction: Direction? = nil) throws -> (planner: Planner, plan: Plan) {
        var planner = Planner()
        try planner.addModule("a")
        try planner.setInterface("eth1", index: 7)
        let plan = try planner.addModule("p", .policy, placed: [.at(eth1, direction)])
        return (planner, plan)
    }

    @Test func packetsGoOnTheirOrdinaryWay() throws {
        let (planner, plan) = try placed()
        #expect(plan.actions.contains(.hook(interface: 7, .ingress)))
        #expect(plan.actions.contains(.hook(interface: 7, .egress)))
        let chains = planner.model.chains
        #expect(Set(chains.keys) == [.member(interface: 7, .ingress), .member(interface: 7, .egress)])
        #expect(chains.values.allSatisfy { $0.terminal == .continue(interface: 7) })
        #expect(chains[.member(interface: 7, .ingress)]?.hops.map(\.handler) == [.ingress])
        #expect(chains[.member(interface: 7, .egress)]?.hops.map(\.handler) == [.egress])
    }

    @Test func onlyTheDirectionThatWasAskedForIsHooked() throws {
        let (planner, plan) = try placed(.ingress)
        #expect(plan.actions.contains(.hook(interface: 7, .ingress)))
        #expect(!plan.actions.contains(.makePromiscuous(interface: 7)), "it is the kernel's")
        #expect(!plan.actions.contains(.hook(interface: 7, .egress)))
        #expect(planner.model.chains.count == 1)
    }

    @Test func theInterfaceIsLetGoWithItsLastPolicy() throws {
        var (planner, _) = try placed()
        let plan = try planner.place("p", [])
        #expect(plan.releases.contains(.interface(7)))
        #expect(planner.model.chains.isEmpty)
        #expect(planner.model.attachments.isEmpty)
    }

    @Test func aDirectionThatIsGivenUpIsNoLongerHooked() throws {
        var (planner, _) = try placed()
        let plan = try planner.place("p", [.at(eth1, .ingress)])
        #expect(plan.releases.contains(.hook(interface: 7, .egress)))
        #expect(planner.model.attachments[7]?.hooks == [.ingress])
        #expect(try planner.place("p", [.at(eth1, nil)]).actions.contains(.hook(interface: 7, .egress)))
    }

    @Test func aTagAloneDoesNotConcernTheHost() throws {
        var (planner, _) = try placed(.ingress)
        try planner.addModule("tagged", .policy, tags: ["i:eth1"])
        #expect(planner.order(.ingress, of: eth1) == ["p"])
    }

    @Test func aBridgesMemberHasItBesidesThoseOfTheBridge() throws {
        var planner = Planner()
        try planner.setInterface("br0", index: 2, kind: "bridge")
        try planner.setInterface("tap1", index: 3, master: 2)
        try planner.addModule("tagged", .policy, tags: ["b:br0"])
        try planner.addModule("p", .policy, placed: [.at(.interface("tap1"), nil, .before("tagged"))])
        #expect(planner.order(.ingress, of: .interface("tap1")) == ["p", "tagged"])
        try planner.setInterface("tap1", index: 3)
        #expect(planner.order(.ingress, of: .interface("tap1")) == ["p"])
        #expect(planner.model.chains.count == 2, "out of the bridge it still is the host's")
    }

    /// No packet gets past the policy while a link begins or ends: one change of the slot leads from one chain to the
    /// other.
    @Test func aLinkTakesOverAndGivesBack() throws {
        var (planner, _) = try placed()
        let own = try #require(planner.model.chains[.member(interface: 7, .ingress)])
        let (link, begun) = try planner.link(.interface("eth1"), .port("a", 1))
        let linked = try #require(planner.model.chains[.link(link, reversed: false)])
        #expect(linked.hops.map(\.policy) == ["m:p"])
        #expect(begun.wires(of: slots.ingress) == [.wire(slots.ingress, to: linked.first, before: own.first)])
        #expect(begun.releases.contains(.hook(interface: 7, .egress)), "the kernel's own packets cross no link")
        #expect(planner.order(.egress, of: .port("a", 1)) == ["p"])

        let ended = try planner.unlink(link)
        let again = try #require(planner.model.chains[.member(interface: 7, .ingress)])
        #expect(ended.wires(of: slots.ingress) == [.wire(slots.ingress, to: again.first, before: linked.first)])
        #expect(ended.actions.contains(.hook(interface: 7, .egress)))
        #expect(!ended.releases.contains(.interface(7)))
    }

    @Test func aFailedLinkLeavesThePolicyWhereItWas() throws {
        var (planner, _) = try placed()
        let chains = planner.model.chains
        var plan = Plan()
        let link = try planner.model.resolve(from: .interface("eth1"), to: .port("a", 1), number: 1)
        try planner.model.planCreation(of: link, in: &plan)
        planner.model.rollBack(plan)
        #expect(planner.model.chains == chains)
        #expect(planner.model.edge(at: slots.ingress) == .member(interface: 7, .ingress))
    }

    @Test func followsARenamedInterface() throws {
        var (planner, _) = try placed()
        let plan = try planner.setInterface("lan0", index: 7)
        #expect(plan.actions.isEmpty)
        #expect(planner.order(.ingress, of: .interface("lan0")) == ["p"])
        #expect(planner.order(.ingress, of: eth1) == [])
    }

    @Test func waitsForAnInterfaceThatVanished() throws {
        var (planner, _) = try placed()
        let gone = try planner.removeInterface(7)
        #expect(gone.wires.isEmpty)
        #expect(planner.model.chains.isEmpty)
        try planner.place("p", [.at(eth1)], tags: ["m:a"])
        #expect(planner.order(.ingress, of: eth1) == ["p"], "what is there need not be checked again")
        let back = try planner.setInterface("eth1", index: 9)
        #expect(back.actions.contains(.hook(interface: 9, .ingress)))
        #expect(planner.model.chains[.member(interface: 9, .ingress)] != nil)
    }

    @Test func topologyTellsTheOrderAndWhy() throws {
        var (planner, _) = try placed()
        try planner.setInterface("br0", index: 8, kind: "bridge")
        try planner.setInterface("tap1", index: 9, master: 8)
        try planner.setInterface("idle", index: 10)
        try planner.addModule("b")
        try planner.addModule("tagged", .policy, tags: ["m:b"])
        try planner.link(.port("a", 1), .port("b", 1))
        try planner.addModule("first", .policy, placed: [.at(.port("b", 1), .ingress, .first)])
        let topology = planner.model.topology
        #expect(
            topology.nodes.map(\.id) == [
                "m:a", "m:p", "m:b", "m:tagged", "m:first", "b:br0", "i:eth1", "i:br0", "i:tap1", "i:idle",
            ])
        #expect(topology.edges.map(\.forth).map { $0.map(\.policy) } == [["m:first", "m:tagged"], ["m:p"], []])
        #expect(topology.edges.map(\.back).map { $0.map(\.policy) } == [["m:tagged"], ["m:p"], []])
        #expect(topology.edges.first?.forth.map(\.reason).last == .tag("m:b"))
        #expect(topology.edges.first?.forth.first?.placement?.position == .first)
        #expect(
            topology.edges.map(\.kind).dropFirst() == [
                .host(interface: "eth1"), .member(BridgeMember(bridge: "br0", interface: "tap1")),
            ])
    }
}

extension Plan {
    fileprivate func wires(of slot: Slot) -> [Action] {
        wires.filter { if case .wire(slot, _, _) = $0 { true } else { false } }
    }
}
