// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import ModuleKit
import SwitchModule
import TestSupport
import Testing
import TypedValue

/// What the switch does with single frames.
@Suite struct SwitchFastPathTests {
    @Test(arguments: Hook.allCases) func floodsUntilItKnowsTheStation(hook: Hook) async throws {
        try await SwitchRig.with(atXDP: true) { rig in
            try rig.receive(frame(from: 2, to: 9), on: 2, at: hook)
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 2), from: 1, at: hook) == [2])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2, at: hook) == [1])
            #expect(try await rig.counts()["learned"] == 2)
            #expect(try await rig.counts()["unknown"] == 1)
        }
    }

    @Test func anUnknownStationABroadcastAndAGroupReachAllOtherPorts() async throws {
        try await SwitchRig.with { (rig: SwitchRig) async throws -> Void in
            for destination in [station(7), everybody, someGroup] {
                #expect(
                    try await rig.ports(thatGet: frame(station(1), to: destination), from: 1) == [2, 3, 4],
                    "\(destination)")
            }
            #expect(try await rig.counts() == ["learned": 1, "unknown": 1, "broadcast": 1, "multicast": 1])
            #expect(try await rig.drops() == 0)
        }
    }

    @Test func sixtyFourPortsAreReached() async throws {
        try await SwitchRig.with(ports: 64) { (rig: SwitchRig) async throws -> Void in
            let all = Set(1...64)
            #expect(try await rig.ports(thatGet: frame(station(1), to: everybody), from: 64) == all.subtracting([64]))
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 1) == [64])
        }
    }

    @Test func aStationThatMovesIsFoundAtItsNewPort() async throws {
        try await SwitchRig.with { rig in
            try rig.receive(frame(from: 1, to: 9), on: 1)
            try rig.receive(frame(from: 1, to: 9), on: 3)
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [3])
            #expect(try await rig.counts()["moved"] == 1)
            #expect(try await rig.counts()["learned"] == 2)
        }
    }

    @Test func aStaticStationNeverMoves() async throws {
        let configuration: TypedValue = ["forwarding_table": [["port": 1, "mac": "02:00:00:00:00:01"]]]
        try await SwitchRig.with(configuration) { rig in
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [1])
            try rig.receive(frame(from: 1, to: 9), on: 3)
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [1])
            #expect(try await rig.counts(configuration)["static_elsewhere"] == 1)
            #expect(try await rig.counts(configuration)["moved"] == nil)
            guard case .array(let rows)? = try await rig.state(configuration)["fdb"] else {
                Issue.record("there is no fdb")
                return
            }
            #expect(rows.map { $0["mac"] } == ["02:00:00:00:00:01", "02:00:00:00:00:02"])
            #expect(rows.map { $0["port"] } == [1, 2])
            #expect(rows.map { $0["static"] } == [true, false])
            #expect(rows.map { $0["age"] == nil } == [true, false])
        }
    }

    @Test func aStationIsForgottenWhenItHasBeenSilent() async throws {
        try await SwitchRig.with(["ageing_time": 1]) { rig in
            try rig.receive(frame(from: 1, to: 9), on: 1)
            try await wait(for: "the station to be forgotten") {
                try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [1, 3, 4]
            }
        }
    }

    @Test func nothingGoesBackToThePortThatItCameFrom() async throws {
        try await SwitchRig.with { rig in
            try rig.receive(frame(from: 1, to: 9), on: 1)
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 1).isEmpty)
            #expect(try await rig.reasons() == ["same_port": 1])
            #expect(try await rig.drops() == 1)
        }
    }

    @Test(arguments: [
        (someGroup, everybody, "bad_source"), ([0, 0, 0, 0, 0, 0], everybody, "bad_source"),
        (everybody, station(1), "bad_source"), (station(1), [1, 0x80, 0xc2, 0, 0, 0], "link_local"),
        (station(1), [1, 0x80, 0xc2, 0, 0, 0x0e], "link_local"),
    ])
    func badFramesEndHere(_ source: [UInt8], _ destination: [UInt8], _ reason: String) async throws {
        try await SwitchRig.with { (rig: SwitchRig) async throws -> Void in
            #expect(try await rig.ports(thatGet: frame(source, to: destination), from: 1).isEmpty)
            #expect(try await rig.reasons() == [reason: 1])
            #expect(try await rig.counts()["learned"] == nil)
            #expect(try await rig.drops() == 1)
        }
    }

    @Test func otherReservedGroupsAndThoseThatAreAskedForAreFlooded() async throws {
        try await SwitchRig.with { (rig: SwitchRig) async throws -> Void in
            let group: [UInt8] = [1, 0x80, 0xc2, 0, 0, 0x10]
            #expect(try await rig.ports(thatGet: frame(station(1), to: group), from: 1) == [2, 3, 4])
        }
        try await SwitchRig.with(["forward_link_local": true]) { (rig: SwitchRig) async throws -> Void in
            let group: [UInt8] = [1, 0x80, 0xc2, 0, 0, 0]
            #expect(try await rig.ports(thatGet: frame(station(1), to: group), from: 1) == [2, 3, 4])
        }
    }

    @Test func withoutVLANsTagsMeanNothing() async throws {
        try await SwitchRig.with { rig in
            try rig.receive(frame(from: 1, to: 9, tag: 10), on: 1)
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1, tag: 20), from: 2) == [1])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [1])
        }
    }

    @Test func aFullTableStillForwards() async throws {
        try await SwitchRig.with { rig in
            for number in 0..<5000 {
                let source: [UInt8] = [2, 0, 0, 1, UInt8(number >> 8), UInt8(number & 0xff)]
                try rig.receive(frame(source, to: station(1)), on: 1)
            }
            let counts = try await rig.counts()
            #expect(counts["learned"] == 4096)
            #expect(counts["full"] == 904)
            #expect(try await rig.ports(thatGet: frame(from: 1, to: 2), from: 2) == [1, 3, 4])
            #expect(try await rig.ports(thatGet: frame(from: 2, to: 1), from: 2) == [1, 3, 4])
        }
    }

    @Test func theStateIsSortedAndLimited() async throws {
        try await SwitchRig.with { rig in
            for number in [3, 1, 2] as [UInt8] {
                try rig.receive(frame(from: number, to: 9), on: 1)
            }
            guard case .array(let rows)? = try await rig.state(limit: 2)["fdb"] else {
                Issue.record("there is no fdb")
                return
            }
            #expect(rows.map { $0["mac"] } == ["02:00:00:00:00:01", "02:00:00:00:00:02"])
            let state = try await rig.state()
            #expect(state["stations"] == ["learned": 3, "static": 0])
            guard case .array(let ports)? = state["ports"] else { return }
            #expect(ports.map { $0["stations"] } == [3])
            #expect(ports.map { $0["peer"] } == ["end-1"])
        }
    }
}
