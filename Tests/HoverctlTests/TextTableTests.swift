// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import Testing
import TypedValue

@testable import hoverctl

@Suite struct TextTableTests {
    @Test func alignsColumns() {
        let table = TextTable(columns: ["NAME", "PORTS"], rows: [["firewall", "2"], ["a", ""]])
        #expect(
            table.rendered(coloured: false) == """
                NAME       PORTS
                firewall   2
                a          -

                """)
    }

    @Test func alignsWideCharacters() {
        let table = TextTable(columns: ["A", "B"], rows: [["路由器", "1"], ["größe", "2"], ["🦀", "3"]])
        #expect(
            table.rendered(coloured: false) == """
                A        B
                路由器   1
                größe    2
                🦀       3

                """)
    }

    @Test func coloursOnlyWhenAsked() {
        let table = TextTable(columns: ["NAME"], rows: [["a"]])
        #expect(table.rendered(coloured: true) == "\u{1b}[1mNAME\u{1b}[0m\na\n")
        #expect(!table.rendered(coloured: false).contains("\u{1b}"))
    }

    @Test func escapesWhatTerminalsObey() {
        let table = TextTable(columns: ["NAME"], rows: [["\u{1b}]0;gone\u{7}\n\r\t\u{9b}31m\u{202e}x"]])
        #expect(table.rendered(coloured: false) == "NAME\n" + #"\u001b]0;gone\u0007\n\r\t\u009b31m\u202ex"# + "\n")
    }

    @Test func showsModulesByName() {
        let modules = [
            module(
                "m:1", "web", ports: [port(1, "m:2/3", received: 5), port(2, nil, received: 6)],
                drops: ["a": 1, "b": 2]),
            module("m:2", "counter", tags: ["m:1", "i:eth1", "m:9"]),
        ]
        #expect(
            TextTable(modules, names: NodeNames(modules)).rendered(coloured: false) == """
                NAME      TYPE          PORTS   LINKS   RX-PACKETS   TX-PACKETS   DROPS   TAGS             ID
                web       bpf/forward   2       1       11           0            3       -                m:1
                counter   bpf/forward   0       0       0            0            0       web,i:eth1,m:9   m:2

                """)
        #expect(
            TextTable(modules[0].ports, names: NodeNames(modules)).rendered(coloured: false) == """
                PORT   PEER        RX-PACKETS   RX-BYTES   TX-PACKETS   TX-BYTES
                1      counter:3   5            0          0            0
                2      -           6            0          0            0

                """)
    }

    @Test func showsLinksByNamesThatAreUnique() {
        let names = NodeNames([module("m:1", "web"), module("m:2", "twin"), module("m:3", "twin")])
        let links = [
            Link(
                id: "l:1", from: LinkEnd(node: "m:1", port: 1), to: LinkEnd(node: "m:2", port: 4), state: "up",
                detail: nil),
            Link(
                id: "l:2", from: LinkEnd(node: "m:3", port: 1), to: LinkEnd(node: "i:eth1"), state: "pending",
                detail: "eth1 vanished", hook: "xdp-native"),
        ]
        #expect(
            TextTable(links, names: names).rendered(coloured: false) == """
                FROM    TO       HOOK         ID    STATE
                web:1   m:2:4    -            l:1   up
                m:3:1   i:eth1   xdp-native   l:2   pending (eth1 vanished)

                """)
    }

    @Test func showsEntriesAsTheyAreTyped() {
        let table = Table(
            name: "t", kind: "hash", maxEntries: 8, keySize: 4, valueSize: 8, key: .formatted(.ipv4),
            value: .structure(
                name: "counter", size: 8, isUnion: false,
                members: [.init(name: "n", offset: 0, shape: .integer(size: 8, signed: false))]),
            perCPU: false, mapID: 9)
        let entries = [TableEntry(key: "10.0.0.1", value: ["n": 5])]
        #expect(TextTable(entries, of: table).rows == [["10.0.0.1", #"{"n":5}"#]])
        #expect(TextTable([table]).rows == [["t", "hash", "ipv4", "struct counter", "8", "9"]])
    }

    @Test(arguments: [
        (TypeShape.integer(size: 4, signed: false), "u32"), (.integer(size: 8, signed: true), "s64"),
        (.formatted(.bigEndian(size: 2)), "be16"), (.array(of: .formatted(.mac), count: 3), "mac[3]"),
        (.characters(count: 16), "char[16]"),
        (
            .structure(
                name: "", size: 1, isUnion: true, members: [.init(name: "a", offset: 0, shape: .boolean)]),
            "union {a}"
        ),
    ])
    func summarisesTypes(shape: TypeShape, summary: String) {
        #expect(shape.summary == summary)
    }

    private func module(
        _ id: String, _ name: String, tags: [String] = [], ports: [Port] = [], drops: [String: UInt64] = [:]
    ) -> Module {
        Module(
            id: id, name: name, type: "bpf/forward", tags: tags, ports: ports, drops: drops, config: [:], number: 1,
            warnings: "")
    }

    private func port(_ number: Int, _ peer: String?, received: UInt64) -> Port {
        Port(number: number, peer: peer, counters: PortCounters(rxPackets: received))
    }
}
