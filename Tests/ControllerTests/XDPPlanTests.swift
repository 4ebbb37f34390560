// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

/// Which modules come to xdp, and when.
@Suite struct XDPPlanTests {
    /// `i:eth0` — a — b — `i:eth1`, linked from the far end.
    private func chain(hook: LinkHook?, unfit: [String: String] = [:]) throws -> (Planner, last: Plan) {
        var planner = Planner()
        try planner.setInterface("eth0", index: 10)
        try planner.setInterface("eth1", index: 11)
        for name in ["a", "b"] {
            try planner.addModule(name, unfitForXDP: unfit[name])
        }
        try planner.link(.port("b", 2), .interface("eth1"))
        try planner.link(.port("a", 2), .port("b", 1))
        let last = try planner.link(.interface("eth0"), .port("a", 1), hook: hook).plan
        return (planner, last)
    }

    private func loaded(_ plan: Plan) -> [String] {
        plan.actions.compactMap { if case .loadModuleAtXDP(let id, _, _) = $0 { id } else { nil } }
    }

    @Test func allThatAChainReachesComesToXDPBeforePacketsDo() throws {
        let (planner, plan) = try chain(hook: .xdp)
        #expect(Set(loaded(plan)) == ["m:a", "m:b"])
        #expect(["m:a", "m:b"].allSatisfy { planner.model.modules[$0]?.isAtXDP == true })
        #expect(planner.model.attachments[11]?.hasXDP == true, "frames leave for it")
        let first = Target.port(module: "m:a", number: 1)
        let entered = try #require(plan.actions.firstIndex(of: .wire(.xdp(interface: 10), to: first, before: nil)))
        let brought = try #require(
            plan.actions.lastIndex { if case .loadModuleAtXDP = $0 { true } else { false } })
        #expect(brought < entered)
        #expect(plan.actions.contains(.hookXDP(interface: 10, nil)))
        #expect(planner.model.edge(at: .ingress(interface: 10)) == nil, "what the module lets pass is the kernel's")
    }

    @Test func withoutAWishVethsStayAtTc() throws {
        let (planner, plan) = try chain(hook: nil)
        #expect(loaded(plan).isEmpty)
        #expect(planner.model.attachments[10]?.isHookedAtXDP == false)
    }

    @Test func whatFitsTcOnlyStaysThere() throws {
        let (planner, plan) = try chain(hook: .xdp, unfit: ["b": "b.c:1:1: no"])
        #expect(loaded(plan) == ["m:a"])
        #expect(planner.model.modules["m:b"]?.isAtXDP == false)
        #expect(throws: HoverError.self) { try chain(hook: .nativeXDP, unfit: ["a": "a.c:1:1: no"]) }
    }

    @Test func aPolicyComesToXDPBeforeItsPlacesAreLoaded() throws {
        var (planner, _) = try chain(hook: .xdp)
        let plan = try planner.addModule("p", .policy, tags: ["m:a"])
        let loads = plan.actions.firstIndex { if case .loadModuleAtXDP("m:p", _, _) = $0 { true } else { false } }
        let places = plan.actions.indices.filter { if case .loadHop = plan.actions[$0] { true } else { false } }
        let first = try #require(loads)
        #expect(!places.isEmpty)
        // A place that is loaded before is brought along with the policy.
        for index in places where index < first {
            guard case .loadHop(let hop) = plan.actions[index],
                case .loadModuleAtXDP(_, _, let hops) = plan.actions[first]
            else { continue }
            #expect(hops.contains(hop))
        }
        #expect(throws: HoverError.self) {
            try planner.addModule("q", .policy, tags: ["i:eth0"], unfitForXDP: "q.c:1:1: no")
        }
    }

    @Test func theHookGoesWithTheLink() throws {
        var planner = Planner()
        try planner.setInterface("eth0", index: 10)
        try planner.addModule("a")
        let (id, _) = try planner.link(.interface("eth0"), .port("a", 1), hook: .genericXDP)
        #expect(planner.model.attachments[10]?.isHookedAtXDP == true)
        let plan = try planner.unlink(id)
        #expect(plan.releases.contains(.interface(10)))
        #expect(planner.model.attachments[10] == nil)
    }
}
