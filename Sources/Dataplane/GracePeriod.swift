// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation

extension Dataplane {
    /// Runs `body`, a fraction of a millisecond, with expedited grace periods, and puts the switch back. Where it cannot
    /// be set, `body` takes longer, and nothing else.
    func expedited<Result>(_ body: () throws(KernelError) -> Result) throws(KernelError) -> Result {
        guard GracePeriod.read() == UInt8(ascii: "0"), GracePeriod.write(UInt8(ascii: "1")) else { return try body() }
        defer {
            if !GracePeriod.write(UInt8(ascii: "0")) {
                logger.warning(
                    "\(GracePeriod.expedite) stays 1 (\(String(cString: strerror(errno)))): write 0 to it")
            }
        }
        return try body()
    }
}

/// The kernel lets `BPF_LINK_CREATE` and `BPF_LINK_DETACH` at a tcx hook wait until no CPU uses the hook's old list
/// (tcx_entry_sync, kernel/bpf/tcx.c): 8 to 24 ms by an ordinary RCU grace period, 0.2 ms by an expedited one.
private enum GracePeriod {
    /// One switch for the whole host (Documentation/RCU/Design/Expedited-Grace-Periods).
    static let expedite = "/sys/kernel/rcu_expedited"

    static func read() -> UInt8? {
        let file = open(expedite, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var byte: UInt8 = 0
        return Glibc.read(file, &byte, 1) == 1 ? byte : nil
    }

    static func write(_ byte: UInt8) -> Bool {
        let file = open(expedite, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var byte = byte
        return Glibc.write(file, &byte, 1) == 1
    }
}
