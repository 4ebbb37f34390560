// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing
import TypedValue

@testable import hoverctl

/// What a manifest means.
@Suite struct ManifestReaderTests {
    private func load(_ text: String, name: String = "hover.yaml") throws -> Manifest {
        try LoadedManifest.load([ManifestFile(name: name, folder: "/nowhere/", bytes: Array(text.utf8))]).manifest
    }

    @Test func readsAllOfAModule() throws {
        let manifest = try load(
            """
            modules:
              - name: fw
                type: bpf/policy
                source: "int x;"
                file: wall.c
                config: {limit: 18446744073709551615, net: 10.0.0.0/8, on: true, mac: 12:34:56:07:08:09,
                         list: [1, -2, 0x10, 1.5, no], none: , quoted: "5", nested: {a/b: ~}}
                ports: 0
                max_ports: 8
                counters: false
                tags: [web, "i:eth1"]
                placements:
                  - web:1/ingress@first
                  - {node: "i:eth1", direction: egress, after: ids}
                  - node: web
                    port: 2
            """)
        let config: [String: TypedValue] = [
            "limit": .unsigned(.max), "net": "10.0.0.0/8", "on": true, "mac": "12:34:56:07:08:09",
            "list": [1, -2, 16, "1.5", "no"], "none": .null, "quoted": "5", "nested": ["a/b": .null],
        ]
        #expect(
            manifest.modules == [
                ModuleRequest(
                    name: "fw", type: "bpf/policy", tags: ["web", "i:eth1"],
                    placements: [
                        Placement(node: "web", port: 1, direction: "ingress", at: "first"),
                        Placement(node: "i:eth1", direction: "egress", after: "ids"), Placement(node: "web", port: 2),
                    ], source: "int x;", file: "wall.c", ports: 0, maxPorts: 8, config: config, counters: false)
            ])
        #expect(manifest.links.isEmpty)
    }

    @Test func readsLinksAndInterfaces() throws {
        let manifest = try load(
            """
            external_interfaces:
              - {module: a, iface: eth1}
              - {module: a, iface: mac=aa:bb:cc:dd:ee:01, port: 2, hook: xdp}
              - {module: "a:3", iface: path=/sys/bus/pci/devices/0000:00:1f.6}
            links:
              - {from: a, to: "b:2"}
              - from: m:0b1f6a52-7c7c-4b0c-9d2e-1f5f0f0e7a11:1
                to: i:eth2
                hook: xdp-generic
              - {from: i:mac=aa:bb:cc:dd:ee:01, to: b}
            """)
        #expect(
            manifest.links == [
                LinkRequest(from: LinkEnd(node: "a"), to: LinkEnd(node: "b", port: 2)),
                LinkRequest(
                    from: LinkEnd(node: "m:0b1f6a52-7c7c-4b0c-9d2e-1f5f0f0e7a11", port: 1), to: LinkEnd(node: "i:eth2"),
                    hook: "xdp-generic"),
                LinkRequest(from: LinkEnd(node: "i:mac=aa:bb:cc:dd:ee:01"), to: LinkEnd(node: "b")),
                LinkRequest(from: LinkEnd(node: "a"), to: LinkEnd(node: "i:eth1")),
                LinkRequest(
                    from: LinkEnd(node: "a", port: 2), to: LinkEnd(node: "i:mac=aa:bb:cc:dd:ee:01"), hook: "xdp"),
                LinkRequest(
                    from: LinkEnd(node: "a", port: 3), to: LinkEnd(node: "i:path=/sys/bus/pci/devices/0000:00:1f.6")),
            ], "what was written under links comes first")
    }

    /// As https://github.com/iovisor/iovisor-ovn's standalone mode takes it.
    @Test func readsTheFormOfIOVisorOVN() throws {
        let manifest = try load(
            """
            # A router between a switch and a NAT.
            modules:
              - name: Lan
                type: switch
                config:
              - name: Gate
                type: router
                config:
                  interfaces:
                    - name: Lan
                      ip: 192.168.7.254
                      netmask: 255.255.255.0
                      mac: "02:00:00:00:07:01"
                  static_routes:
                    - {network: 0.0.0.0, netmask: 0.0.0.0, interface: Wan}
              - name: Wan
                type: nat
                config:
                  public_ip: 203.0.113.7
              - name: Count
                type: bpf/forward
                config:
                  code: |
                    static int handle_rx(void *pkt, struct metadata *md)
                    { return RX_OK; }
                  limit: 5
            links:
              - from: Lan
                to: Gate
              - from: Gate
                to: Wan
            external_interfaces:
              - module: Lan
                iface: veth1
              - module: Wan
                iface: veth2
            """)
        #expect(manifest.modules.map(\.name) == ["Lan", "Gate", "Wan", "Count"])
        #expect(manifest.modules.map(\.type) == ["switch", "router", "nat", "bpf/forward"])
        #expect(manifest.modules[0].config == nil)
        #expect(
            manifest.modules[1].config == [
                "interfaces": [
                    [
                        "name": "Lan", "ip": "192.168.7.254", "netmask": "255.255.255.0", "mac": "02:00:00:00:07:01",
                    ]
                ],
                "static_routes": [["network": "0.0.0.0", "netmask": "0.0.0.0", "interface": "Wan"]],
            ])
        #expect(manifest.modules[3].source?.hasSuffix("{ return RX_OK; }\n") == true)
        #expect(manifest.modules[3].file == "Count.c")
        #expect(manifest.modules[3].config == ["limit": 5])
        #expect(manifest.links.map(\.from.node) == ["Lan", "Gate", "Lan", "Wan"])
        #expect(manifest.links.map(\.to.node) == ["Gate", "Wan", "i:veth1", "i:veth2"])
        #expect(manifest.links.allSatisfy { $0.from.port == nil && $0.to.port == nil })
    }

    /// `code` in the configuration of a module that has its source elsewhere is a variable of that name.
    @Test func leavesAVariableThatIsCalledCode() throws {
        let manifest = try load("modules: [{name: a, type: bpf/forward, source: int x;, config: {code: 5}}]")
        #expect(manifest.modules[0].config == ["code": 5])
        #expect(manifest.modules[0].source == "int x;")
        let builtIn = try load("modules: [{name: a, type: switch, config: {code: x}}]")
        #expect(builtIn.modules[0].config == ["code": "x"])
    }

    @Test func readsJSON() throws {
        let manifest = try load(
            #"""
            {
            	"$schema": "https://example.org/manifest.schema.json",
            	"modules": [{"name": "gr\u00f6\/\u00dfe", "type": "switch", "config": {"a": [1, null, "x\ny"]}}],
            	"links": [{"from": "a", "to": "i:eth1", "hook": null}]
            }
            """#, name: "hover.json")
        #expect(manifest.modules.map(\.name) == ["grö/ße"])
        #expect(manifest.modules[0].config == ["a": [1, .null, "x\ny"]])
        #expect(manifest.links == [LinkRequest(from: LinkEnd(node: "a"), to: LinkEnd(node: "i:eth1"))])
    }

    @Test func keepsNamesThatOlderYAMLReadsAsTruth() throws {
        let manifest = try load("modules: [{name: on, type: y}]")
        #expect(manifest.modules.map(\.name) == ["on"])
        #expect(manifest.modules.map(\.type) == ["y"])
    }

    @Test func repeatsWhatHasAnAnchor() throws {
        let manifest = try load(
            """
            modules:
              - {name: a, type: switch, config: &common {age: 300}}
              - {name: b, type: switch, config: *common}
            """)
        #expect(manifest.modules.map(\.config) == [["age": 300], ["age": 300]])
    }

    @Test(arguments: ["modules: []", "modules:", "{}", "links: []\nexternal_interfaces:"])
    func takesNothingWhenItIsWritten(text: String) throws {
        #expect(try load(text) == Manifest())
    }

    @Test func isSentAsItWasWritten() throws {
        let manifest = try load(
            """
            modules: [{name: a, type: bpf/forward, source: int x;, max_ports: 2, config: {limit: 5}}]
            links: [{from: "a:1", to: i:eth1, hook: tc}]
            """)
        let expected: TypedValue = [
            "modules": [
                [
                    "name": "a", "type": "bpf/forward", "source": "int x;", "file": "a.c", "max_ports": 2,
                    "config": ["limit": 5],
                ]
            ],
            "links": [["from": ["node": "a", "port": 1], "to": ["node": "i:eth1"], "hook": "tc"]],
        ]
        let sent = try JSONEncoder().encode(manifest)
        #expect(try JSONDecoder().decode(TypedValue.self, from: sent) == expected)
        #expect(try JSONDecoder().decode(Manifest.self, from: sent) == manifest)
    }
}
