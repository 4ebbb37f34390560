// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Controller

@Suite struct PlacementPlanTests {
    /// `a` and `b` linked by their ports 1, with `tagged` on `b`.
    private func linked() throws -> Planner {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.addModule("tagged", .policy, tags: ["m:b"])
        try planner.link(.port("a", 1), .port("b", 1))
        return planner
    }

    private let b1 = EndpointRequest.port("b", 1)
    private let a1 = EndpointRequest.port("a", 1)

    @Test func takesItsPositionAmongAllThatLieThere() throws {
        var planner = try linked()
        try planner.addModule("p1", .policy, placed: [.at(b1, .ingress, .first)])
        try planner.addModule("p2", .policy, placed: [.at(b1, .ingress, .last)])
        try planner.addModule("p3", .policy, placed: [.at(b1, .ingress, .before("tagged"))])
        try planner.addModule("p4", .policy, placed: [.at(b1, .ingress, .after("m:p1"))])
        try planner.addModule("p5", .policy, placed: [.at(b1, .ingress, .first)])
        #expect(planner.order(.ingress, of: b1) == ["p5", "p1", "p4", "p3", "tagged", "p2"])
        #expect(planner.order(.egress, of: b1) == ["tagged"])
    }

    @Test func bothEndsOfALinkAreOneWay() throws {
        var planner = try linked()
        try planner.addModule("out", .policy, placed: [.at(a1, .egress, .last)])
        try planner.addModule("in", .policy, placed: [.at(b1, .ingress, .before("out"))])
        #expect(planner.order(.ingress, of: b1) == ["tagged", "in", "out"])
        #expect(planner.order(.egress, of: a1) == ["tagged", "in", "out"])
        let handlers = planner.model.policies(at: Side(end: .port(module: "m:b", number: 1), direction: .ingress))
        #expect(handlers.map(\.handler) == [.ingress, .ingress, .egress])
    }

    @Test func whatAnInterfaceReceivesEntersThePort() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.setInterface("eth1", index: 7)
        try planner.link(a1, .interface("eth1"))
        try planner.addModule("p", .policy, placed: [.at(.interface("eth1"), .ingress)])
        try planner.addModule("q", .policy, placed: [.at(a1, .ingress)])
        let chain = try #require(planner.model.chains.values.first { $0.head == .ingress(interface: 7) })
        #expect(chain.hops.map(\.policy) == ["m:p", "m:q"])
        #expect(chain.hops.map(\.handler) == [.ingress, .ingress])
        #expect(planner.order(.egress, of: .interface("eth1")) == [])
    }

    @Test func aPlacementWithoutDirectionIsOneForEach() throws {
        var planner = try linked()
        try planner.addModule("p", .policy, placed: [.at(b1, nil, .first)])
        #expect(planner.order(.ingress, of: b1) == ["p", "tagged"])
        #expect(planner.order(.egress, of: b1) == ["p", "tagged"])
        let chains = planner.model.chains.values.map { $0.hops.map(\.handler) }
        #expect(Set(chains) == [[.ingress, .ingress], [.egress, .egress]])
    }

    @Test func whereAPolicyIsPlacedItsTagsDoNotCount() throws {
        var planner = try linked()
        try planner.addModule("p", .policy, tags: ["m:b"], placed: [.at(b1, .ingress, .first)])
        #expect(planner.order(.ingress, of: b1) == ["p", "tagged"])
        #expect(planner.order(.egress, of: b1) == ["tagged", "p"])
    }

    @Test func waitsForALink() throws {
        var planner = Planner()
        try planner.addModule("a")
        try planner.addModule("b")
        try planner.addModule("p", .policy, placed: [.at(b1)])
        try planner.addModule("q", .policy, placed: [.at(b1, .ingress, .before("p"))])
        #expect(planner.model.chains.isEmpty)
        try planner.link(a1, b1)
        #expect(planner.model.chains.values.contains { $0.hops.map(\.policy) == ["m:q", "m:p"] })
    }

    @Test func movingAPolicyChangesOneSlotAtTheHead() throws {
        var planner = try linked()
        try planner.addModule("p", .policy, placed: [.at(b1, .ingress, .last)])
        let plan = try planner.place("p", [.at(b1, .ingress, .first)])
        #expect(planner.order(.ingress, of: b1) == ["p", "tagged"])
        let head = plan.wires.compactMap { action -> Slot? in
            if case .wire(let slot, _, let before) = action, before != nil { slot } else { nil }
        }
        #expect(head == [.port(module: "m:a", number: 1)])
        #expect(try planner.place("p", [.at(b1, .ingress, .first)]).isEmpty, "asked for again, it stays")
    }

    @Test func staysWhereItIsWhenItsNeighbourGoes() throws {
        var planner = try linked()
        try planner.addModule("tagged2", .policy, tags: ["m:b"])
        try planner.addModule("p", .policy, placed: [.at(b1, .ingress, .before("tagged2"))])
        try planner.addModule("q", .policy, placed: [.at(b1, .ingress, .after("p"))])
        try planner.addModule("r", .policy, placed: [.at(b1, .ingress, .after("tagged2"))])
        #expect(planner.order(.ingress, of: b1) == ["tagged", "p", "q", "tagged2", "r"])
        try planner.delete("tagged2")
        #expect(planner.order(.ingress, of: b1) == ["tagged", "p", "q", "r"])
        try planner.delete("p")
        #expect(planner.order(.ingress, of: b1) == ["tagged", "q", "r"])
        try planner.place("tagged", [], tags: [])
        #expect(planner.order(.ingress, of: b1) == ["q", "r"])
        #expect(planner.model.policies(placedNextTo: "m:p").isEmpty)
        #expect(planner.model.policies(placedNextTo: "m:tagged2").isEmpty)
    }

    @Test func staysWhereItIsWhenItsNeighbourMoves() throws {
        var planner = try linked()
        try planner.addModule("p", .policy, placed: [.at(b1, .ingress, .last)])
        try planner.addModule("q", .policy, placed: [.at(b1, .ingress, .after("p"))])
        try planner.place("p", [.at(b1, .ingress, .first)])
        #expect(planner.order(.ingress, of: b1) == ["p", "tagged", "q"])
    }

    /// Whatever is deleted, the others keep their order.
    @Test(arguments: 0..<20)
    func anyDeletionLeavesTheOthersInTheirOrder(seed: UInt64) throws {
        var random = Xorshift(state: seed &* 0x9e37_79b9_7f4a_7c15 | 1)
        var planner = try linked()
        try planner.addModule("t2", .policy, tags: ["m:b"])
        var names = ["tagged", "t2"]
        for number in 1...6 {
            let neighbour = names.randomElement(using: &random) ?? "tagged"
            let position = [Position.first, .last, .before(neighbour), .after(neighbour)].randomElement(using: &random)
            try planner.addModule("p\(number)", .policy, placed: [.at(b1, .ingress, position ?? .last)])
            names.append("p\(number)")
        }
        for name in names.shuffled(using: &random) {
            let expected = planner.order(.ingress, of: b1).filter { $0 != name }
            try planner.delete(name)
            #expect(planner.order(.ingress, of: b1) == expected, "without \(name)")
            let hops = planner.model.chains.values.first { $0.head == .port(module: "m:a", number: 1) }?.hops
            #expect(hops?.map { String($0.policy.dropFirst(2)) } == expected)
        }
    }

    @Test func goesWithTheModuleAtWhosePortItLies() throws {
        var planner = try linked()
        try planner.addModule("p", .policy, placed: [.at(b1), .at(a1, .egress)])
        try planner.delete("b")
        #expect(try planner.model.resolve(module: "p").placements.map(\.side.end) == [.port(module: "m:a", number: 1)])
        #expect(planner.model.chains.isEmpty)
    }

    @Test func eightOnAWayHoweverTheyCameThere() throws {
        var planner = try linked()
        for number in 1...7 {
            try planner.addModule("p\(number)", .policy, placed: [.at(number % 2 == 0 ? b1 : a1, nil, .first)])
        }
        let chains = planner.model.chains
        let error = try refusal { try planner.addModule("p8", .policy, placed: [.at(b1)]) }
        #expect(error.kind == .conflict)
        #expect(error.message.contains("9 policies would lie on the way from m:a to m:b"))
        #expect(planner.model.chains == chains)
        #expect(planner.model.policies(placedAt: .port(module: "m:b", number: 1)).contains("m:p8") == false)
    }

    @Test func countsInTheLongestChain() throws {
        var planner = Planner()
        for number in 0..<32 {
            try planner.addModule("m\(number)")
        }
        for number in 0..<31 {
            try planner.link(.port("m\(number)", 2), .port("m\(number + 1)", 1))
        }
        try planner.addModule("p", .policy, placed: [.at(.port("m5", 1))])
        let error = try refusal { try planner.addModule("q", .policy, placed: [.at(.port("m9", 1))]) }
        #expect(error.kind == .conflict)
        #expect(error.message.contains("34 hops"), "\(error.message)")
    }

    @Test(
        arguments: [
            (.at(.port("b"), .ingress), .invalid, "a port of module b is missing"),
            (.at(.port("b", 9), .ingress), .invalid, "module b has no port 9: its ports are 1 to 4"),
            (.at(.port("nobody", 1)), .notFound, "there is no module nobody"),
            (.at(.port("tagged", 1)), .invalid, "module tagged is a policy and has no ports"),
            (.at(.interface("eth9")), .notFound, "there is no interface eth9"),
            (.at(EndpointRequest(node: "i:eth1", port: 1)), .invalid, "interface eth1 has no ports"),
            (.at(EndpointRequest(node: "b:br0")), .invalid, "nothing can be placed at the bridge br0"),
            (.at(.port("b", 1), .ingress, .before("nobody")), .notFound, "there is no module nobody"),
            (.at(.port("b", 1), .ingress, .before("a")), .invalid, "module a is no policy"),
            (
                .at(.port("b", 1), .ingress, .before("elsewhere")), .conflict,
                "policy elsewhere does not lie at the ingress of port 1 of module m:b, so p cannot be placed before or after"
            ),
            (.at(.port("b", 1), .ingress, .after("p")), .invalid, "policy p cannot be placed before or after itself"),
            (.at(.port("b", 2), .ingress, .last), .invalid, "policy p is placed twice at the ingress of port 2"),
        ] as [(PlacementRequest, HoverError.Kind, String)])
    func refusesWhatCannotBe(request: PlacementRequest, kind: HoverError.Kind, message: String) throws {
        var planner = try linked()
        try planner.setInterface("eth1", index: 3)
        try planner.addModule("elsewhere", .policy, placed: [.at(.port("b", 2))])
        try planner.addModule("p", .policy)
        let error = try refusal { try planner.place("p", [.at(.port("b", 2)), request]) }
        #expect(error.kind == kind)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(try planner.model.resolve(module: "p").placements.isEmpty)
    }

    @Test func onlyPoliciesArePlaced() throws {
        var planner = try linked()
        let error = try refusal { try planner.place("a", [.at(b1)]) }
        #expect(error.kind == .invalid)
        #expect(error.message.contains("module a is bpf/forward, and only policies are placed"))
    }
}

/// Numbers that look random and are the same in each run.
private struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
