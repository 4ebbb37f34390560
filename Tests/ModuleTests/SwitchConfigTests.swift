// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModuleKit
import SwitchModule
import Testing
import TypedValue

/// What configurations of a switch mean, and which are refused.
@Suite struct SwitchConfigTests {
    private func setup(_ json: String) throws -> ModuleSetup { try switchSetup(TypedValue(json: json)) }

    @Test func nothingHasToBeConfigured() throws {
        let setup = try setup("{}")
        #expect(setup.ports.isEmpty)
        #expect(setup.constants["ageing"] == 300_000_000_000)
        #expect(setup.constants["vlan_aware"] == false)
        #expect(setup.sizes["fdb"] == 4096)
        #expect(setup.tables.allSatisfy { $0.entries.isEmpty })
    }

    @Test func iovisorOVNsFormIsTaken() throws {
        let setup = try setup(
            """
            {"forwarding_table": [{"port": "veth1", "mac": "b2:1b:34:5d:9b:2d"},
                                  {"port": "veth2", "mac": "b2:1b:34:5d:9b:2e"}]}
            """)
        #expect(
            setup.ports == [ConfiguredPort(number: 1, peer: "veth1"), ConfiguredPort(number: 2, peer: "veth2")])
        let entries = setup.tables.first { $0.name == "static_fdb" }?.entries
        #expect(entries?[[0xb2, 0x1b, 0x34, 0x5d, 0x9b, 0x2e, 0, 0]] == [2, 0, 0, 0])
        #expect(entries?.count == 2)
    }

    @Test func namesTakeTheNumbersThatAreLeft() throws {
        let setup = try setup(
            """
            {"ports": [{"name": "c", "port": 2}, {"name": "a"}, {"port": 3}],
             "forwarding_table": [{"port": "b", "mac": "02:00:00:00:00:01"}, {"port": 1, "mac": "02:00:00:00:00:02"}],
             "mirror": {"port": "d", "sent": ["a"]}}
            """)
        #expect(
            setup.ports == [
                ConfiguredPort(number: 1), ConfiguredPort(number: 2, peer: "c"), ConfiguredPort(number: 3),
                ConfiguredPort(number: 4, peer: "a"), ConfiguredPort(number: 5, peer: "b"),
                ConfiguredPort(number: 6, peer: "d"),
            ])
    }

    @Test(arguments: [
        (#"{"fdb_size": 8}"#, "/fdb_size"), (#"{"ageing_time": -1}"#, "/ageing_time"),
        (#"{"age": 3}"#, "/age"),
        (#"{"ports": [{}]}"#, "/ports/0"), (#"{"ports": [{"port": 65}]}"#, "/ports/0/port"),
        (#"{"ports": [{"port": 1}, {"port": 1}]}"#, "/ports/1/port"),
        (#"{"ports": [{"name": "a"}, {"name": "a"}]}"#, "/ports/1/name"),
        (#"{"ports": [{"port": 1, "access": 0}]}"#, "/ports/0/access"),
        (#"{"ports": [{"port": 1, "access": 4095}]}"#, "/ports/0/access"),
        (#"{"ports": [{"port": 1, "access": 1, "trunk": [2]}]}"#, "/ports/0/access"),
        (#"{"ports": [{"port": 1, "access": 1, "native": 2}]}"#, "/ports/0/access"),
        (#"{"ports": [{"port": 1, "native": 2}]}"#, "/ports/0/native"),
        (#"{"ports": [{"port": 1, "trunk": [1], "native": [2, 3]}]}"#, "/ports/0/native"),
        (#"{"ports": [{"port": 1, "trunk": [1, 4095]}]}"#, "/ports/0/trunk/1"),
        (#"{"ports": [{"port": 1, "trunk": ["9-8"]}]}"#, "/ports/0/trunk/0"),
        (#"{"ports": [{"port": 1, "trunk": "some"}]}"#, "/ports/0/trunk"),
        (#"{"ports": [{"port": 1, "storm_control": {"broadcast": -1}}]}"#, "/ports/0/storm_control/broadcast"),
        (#"{"ports": [{"port": 1, "max_macs": 0}]}"#, "/ports/0/max_macs"),
        (#"{"ports": [{"port": 1, "allowed_macs": ["02:00"]}]}"#, "/ports/0/allowed_macs/0"),
        (#"{"ports": [{"port": 1, "allowed_macs": ["ff:ff:ff:ff:ff:ff"]}]}"#, "/ports/0/allowed_macs/0"),
        (
            #"{"ports": [{"port": 1, "allowed_macs": ["02:00:00:00:00:01", "02-00-00-00-00-01"]}]}"#,
            "/ports/0/allowed_macs/1"
        ),
        (#"{"ports": [{"port": 1, "allowed_addresses": ["10.0.0.1/8"]}]}"#, "/ports/0/allowed_addresses/0"),
        (
            #"{"ports": [{"port": 1, "allowed_addresses": ["10.0.0.1", "10.0.0.1/32"]}]}"#,
            "/ports/0/allowed_addresses/1"
        ),
        (#"{"forwarding_table": [{"port": 1}]}"#, "/forwarding_table/0"),
        (#"{"forwarding_table": [{"port": 0, "mac": "02:00:00:00:00:01"}]}"#, "/forwarding_table/0/port"),
        (#"{"forwarding_table": [{"port": 1, "mac": "01:00:5e:00:00:01"}]}"#, "/forwarding_table/0/mac"),
        (#"{"forwarding_table": [{"port": 1, "mac": "02:00:00:00:00:01", "vlan": 5}]}"#, "/forwarding_table/0/vlan"),
        (
            #"{"forwarding_table": [{"port": 1, "mac": "02:00:00:00:00:01"}, {"port": 2, "mac": "02:00:00:00:00:01"}]}"#,
            "/forwarding_table/1"
        ),
        (
            #"{"ports": [{"port": 1, "trunk": [5]}], "forwarding_table": [{"port": 1, "mac": "02:00:00:00:00:01"}]}"#,
            "/forwarding_table/0"
        ),
        (
            #"{"ports": [{"port": 1, "access": 5}], "forwarding_table": [{"port": 1, "mac": "02:00:00:00:00:01", "vlan": 6}]}"#,
            "/forwarding_table/0/vlan"
        ),
        (#"{"mirror": {"port": 1}}"#, "/mirror"), (#"{"mirror": {"port": 1, "sent": [2, 1]}}"#, "/mirror/sent/1"),
        (
            #"{"ports": [{"port": 1, "name": "a"}], "mirror": {"port": 1, "received": ["a"]}}"#, "/mirror/received/0"
        ),
        (
            #"{"mirror": {"port": 1, "sent": [2]}, "forwarding_table": [{"port": 1, "mac": "02:00:00:00:00:01"}]}"#,
            "/mirror/port"
        ),
    ])
    func badConfigurationsAreRefused(_ json: String, _ pointer: String) throws {
        let error = #expect(throws: ConfigError.self) { try setup(json) }
        #expect(error?.pointer == pointer, "\(error?.message ?? "")")
    }

    @Test func moreThan64NamesAreRefused() throws {
        let names = (1...65).map { #"{"name": "p\#($0)"}"# }.joined(separator: ",")
        #expect(throws: ConfigError.self) { try setup(#"{"ports": [\#(names)]}"#) }
    }

    @Test func theReadmeHasEachKey() throws {
        let readme = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Sources/Modules/Switch/README.md"), encoding: .utf8)
        func check(_ description: ConfigDescription?) {
            for key in description?.keys ?? [] {
                #expect(readme.contains("| `\(key.name)` | "), "the README has no row for \(key.name)")
                check(key.members)
            }
        }
        check(SwitchType().configDescription)
    }
}
