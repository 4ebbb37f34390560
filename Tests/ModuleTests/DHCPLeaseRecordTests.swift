// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

@Suite struct DHCPLeaseRecordTests {
    private static let hour = 3_600_000

    private func lease(_ change: (inout Lease) -> Void = { _ in }) throws -> Lease {
        var lease = Lease(
            address: try #require(IPAddress("10.0.0.5")), state: .bound, client: ClientKey(identifier: [255, 0, 1]),
            hardware: [1, 2, 0, 0, 0, 0, 1], hostname: "pc", duration: 3600, end: 10 * Self.hour)
        change(&lease)
        return lease
    }

    private let clock = ClockReading(boot: "a", sinceBoot: 9 * hour, wall: 500_000 * hour)

    @Test func isReadAsItWasWritten() throws {
        let later = ClockReading(boot: "a", sinceBoot: 9 * Self.hour + 5, wall: 500_000 * Self.hour + 5)
        let all = try [
            lease(), lease { $0.client = ClientKey(hardwareType: 1, address: [2, 0, 0, 0, 0, 1]) },
            lease {
                $0.client = nil
                $0.hardware = []
                $0.hostname = nil
                $0.state = .quarantined
            },
        ]
        for lease in all {
            #expect(LeaseRecord.lease(LeaseRecord.bytes(lease, at: clock), at: later) == lease)
        }
    }

    /// Another hour on the wall changes nothing as long as the machine runs.
    @Test(arguments: [-400_000, -1, 1, 400_000])
    func standsJumpsOfTheClock(_ hours: Int) throws {
        let lease = try lease()
        let jumped = ClockReading(boot: "a", sinceBoot: clock.sinceBoot, wall: clock.wall + hours * Self.hour)
        #expect(LeaseRecord.lease(LeaseRecord.bytes(lease, at: clock), at: jumped) == lease)
    }

    /// After another start the clock on the wall counts, but never for more than the lease.
    @Test(arguments: [(0, 60), (30, 30), (60, 0), (90, 0), (-30, 60), (-10_000_000, 60)])
    func standsAReboot(_ minutes: Int, _ left: Int) throws {
        let bytes = LeaseRecord.bytes(try lease(), at: clock)
        let after = ClockReading(boot: "b", sinceBoot: 30_000, wall: clock.wall + minutes * 60_000)
        #expect(LeaseRecord.lease(bytes, at: after)?.end == 30_000 + left * 60_000)
    }

    @Test func standsAnyBytes() throws {
        let bytes = LeaseRecord.bytes(try lease(), at: clock)
        #expect(LeaseRecord.lease([], at: clock) == nil)
        for round in 0..<5000 {
            var other = bytes
            for _ in 0...round % 3 {
                other[Int.random(in: 0..<other.count)] = UInt8.random(in: 0x20...0x7e)
            }
            _ = LeaseRecord.lease(other, at: clock)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let huge = text.replacing("\"wall\":", with: "\"wall\":9223372036854775807,\"old\":")
        #expect(LeaseRecord.lease(Array(huge.utf8), at: clock) == nil)
    }

    @Test func aServerKnowsItsLeasesAgain() throws {
        var rig = try DHCPRig()
        #expect(try rig.lease(1) == "192.168.1.100")
        #expect(try rig.lease(2) == "192.168.1.101")
        let reading = ClockReading(boot: "a", sinceBoot: rig.now, wall: 0)
        let known = rig.kept.values.compactMap { LeaseRecord.lease(LeaseRecord.bytes($0, at: reading), at: reading) }
        let config = rig.server.config
        rig.server = DHCPServer(config, known: known)
        #expect(rig.server.configure(config).isEmpty)
        #expect(try rig.lease(3) == "192.168.1.102")
        #expect(try rig.lease(2) == "192.168.1.101")
        #expect(try rig.lease(1) == "192.168.1.100")
    }
}
