// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import ModuleKit
import SwitchModule
import Testing

/// What the switch does with single frames.
@Suite struct SwitchFastPathTests {
    @Test func floodsUntilItKnowsTheStation() async throws {
        try await SwitchRig.with { rig in
            try rig.receive(frame(from: 1, to: 2), on: 1)
            #expect(try await rig.sent() == [0, 1, 1, 1])
            try rig.receive(frame(from: 2, to: 1), on: 2)
            #expect(try await rig.sent() == [1, 1, 1, 1])
            try rig.receive(frame(from: 1, to: 2), on: 1)
            #expect(try await rig.sent() == [1, 2, 1, 1])
        }
    }

    @Test func measure() async throws {
        try await SwitchRig.with { rig in
            try rig.receive(frame(from: 1, to: 2), on: 1)
            try rig.receive(frame(from: 2, to: 1), on: 2)
            for _ in 0..<5 {
                let run = try rig.receive(frame(from: 1, to: 2), on: 1, times: 2_000_000)
                print("ns", run)
            }
        }
    }
}
