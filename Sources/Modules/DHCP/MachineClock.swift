// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The machine's clocks.
struct MachineClock: Sendable {
    /// Which start of the machine it is; empty where that cannot be told, and then leases last by the clock on the wall.
    private let boot: String

    init() {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        boot = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? UUID().uuidString
    }

    /// Milliseconds since the machine started, sleep included.
    var now: Int { Self.milliseconds(CLOCK_BOOTTIME) }

    var reading: ClockReading {
        ClockReading(boot: boot, sinceBoot: now, wall: Self.milliseconds(CLOCK_REALTIME))
    }

    private static func milliseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
    }
}
