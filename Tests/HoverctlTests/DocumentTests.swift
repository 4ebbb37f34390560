// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing
import TypedValue
import Yams

@testable import hoverctl

@Suite struct DocumentTests {
    private let module = Module(
        id: "m:1", name: "a/b", type: "bpf/forward", tags: [], ports: [Port(number: 1, peer: nil, counters: .init())],
        drops: [:], config: ["limit": .unsigned(.max), "hex": "0x10", "on": true], number: 3, warnings: "one\ntwo\n")

    @Test func writesTheWiresJSON() throws {
        let text = try jsonDocument(module)
        #expect(try JSONDecoder().decode(Module.self, from: Data(text.utf8)) == module)
        #expect(text.contains(#""name" : "a/b""#))
        #expect(text.contains("18446744073709551615"))
        #expect(text.hasSuffix("}\n"))
        #expect(try jsonDocument(module) == text, "the order of members is stable")
    }

    @Test func writesTheSameAsYAML() throws {
        #expect(
            try yamlDocument(module) == """
                config:
                  hex: '0x10'
                  limit: 18446744073709551615
                  'on': true
                copies: 0
                drops: {}
                generation: 0
                hooks:
                - tc
                id: m:1
                name: a/b
                number: 3
                packet_ins: 0
                placements: []
                ports:
                - counters:
                    rx_bytes: 0
                    rx_packets: 0
                    tx_bytes: 0
                    tx_packets: 0
                  number: 1
                tags: []
                type: bpf/forward
                warnings: |
                  one
                  two

                """)
    }

    @Test(arguments: [
        "", "yes", "null", "~", "5", "0x5", "1.5", "- a", "a: b", "#x", " padded ", "it's", "\"quoted\"", "a\nb", "a\n",
        "\n", "  a\n b", "größe", "\u{1b}[31m", "\u{9b}\u{202e}", "tab\tand\nnewline\r\n", "2026-11-23", "<<", "🦀",
        String(repeating: "long line ", count: 50),
    ])
    func keepsEveryText(text: String) throws {
        for document in [try jsonDocument([text: text]), try yamlDocument([text: text])] {
            let loaded = try Yams.load(yaml: document) as? [String: String]
            #expect(loaded == [text: text], "\(document)")
            let unsafe = document.unicodeScalars.contains { $0.controlsTerminals && $0 != "\n" }
            #expect(!unsafe, "\(document)")
        }
        let json = Data(try jsonDocument([text: text]).utf8)
        #expect(try JSONDecoder().decode([String: String].self, from: json) == [text: text])
    }

    @Test func writesListsAndNothing() throws {
        #expect(try yamlDocument([Module]()) == "[]\n")
        let nothing: [TypedValue] = [.null, -1, 1]
        #expect(try yamlDocument(nothing) == "- null\n- -1\n- 1\n")
    }
}
