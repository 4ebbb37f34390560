// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI
import Testing

@testable import RESTServer

/// Placements between the API's form and the controller's.
@Suite struct PlacementTests {
    @Test(
        arguments: [
            (Placement(node: "i:eth1"), nil, Position.last),
            (Placement(node: "web", port: 1, direction: "ingress", at: "first"), .ingress, .first),
            (Placement(node: "web", port: 1, direction: "egress", at: "last"), .egress, .last),
            (Placement(node: "web", port: 1, before: "fw"), nil, .before("fw")),
            (Placement(node: "web", port: 1, after: "fw"), nil, .after("fw")),
        ] as [(Placement, Direction?, Position)])
    func requestsAreRead(placement: Placement, direction: Direction?, position: Position) throws {
        let request = try PlacementRequest(placement)
        #expect(request.end == EndpointRequest(node: placement.node, port: placement.port))
        #expect(request.direction == direction)
        #expect(request.position == position)
    }

    @Test(arguments: [
        Placement(node: "web", port: 1, at: "first", before: "fw"),
        Placement(node: "web", port: 1, before: "a", after: "b"),
    ])
    func onePositionOnly(placement: Placement) {
        let error = #expect(throws: HoverError.self) { try PlacementRequest(placement) }
        #expect(error?.kind == .invalid)
        #expect(error?.message == "the placement at web has several of at, before and after: give one of them")
    }
}
