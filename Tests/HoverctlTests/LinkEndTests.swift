// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import Testing

@testable import hoverctl

@Suite struct LinkEndTests {
    @Test(arguments: [
        ("web", LinkEnd(node: "web")), ("web:2", LinkEnd(node: "web", port: 2)),
        ("m:0b1f6a52-7c7c", LinkEnd(node: "m:0b1f6a52-7c7c")),
        ("m:0b1f6a52-7c7c:12", LinkEnd(node: "m:0b1f6a52-7c7c", port: 12)), ("m:77", LinkEnd(node: "m:77")),
        ("i:eth1", LinkEnd(node: "i:eth1")), ("i:eth1.5", LinkEnd(node: "i:eth1.5")),
        ("two words:1", LinkEnd(node: "two words", port: 1)), ("a:b", LinkEnd(node: "a:b")),
        ("a:1:2", LinkEnd(node: "a:1", port: 2)), ("größe:3", LinkEnd(node: "größe", port: 3)),
        ("b:2", LinkEnd(node: "b", port: 2)), ("b:br0", LinkEnd(node: "b:br0")),
        ("i:mac=02:00:00:00:00:01", LinkEnd(node: "i:mac=02:00:00:00:00:01")),
        ("i:path=/sys/devices/pci0000:00", LinkEnd(node: "i:path=/sys/devices/pci0000:00")),
        ("a:", LinkEnd(node: "a:")), ("a:١", LinkEnd(node: "a:١")),
    ])
    func reads(text: String, expected: LinkEnd) throws {
        #expect(try LinkEnd(argument: text) == expected)
    }

    @Test(arguments: ["", "m:", "i:", ":1", "web:0", "i:eth1:1", "web:99999999999999999999"])
    func refuses(text: String) {
        #expect(throws: ValidationError.self) { try LinkEnd(argument: text) }
    }
}
