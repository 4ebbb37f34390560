// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import Testing

@testable import hoverctl

@Suite struct PlacementTextTests {
    @Test(arguments: [
        ("web:1", Placement(node: "web", port: 1)), ("i:eth1", Placement(node: "i:eth1")),
        ("web:1/ingress", Placement(node: "web", port: 1, direction: "ingress")),
        ("i:eth1/egress@first", Placement(node: "i:eth1", direction: "egress", at: "first")),
        ("m:0b1f:12@last", Placement(node: "m:0b1f", port: 12, at: "last")),
        ("two words:1@before:my fw", Placement(node: "two words", port: 1, before: "my fw")),
        ("web:1/egress@after:m:77", Placement(node: "web", port: 1, direction: "egress", after: "m:77")),
        ("i:path=/sys/eth1", Placement(node: "i:path=/sys/eth1")),
        ("i:path=/sys/eth1/egress@first", Placement(node: "i:path=/sys/eth1", direction: "egress", at: "first")),
        ("i:a@b@last", Placement(node: "i:a@b", at: "last")),
    ])
    func reads(text: String, expected: Placement) throws {
        let placement = try Placement(argument: text)
        #expect(placement == expected)
        #expect(placement.argument == text)
    }

    @Test(arguments: [
        "", "i:", "web:1@", "web:1@middle", "web:1@before:", "web:1@before", "web:1/", "web:1/in",
        "web:1@first/ingress",
        "/ingress", "@first", "i:eth1:1",
    ])
    func refuses(text: String) {
        #expect(throws: ValidationError.self) { try Placement(argument: text) }
    }
}
