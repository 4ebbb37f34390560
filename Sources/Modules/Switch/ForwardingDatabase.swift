// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModuleKit
import TypedValue

/// A station that the fast path has learned.
struct LearnedStation {
    var key: FDBKey
    var port: Int
    /// Nanoseconds of the monotonic clock; 0: never.
    var expires: UInt64

    /// Nil for what is no entry of the table `fdb` (`struct hover_age`, include/hover/aging.h; `struct station`, fdb.h).
    init?(key: [UInt8], value: [UInt8]) {
        var reader = StructureReader(key)
        guard let mac = MACAddress(bytes: reader.bytes(6)) else { return nil }
        self.key = FDBKey(mac: mac, vlan: Int(reader.u16()))
        reader = StructureReader(value)
        expires = reader.u64()
        reader.skip(16)
        port = Int(reader.u16())
    }

    /// Seconds since it sent something; nil where stations never age.
    func age(now: UInt64, ageingTime: Int) -> Int? {
        guard expires != 0 else { return nil }
        let left = Int64(bitPattern: expires &- now)
        return max(0, ageingTime - Int((left + 999_999_999) / 1_000_000_000))
    }
}

extension RunningModule {
    /// The stations that were learned; those whose time is up may be among them for a moment.
    func learnedStations() async throws -> [LearnedStation] {
        try await entries(of: "fdb", limit: 1_048_576).compactMap { LearnedStation(key: $0.key, value: $0.value) }
    }

    /// Forgets stations. Those that are there send something sooner or later, and are learned anew.
    func forgetStations(where isGone: (LearnedStation) -> Bool) async throws {
        for station in try await learnedStations() where isGone(station) {
            try await remove(station.key.bytes, from: "fdb")
        }
    }
}

/// The clock of `hover_now` (include/hover/clock.h), in nanoseconds.
func monotonicNow() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
