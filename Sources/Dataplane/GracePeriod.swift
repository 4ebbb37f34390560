// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The kernel lets `BPF_LINK_CREATE` and `BPF_LINK_DETACH` at a tcx hook wait until no CPU uses the hook's old list
/// (tcx_entry_sync, kernel/bpf/tcx.c): 8 to 24 ms by an ordinary RCU grace period, 0.2 ms by an expedited one.
enum GracePeriod {
    /// One switch for the whole host (Documentation/RCU/Design/Expedited-Grace-Periods).
    private static let expedite = "/sys/kernel/rcu_expedited"

    /// Runs `body`, a fraction of a millisecond, with expedited grace periods, and puts the switch back. Where it cannot
    /// be set, `body` takes longer, and nothing else.
    static func expedited<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        guard read() == UInt8(ascii: "0"), write(UInt8(ascii: "1")) else { return try body() }
        defer { _ = write(UInt8(ascii: "0")) }
        return try body()
    }

    private static func read() -> UInt8? {
        let file = open(expedite, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var byte: UInt8 = 0
        return Glibc.read(file, &byte, 1) == 1 ? byte : nil
    }

    private static func write(_ byte: UInt8) -> Bool {
        let file = open(expedite, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var byte = byte
        return Glibc.write(file, &byte, 1) == 1
    }
}
